"""Bonuses that are written for an entropy and are none: a mean over actions, the taken action alone, every log π.

∇H(π(·|s)) = −Σ_a π(a|s) log π(a|s) ψ(s,a); what is added instead is derived beside each.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Inexact

from pgverify.bugs.changed_losses import NO_THREAD, LossChange, entry_of_change
from pgverify.bugs.entropy import ENTROPY_WEIGHT, entropy_rows
from pgverify.bugs.steps import rows, rows_over_actions
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def _mean_over_actions(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t ∇(1/A) H(π(·|s_t)): −(π log π).mean() for −(π log π).sum(axis=-1)."""
    return entropy_rows(batch) / batch.problem.mdp.num_actions


def _of_taken_action(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t ∇(−π log π)(a_t|s_t) = −Σ_t π (1 + log π) ψ_t, a_t stored: weighted by π once more when drawn."""
    probabilities = np.where(batch.mask, np.exp(batch.log_probs), 0.0)
    return rows(batch, -probabilities * (1.0 + np.where(batch.mask, batch.log_probs, 0.0)))


def _of_every_action(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return −Σ_t Σ_a ψ(s_t, a) = A ∇ Σ_t KL(uniform ‖ π(·|s_t)): the sum of −log π without its factor π."""
    return rows_over_actions(batch, -np.ones((*batch.rewards.shape, batch.problem.mdp.num_actions)))


BONUS_CHANGES: tuple[LossChange, ...] = (
    LossChange(
        "entropy-averaged-over-actions", "returns and a mean over actions of −π log π", added=_mean_over_actions
    ),
    LossChange("entropy-of-taken-action", "returns and −π log π of the actions taken", added=_of_taken_action),
    LossChange("log-probs-of-all-actions", "returns and −log π of every action", added=_of_every_action),
)


_entry = partial(entry_of_change, BONUS_CHANGES)


ENTROPY_AVERAGED_OVER_ACTIONS = _entry(
    142,
    "entropy-averaged-over-actions",
    "−π log π is averaged over the actions instead of summed: the bonus is the entropy over the number of actions.",
    "Sum −π log π over the actions, then average over states.",
    ("AI4Finance-Foundation/ElegantRL#4",),
    f"β = {ENTROPY_WEIGHT}. Where every state has as many actions it is the entropy with another coefficient.",
)

ENTROPY_OF_TAKEN_ACTION = _entry(
    143,
    "entropy-of-taken-action",
    "−π log π of the action that was taken is differentiated as if it were the entropy: the sum over the actions is "
    "missing, and π counts twice.",
    "Sum −π log π over all actions of the state.",
    ("nric/ProximalPolicyOptimizationKeras#5", "werner-duvaud/muzero-general#175"),
)

LOG_PROBS_OF_ALL_ACTIONS = _entry(
    144,
    "log-probs-of-all-actions",
    "log π of every action is added without its factor π: what is driven is KL(uniform ‖ π), not the entropy, and "
    "−log π as a bonus drives away from the uniform policy.",
    "Sum −π log π over the actions of the state.",
    NO_THREAD,
)
