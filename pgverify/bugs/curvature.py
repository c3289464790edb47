"""Curvature by way of a KL divergence: which argument is held fixed, and does it matter.

F = Σ_t E[ψ_t ψ_tᵀ], and v is a fixed vector, v_j = cos(1 + j). A row is one trajectory's share of F v.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.steps import at_actions, at_states, rows, rows_over_actions
from pgverify.policies.protocol import dense_score
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

DAMPING = 0.1
"""What trust-region codes add to F so that it can be inverted."""


def _vector(batch: Trajectories) -> Float[Array, "d"]:
    return np.cos(1.0 + np.arange(batch.policy.parameters.size))


def _along(batch: Trajectories) -> Float[Array, "S A"]:
    """Return ψ(s,a)·v."""
    return dense_score(batch.policy) @ _vector(batch)


def _fisher_product(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t ψ_t (ψ_t·v): the Hessian of Σ_t KL(detach(π)‖π), times v, at the actions taken.

    ∇² KL(π_old‖π) = −Σ_a π_old ∇² log π, which at π = π_old is Σ_a π ψ ψᵀ.
    """
    return rows(batch, at_actions(batch, _along(batch)))


def _swapped_product(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the Hessian of Σ_t KL(π‖detach(π)), times v.

    ∇KL(π‖π_old) = Σ_a π ψ log(π/π_old); differentiated along v at π = π_old, where the logarithm is 0, only its own
    derivative ψ·v remains: Σ_a π ψ (ψ·v).
    """
    return rows_over_actions(batch, at_states(batch, batch.policy.probabilities() * _along(batch)))


def _damped(batch: Trajectories) -> Inexact[Array, "n d"]:
    return _fisher_product(batch) + DAMPING * _vector(batch)


def _both_sides(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the Hessian of Σ_t KL(π‖π), both sides attached, times v, plus damping.

    KL(π_θ‖π_θ) is 0 for every θ, so all its derivatives are: only 0.1 v remains, whatever the trajectory.
    """
    return np.tile(DAMPING * _vector(batch), (len(batch), 1))


FISHER_NOT_DETACHED = Bug(
    number=56,
    slug="fisher-not-detached",
    effect=Effect.BIASED,
    cause="KL(π‖π) is differentiated on both sides: it is 0 for every θ, and so is the curvature.",
    cure="Detach one side, the old policy.",
    source=("dongminlee94/deep_rl#5",),
    implementation=_both_sides,
    correct=_damped,
    target="damped_fisher_vector_product",
    note="What remains is the damping: the natural gradient becomes the plain one.",
)

KL_DIRECTION_LOCAL = Bug(
    number=57,
    slug="kl-direction-local",
    effect=Effect.INNOCENT,
    cause="The arguments of the KL are swapped in the trust region's Hessian.",
    cure="Nothing to change at θ_old: both directions have the same second derivative, F.",
    source=("openai/spinningup#264",),
    implementation=_swapped_product,
    correct=_fisher_product,
    target="fisher_vector_product",
    note="At θ = θ_old only: away from it the two divergences differ in the third order.",
)
