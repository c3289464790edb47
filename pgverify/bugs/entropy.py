"""Entropy bonuses. H(π(·|s)) = −Σ_a π log π, and ∇H = −Σ_a π ψ log π, because Σ_a π ψ = 0."""

from __future__ import annotations

import numpy as np
from jaxtyping import Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.steps import at_states, credit, rows, rows_over_actions
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

ENTROPY_WEIGHT = 0.1
"""β: large enough to be seen beside ∇J."""


def entropy_rows(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t ∇H(π(·|s_t)), states held fixed [n, d]."""
    probabilities = batch.policy.probabilities()
    surprise = -probabilities * np.log(np.where(probabilities > 0, probabilities, 1.0))
    return rows_over_actions(batch, at_states(batch, surprise))


def _sampled(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the gradient of Σ_t −log π(a_t|s_t), a_t stored: −Σ_t ψ_t, of expectation 0.

    −log π(a) estimates H, but its derivative at a fixed sample misses that the law of a moves with θ.
    """
    return rows(batch, -np.ones(batch.rewards.shape))


def _added(batch: Trajectories) -> Inexact[Array, "n d"]:
    return rows(batch, credit(batch)) + ENTROPY_WEIGHT * entropy_rows(batch)


def _subtracted(batch: Trajectories) -> Inexact[Array, "n d"]:
    return rows(batch, credit(batch)) - ENTROPY_WEIGHT * entropy_rows(batch)


SAMPLED_ENTROPY = Bug(
    number=21,
    slug="sampled-entropy",
    effect=Effect.NO_SIGNAL,
    cause="−log π(a) of the stored actions is used as the entropy: its gradient −ψ has expectation 0.",
    cure="Differentiate the entropy in closed form, or −log π(a) through the sample, or use −ψ log π.",
    source=("DLR-RM/stable-baselines3 (ppo.py, policies without a closed-form entropy)",),
    implementation=_sampled,
    correct=entropy_rows,
    target="entropy_gradient",
)

ENTROPY_SIGN = Bug(
    number=22,
    slug="entropy-sign",
    effect=Effect.BIASED,
    cause="The entropy bonus has the wrong sign: entropy is driven down.",
    cure="Add β H to what is maximised; subtract it from a loss.",
    source=("DLR-RM/stable-baselines3#127", "rlworkgroup/garage#628"),
    implementation=_subtracted,
    correct=_added,
    target="entropy_regularised_gradient",
    note=f"β = {ENTROPY_WEIGHT}.",
)
