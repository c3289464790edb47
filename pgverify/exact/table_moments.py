"""Exact moments of sums over steps whose factors are tables over states and actions: one sweep backwards in time.

With A = p u + q Y' − b and C = c (ψ A + e(s)), where e(s) = Σ_a e(s,a) ψ(s,a), the part of g from step t on is
X = C + f X', and under the policy μ that acts, per state,

    E[Y], E[Y²]     of Y = y u + k Y'
    E[X]   = Σ_a μ (E C + f x')
    E[Y X] = Σ_a μ (c ψ E[Y A] + c e E[Y] + f (y E[u X'] + k E[Y' X']))
    E[XXᵀ] = Σ_a μ (E[C Cᵀ] + f (E[C X'ᵀ] + (·)ᵀ) + f² E[X'X'ᵀ]).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from pgverify.declarations import TableRecursion
from pgverify.dynamics import SuccessorLists
from pgverify.errors import InvalidEstimator, InvalidPolicy, TooLarge
from pgverify.exact.step_law import Increment, StepLaw, increment
from pgverify.exact.weights_under_way import NEGLIGIBLE_SURVIVAL, weights_under_way
from pgverify.validation import Array

LARGEST_TABLE = 25_000_000
"""Cells of a table [S, d, d]: 200 MB of float64."""


@dataclass(frozen=True)
class _Ahead:
    """What is known of the time after a step: E[Y], E[Y²] [S], E[X], E[YX] [d, S], E[XXᵀ] [d, d, S] or [d, S]."""

    first: Float[Array, "S"]
    square: Float[Array, "S"]
    mean: Float[Array, "d S"]
    cross: Float[Array, "d S"]
    second: Float[Array, "*d_d S"]


def table_sums(
    law: StepLaw, declared: TableRecursion, form: Literal["full", "diagonal", "trace"]
) -> tuple[Float[Array, "d"], Float[Array, "*form"]]:
    """Return E[g] and E[g gᵀ] (its diagonal, its trace) of a table recursion, before the factor of each step.

    Parameters
    ----------
    law : StepLaw
    declared : TableRecursion
    form : "full", "diagonal" or "trace"

    Raises
    ------
    InvalidEstimator
        When a table is not of the problem's shape.
    InvalidPolicy
        When there is no horizon and the variance is infinite.
    TooLarge
        When a table [S, d, d] would not fit in memory.
    """
    states, size = len(law.chain.start), law.blocks.size
    if form == "full" and states * size * size > LARGEST_TABLE:
        raise TooLarge(
            f"problem has S = {states:,} and d = {size:,}, must have S·d² of at most {LARGEST_TABLE:,} for the whole "
            'covariance of this estimator; ask for form="diagonal"'
        )
    law = replace(law, reward=law.reward - declared.reward_baseline)
    score = law.blocks.dense()
    ahead = _Ahead(
        np.zeros(states),
        np.zeros(states),
        np.zeros((size, states)),
        np.zeros((size, states)),
        np.zeros((size, size, states) if form == "full" else (size, states)),
    )
    steps = _steps(law, declared)
    varying = declared.critic is not None and declared.critic.ndim == 2
    for time in reversed(range(steps)):
        if varying or time >= steps - 2:  # before the last step the same is added always
            added = increment(law, declared.critic, time)
            paid = law.going_on.times(added.onward)
        ahead = _step(law, declared, score, _Added(time, added, paid), ahead)
    second = ahead.second @ law.running_start
    return ahead.mean @ law.running_start, np.asarray(second.sum() if form == "trace" else second)


class _Added(NamedTuple):
    """What a step adds at a time: u, and P u where the episode goes on."""

    time: int
    increment: Increment
    paid: SuccessorLists


def _step(law: StepLaw, table: TableRecursion, score: Float[Array, "S A d"], added: _Added, ahead: _Ahead) -> _Ahead:
    """Return what is known at a time from what is known of the time after it."""
    time, u, paid = added
    full = ahead.second.ndim == 3
    chosen = np.where(law.chain.running[:, None], law.acting, 0.0)
    y, k, p, q, f = table.earned, table.carried, table.credited, table.credited_ahead, table.passed
    b = _at("baseline", table.baseline, time, p.shape)
    c = float(table.weighting**time)
    weights = _at("expected", table.expected, time, p.shape)
    direct = np.einsum("sa,sad->sd", np.where(law.chain.running[:, None], weights, 0.0), score)
    # Means over what follows, for every state and action.
    y1, y2 = law.going_on.ahead(ahead.first), law.going_on.ahead(ahead.square)
    uy = paid.ahead(ahead.first)
    x, z = _by_action(law.going_on.ahead(ahead.mean)), _by_action(law.going_on.ahead(ahead.cross))
    ux = _by_action(paid.ahead(ahead.mean))
    # Means of Y, A and their products.
    first = y * u.mean + k * y1
    a1 = p * u.mean + q * y1 - b
    a2 = p**2 * u.square + 2.0 * p * q * uy + q**2 * y2 - 2.0 * b * (a1 + b) + b**2
    ya = y * p * u.square + (y * q + k * p) * uy + k * q * y2 - b * first
    square = y**2 * u.square + 2.0 * y * k * uy + k**2 * y2
    # A X': what the score of this step is multiplied by, beside what follows.
    ax = p[:, :, None] * ux + q[:, :, None] * z - b[:, :, None] * x
    rows, passed = chosen[:, :, None], f[:, :, None]
    drawn, e = c * score, c * direct[:, None, :]
    mean = (rows * (drawn * a1[:, :, None] + e + passed * x)).sum(axis=1)
    later = passed * (y[:, :, None] * ux + k[:, :, None] * z)
    cross = (rows * (drawn * ya[:, :, None] + e * first[:, :, None] + later)).sum(axis=1)
    onward = law.going_on.under(chosen * f**2)
    # C Cᵀ + f (C X'ᵀ + X' Cᵀ) = sym[2 (C/2 + f X') ⊗ C], factor by factor of ψ and e.
    of_score = drawn * (0.5 * a2)[:, :, None] + e * a1[:, :, None] + passed * ax
    of_direct = 0.5 * e + passed * x
    if full:
        shape = ahead.second.shape
        kept = (onward @ ahead.second.reshape(-1, shape[-1]).T).T.reshape(shape)
        half = np.einsum("sad,sae->des", rows * drawn, of_score)
        half += np.einsum("sd,sae->des", e[:, 0, :], rows * of_direct)
        second = kept + half + half.transpose(1, 0, 2)
    else:
        kept = (onward @ ahead.second.T).T
        second = kept + 2.0 * (rows * (drawn * of_score + e * of_direct)).sum(axis=1).T
    return _Ahead((chosen * first).sum(axis=1), (chosen * square).sum(axis=1), mean.T, cross.T, second)


def _by_action(tables: Float[Array, "d S A"]) -> Float[Array, "S A d"]:
    return tables.transpose(1, 2, 0)


def _at(name: str, table: Float[Array, "*time S A"] | None, time: int, shape: tuple[int, ...]) -> Float[Array, "S A"]:
    """Return a table at a time, or zeros for none."""
    if table is None:
        return np.zeros(shape)
    if table.shape[-2:] != shape or (table.ndim == 3 and len(table) <= time):
        raise InvalidEstimator(f"{name} has shape {table.shape}, must be [S, A] = {shape} or [T, S, A]")
    return table if table.ndim == 2 else table[time]


def _steps(law: StepLaw, declared: TableRecursion) -> int:
    """Return the horizon, or after how many steps nothing that counts is left of a random one."""
    if law.rollout.horizon is not None:
        return law.rollout.horizon
    growth = np.maximum(1.0, np.maximum(declared.passed**2, declared.carried**2))
    steps, left = weights_under_way(law.running_start, law.going_on.under(law.acting * growth))
    if left < NEGLIGIBLE_SURVIVAL:
        return steps
    raise InvalidPolicy(
        f"acting makes weights that grow too fast for an episode without a horizon: after {steps} steps their squares "
        f"are {left:.3g} in the mean, must die out; cut episodes (max_steps=)"
    )
