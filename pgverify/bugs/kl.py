"""KL penalties estimated from samples, and what differentiating the estimate gives.

With x = log π(a|s) − log π_ref(a|s) and the reference uniform, the estimators of KL(π‖π_ref) are k1 = x, k2 = x²/2 and
k3 = e^{−x} − 1 + x. Differentiated as losses at stored on-policy actions:

    ∇k1 = ψ              E = 0
    ∇k2 = x ψ            E = Σ_a π ψ x = ∇KL(π‖π_ref)
    ∇k3 = (1 − e^{−x}) ψ  E = −Σ_a π_ref ψ = ∇KL(π_ref‖π)

The law of the states is held fixed throughout, as it is by a loss that sums over visited states.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.steps import at_states, rows, rows_over_actions
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def _log_ratio(batch: Trajectories) -> Float[Array, "n T"]:
    """Return x_t = log π(a_t|s_t) + log A."""
    return batch.log_probs + np.log(batch.problem.mdp.num_actions)


def _closed_form(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t Σ_a π(a|s_t) ψ(s_t,a) x(s_t,a) = Σ_t ∇KL(π(·|s_t)‖uniform)."""
    probabilities = batch.policy.probabilities()
    x = np.log(np.where(probabilities > 0, probabilities, 1.0) * probabilities.shape[1])
    return rows_over_actions(batch, at_states(batch, probabilities * x))


def _k1(batch: Trajectories) -> Inexact[Array, "n d"]:
    return rows(batch, np.ones(batch.rewards.shape))


def _k2(batch: Trajectories) -> Inexact[Array, "n d"]:
    return rows(batch, _log_ratio(batch))


def _k3(batch: Trajectories) -> Inexact[Array, "n d"]:
    return rows(batch, 1.0 - np.exp(-_log_ratio(batch)))


def _k3_values(batch: Trajectories) -> Float[Array, "n T"]:
    x = _log_ratio(batch)
    return np.where(batch.mask, np.exp(-x) - 1.0 + x, 0.0)


def _token_ratio(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the gradient of Σ_t ρ_t k3_t at θ = θ_old, where ρ_t = π/π_old of the step: Σ_t (k3_t ψ_t + ∇k3_t).

    ρ_t is 1 but its gradient is ψ_t. As k3 + 1 − e^{−x} = x, the sum is Σ_t x_t ψ_t, of expectation ∇KL(π‖π_ref);
    written so because e^{−x}, huge for a rare action, would drown x.
    """
    return rows(batch, _log_ratio(batch))


def _sequence_ratio(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the same with the sequence's ratio exp(mean_t log ρ_t), of gradient mean_t ψ_t: Σ_t (k3_t ψ̄ + ∇k3_t)."""
    lengths = np.maximum(batch.lengths, 1)[:, None]
    total = _k3_values(batch).sum(axis=1, keepdims=True)
    return rows(batch, np.broadcast_to(total / lengths, batch.rewards.shape)) + _k3(batch)


KL_K1_AS_LOSS = Bug(
    number=51,
    slug="kl-k1-as-loss",
    effect=Effect.NO_SIGNAL,
    cause="The sampled log-ratio is differentiated as a loss: its gradient ψ has expectation 0.",
    cure="Put the log-ratio into the reward, or differentiate k2, or the KL in closed form.",
    source=("NVIDIA-NeMo/RL#2506", "OpenRLHF/OpenRLHF#1309"),
    implementation=_k1,
    correct=_closed_form,
    target="kl_gradient",
)

KL_K3_AS_LOSS = Bug(
    number=52,
    slug="kl-k3-as-loss",
    effect=Effect.OTHER_TARGET,
    cause="k3 is differentiated as a loss: that gives ∇KL(ref‖π), not ∇KL(π‖ref).",
    cure="Differentiate k2 on policy, or weight k3 by the step's attached importance ratio.",
    source=("verl-project/verl#2953", "huggingface/trl#4967"),
    implementation=_k3,
    correct=_closed_form,
    target="kl_gradient",
    other_target="forward_kl_gradient",
)

KL_K2_AS_LOSS = Bug(
    number=53,
    slug="kl-k2-as-loss",
    effect=Effect.INNOCENT,
    cause="k2 is a biased estimate of the KL, which makes its gradient look wrong.",
    cure="Nothing to change on policy: ∇k2 = x ψ has expectation Σ_t E_s ∇KL(π‖ref) exactly, states held; for the KL "
    "of whole sequences, which also pays for the states that are reached, pay the log-ratio as a reward.",
    source=("verl-project/verl#2953",),
    implementation=_k2,
    correct=_closed_form,
    target="kl_gradient",
    note="On policy only.",
)

SEQUENCE_RATIO_TOKEN_KL = Bug(
    number=54,
    slug="sequence-ratio-token-kl",
    effect=Effect.BIASED,
    cause="The token's KL is multiplied by the sequence's importance ratio, whose gradient belongs to other tokens.",
    cure="Multiply each token's KL by that token's own ratio, whatever ratio the policy loss uses.",
    source=("huggingface/trl#6586", "huggingface/trl#6594"),
    implementation=_sequence_ratio,
    correct=_token_ratio,
    target="kl_gradient",
    note="Innocent on episodes of one step; shows on policy, where every ratio is 1 but its gradient is not 0.",
)
