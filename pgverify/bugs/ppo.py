"""The clipped surrogate at θ' ≠ θ_old: which side is clipped, and what counts as old.

The batch was drawn from θ_old = θ, its own policy; the loss is differentiated at θ' = θ + Δ. With ρ = π_θ'/π_θ,
∇ρ = ρ ψ', and A_t = G_t − V(s_t) of θ:

    ∇ min(ρA, clip(ρ, 1−ε, 1+ε) A) = ρ ψ' A where the unclipped term is the smaller one, else 0.

Inside the clipping range both terms are the same function, and the gradient is ρ ψ' A.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.off_policy import ratio, seen_from_target
from pgverify.bugs.steps import rows, to_go
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

CLIP = 0.2
"""ε, as in Schulman et al., Proximal policy optimization, 2017."""


def _advantage(batch: Trajectories) -> Float[Array, "n T"]:
    return to_go(batch) - batch.values[:, :-1]


def _active_rows(batch: Trajectories, active: Bool[Array, "n T"]) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t ρ_t ψ'_t A_t over the steps whose gradient is not clipped away."""
    weights = batch.discount_powers * ratio(batch) * _advantage(batch)
    return rows(seen_from_target(batch), np.where(active, weights, 0.0))


def _clipped(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the gradient of Σ γ^t min(ρA, clip(ρ)A): inactive where A > 0 and ρ > 1+ε, or A < 0 and ρ < 1−ε."""
    rho, advantage = ratio(batch), _advantage(batch)
    return _active_rows(batch, np.where(advantage > 0, rho <= 1.0 + CLIP, rho >= 1.0 - CLIP))


def _optimistic(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the gradient of Σ γ^t max(ρA, clip(ρ)A): inactive where A > 0 and ρ < 1−ε, or A < 0 and ρ > 1+ε."""
    rho, advantage = ratio(batch), _advantage(batch)
    return _active_rows(batch, np.where(advantage > 0, rho >= 1.0 - CLIP, rho <= 1.0 + CLIP))


def _clipped_first(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the gradient of Σ γ^t min(ρ, clip(ρ)) A = Σ γ^t min(ρ, 1+ε) A: inactive where ρ > 1+ε, whatever A is."""
    return _active_rows(batch, ratio(batch) <= 1.0 + CLIP)


def _surrogate(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the gradient of Σ γ^t ρ A."""
    return _active_rows(batch, batch.mask)


def _always_one(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the gradient of Σ γ^t exp(log π_θ' − detach(log π_θ')) A: the ratio is 1, its gradient ψ'."""
    return rows(seen_from_target(batch), batch.discount_powers * _advantage(batch))


OLD_LOGP_RECOMPUTED = Bug(
    number=35,
    slug="old-logp-recomputed",
    effect=Effect.OTHER_TARGET,
    cause="The old log-probability is recomputed with the new parameters: the ratio is always 1, never clipped.",
    cure="Store the log-probabilities when the actions are chosen, or before the first update.",
    source=("tensorforce/tensorforce#312",),
    implementation=_always_one,
    correct=_surrogate,
    target="surrogate_gradient",
    other_target="weighted_likelihood_gradient",
    note="Innocent before the first update, θ' = θ. For softmax policies with linear logits, Σ_a π A = 0 makes it "
    "∇J(θ) at every θ': the gradient never notices that the policy has moved.",
)

PPO_MAX_FOR_MIN = Bug(
    number=37,
    slug="ppo-max-for-min",
    effect=Effect.BIASED,
    cause="The larger of the clipped and the unclipped term is taken (or a flipped sign turns min into max).",
    cure="Maximise min(ρA, clip(ρ)A), or minimise max(−ρA, −clip(ρ)A).",
    source=("yandexdataschool/Practical_RL#248",),
    implementation=_optimistic,
    correct=_clipped,
    target="ppo_surrogate_gradient",
    note="Innocent before the first update, θ' = θ.",
)

CLIP_BEFORE_ADVANTAGE = Bug(
    number=38,
    slug="clip-before-advantage",
    effect=Effect.BIASED,
    cause="min(ρ, clip(ρ)) is taken before multiplying by A: with A < 0 the wrong side is clipped.",
    cure="Multiply both terms by A first, then take the minimum.",
    source=("takuseno/ppo#3",),
    implementation=_clipped_first,
    correct=_clipped,
    target="ppo_surrogate_gradient",
    note="Innocent before the first update, θ' = θ.",
)
