"""Exact moments of the total-return estimator g = Σ_t ψ_t (R − b_t(s_t)).

Write Ψ_t = Σ_{k≥t} ψ_k, B_t = Σ_{k≥t} ψ_k b_k and G_t = r_t + κ G_{t+1}; then g = Ψ_0 G_0 − B_0. Backwards in time run
the joint moments of Ψ, B and powers of G given s_t. For a function f' of the future,

    E[f' G^k | s,a] = Σ_i C(k,i) κ^i E[u^{k−i} f' G'^i],

and E[Ψ | s] = E[B | s] = 0, because every score has mean zero in its state.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from pgverify.exact.step_law import StepLaw, at_time, increment
from pgverify.recursion import TotalRecursion
from pgverify.validation import Array

Form: TypeAlias = Literal["full", "diagonal", "trace"]


def total_moments(
    law: StepLaw, recursion: TotalRecursion, form: Form
) -> tuple[Float[Array, "d"], Float[Array, "*form"]]:
    """Return E[g] [d] and E[g g^T] as [d, d], its diagonal [d], or its trace []."""
    states, size = len(law.chain.start), law.blocks.size
    blocks, probabilities = law.blocks, law.chain.probabilities
    decay = recursion.decay
    added = increment(law, None, 0)
    # E[u^j; the episode goes on to s' | s,a]; reward noise adds its variance to u².
    powers = [
        law.going_on,
        law.going_on * added.onward,
        law.going_on * (added.onward**2 + law.noise),
    ]
    policy_powers = [law.under_policy(weights) for weights in powers]
    g = np.zeros((3, states))
    g[0] = 1.0
    score = np.zeros((3, states, size))  # E[Ψ G^k | s]
    offset = np.zeros((2, states, size))  # E[B G^k | s]
    shape = {"full": (size, size), "diagonal": (size,), "trace": ()}[form]
    score_score = np.zeros((3, states, *shape))  # E[Ψ Ψ^T G^k | s]
    score_offset = np.zeros((2, states, *shape))  # E[Ψ B^T G^k + B Ψ^T G^k | s]
    offset_offset = np.zeros((1, states, *shape))  # E[B B^T | s]
    pairs = _pair_products(law, form)

    def onward(table: Float[Array, "m S *rest"], k: int) -> Float[Array, "S *rest"]:
        """Return E[f' G^k | s] for the future's table of E[f' G'^i | s']."""
        terms = [comb(k, i) * decay**i * np.tensordot(policy_powers[k - i], table[i], 1) for i in range(k + 1)]
        return np.sum(terms, axis=0)

    def picked(table: Float[Array, "m S d"], k: int) -> Float[Array, "S A k"]:
        """Return E[f' G^k | s,a] at the parameters that s touches."""
        terms = [comb(k, i) * decay**i * blocks.pick(powers[k - i], table[i]) for i in range(k + 1)]
        return np.sum(terms, axis=0)

    for time in reversed(range(law.steps)):
        b = np.where(law.chain.running, at_time(recursion.baseline, time), 0.0)[:, None]
        # E[G^k | s,a]; the part of a step that ends the episode contributes u^k alone.
        moment = [
            np.ones_like(probabilities),
            added.mean + decay * (law.going_on @ g[1]),
            added.square + 2 * decay * (powers[1] @ g[1]) + decay**2 * (law.going_on @ g[2]),
        ]
        new_score_score = np.stack(
            [
                pairs(probabilities * moment[k], 2.0 * probabilities[:, :, None] * picked(score, k))
                + onward(score_score, k)
                for k in range(3)
            ]
        )
        new_score_offset = np.stack(
            [
                pairs(
                    2.0 * probabilities * moment[k] * b,
                    2.0 * probabilities[:, :, None] * (picked(offset, k) + b[:, :, None] * picked(score, k)),
                )
                + onward(score_offset, k)
                for k in range(2)
            ]
        )
        new_offset_offset = pairs(
            probabilities * b**2, 2.0 * probabilities[:, :, None] * b[:, :, None] * picked(offset, 0)
        ) + onward(offset_offset, 0)
        new_score = np.stack(
            [blocks.expand(probabilities * moment[k]) + onward(score, k) for k in range(3)]
        )
        new_offset = np.stack(
            [blocks.expand(probabilities * moment[k] * b) + onward(offset, k) for k in range(2)]
        )
        g = np.stack([np.ones(states)] + [law.mean_action(moment[k]) for k in (1, 2)])
        score, offset = new_score, new_offset
        score_score, score_offset = new_score_score, new_score_offset
        offset_offset = new_offset_offset[None]
    start = np.where(law.chain.running, law.rollout.start, 0.0)
    mean = start @ (score[1] - offset[0])
    second = np.tensordot(start, score_score[2] - score_offset[1] + offset_offset[0], 1)
    return mean, second


def _pair_products(
    law: StepLaw, form: Form
) -> Callable[[Float[Array, "S A"], Float[Array, "S A k"]], Float[Array, "S *form"]]:
    """Return the map (w, v) -> Σ_a { w ψψ^T + sym(ψ v^T) } for every state, in the form asked for.

    v is given at the parameters s touches alone for the diagonal and the trace; for the full matrix the blocks must be
    whole.
    """
    score = law.blocks.score

    def full(weights: Float[Array, "S A"], partner: Float[Array, "S A k"]) -> Float[Array, "S d d"]:
        left = score.transpose(0, 2, 1)
        half = left @ partner
        return left @ (weights[:, :, None] * score) + (half + half.transpose(0, 2, 1)) / 2.0

    def diagonal(weights: Float[Array, "S A"], partner: Float[Array, "S A k"]) -> Float[Array, "S d"]:
        return law.blocks.scatter((score * (weights[:, :, None] * score + partner)).sum(axis=1))

    def trace(weights: Float[Array, "S A"], partner: Float[Array, "S A k"]) -> Float[Array, "S"]:
        return np.asarray((score * (weights[:, :, None] * score + partner)).sum(axis=(1, 2)))

    forms: dict[str, Callable[..., Float[Array, "S *form"]]] = {
        "full": full,
        "diagonal": diagonal,
        "trace": trace,
    }
    return forms[form]
