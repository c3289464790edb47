"""Joint moments of the total return, of scores, and of the importance weight of a whole trajectory, forward in time.

For every state and every value W of the product of ratios so far, six means are carried on, of the measure that lists
trajectories: with Φ = Σ_k c_k ψ̃_k, ψ̃ = (ψ, ψ b), and R the rewards already paid,

    E[R^j], E[Φ R^j], E[Φ Φᵀ R^j],   j = 0, 1, 2.

A step adds its score first, then its reward. What remains at the end, E[g;W] and E[g gᵀ;W] with g = Σ c ψ (R − b),
holds whatever is made of W: a cap, or a division by the weights of other trajectories. Products of ratios that agree to
rounding are one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.declarations import TrajectoryWeights, ratio_table
from pgverify.errors import InvalidEstimator, TooLarge
from pgverify.exact.step_law import StepLaw, at_time
from pgverify.recursion import TotalRecursion
from pgverify.validation import Array

LARGEST_TABLE = 25_000_000
"""Cells of the tables that are carried on: 200 MB of float64."""

SAME_WEIGHT = 1e-12
"""Relative difference of two products of ratios that is rounding."""


@dataclass(frozen=True, eq=False)
class WeightedTotals:
    """The law of the weight of a trajectory, and the moments of g beside each of its values.

    Attributes
    ----------
    weight : [m]
        Every value of W, from the smallest.
    probability : [m]
        Of each, under the policy that acts.
    mean : [m, d]
        E[g; W].
    second : [m, d, d]
        E[g gᵀ; W].
    """

    weight: Float[Array, "m"]
    probability: Float[Array, "m"]
    mean: Float[Array, "m d"]
    second: Float[Array, "m d d"]


@dataclass(frozen=True, eq=False)
class _Carried:
    """E[R^j], E[Φ R^j], E[ΦΦᵀ R^j], of every weight and state."""

    returns: Float[Array, "3 m S"]
    scores: Float[Array, "3 m S D"]
    products: Float[Array, "3 m S D D"]

    def plus(self, other: _Carried) -> _Carried:
        return _Carried(*(mine + theirs for mine, theirs in zip(self.tables, other.tables, strict=True)))

    @property
    def tables(self) -> tuple[Array, Array, Array]:
        return self.returns, self.scores, self.products


def trajectory_sums(law: StepLaw, declared: TrajectoryWeights) -> tuple[Float[Array, "d"], Float[Array, "d d"]]:
    """Return E[g] and E[g gᵀ] of an estimator that weights whole trajectories, before the factor of each step."""
    if np.isinf(declared.cap):  # W and W² are products of factors of the steps: no list of values is needed
        once = weighted_totals(law, declared.base, law.chain.probabilities, by_weight=False)
        twice = weighted_totals(law, declared.base, law.squares, by_weight=False)
        return once.mean[0], twice.second[0]
    found = weighted_totals(law, declared.base)
    weight = np.minimum(found.weight, declared.cap)
    return weight @ found.mean, np.einsum("m,mde->de", weight**2, found.second)


def weighted_totals(
    law: StepLaw, base: TotalRecursion, measure: Float[Array, "S A"] | None = None, by_weight: bool = True
) -> WeightedTotals:
    """Return the law of W and the moments of g beside it.

    Parameters
    ----------
    law : StepLaw
        With a horizon.
    base : TotalRecursion
    measure : [S, A], optional
        What every action counts; by default its probability under the policy that acts.
    by_weight : bool
        Whether the values of W are kept apart; without, `weight` is 1.

    Raises
    ------
    InvalidEstimator
        When the number of steps has no bound.
    TooLarge
        When the weights take too many values.
    """
    if law.rollout.horizon is None:
        raise InvalidEstimator(
            "estimator weights whole trajectories, must have episodes of bounded length for exact moments: pass "
            "max_steps=, or weight decisions one by one (RewardToGo)"
        )
    counted = law.acting if measure is None else measure
    counted = np.where(law.chain.running[:, None], counted, 0.0)
    ratios = ratio_table(law.rollout) if by_weight else np.ones(counted.shape)
    values = np.unique(ratios[counted > 0]) if (counted > 0).any() else np.ones(1)
    score = law.blocks.dense()
    weight, carried = np.ones(1), _started(law, 2 * score.shape[2])
    ended: list[tuple[Array, _Carried]] = [(weight, _at_rest(law, carried))]
    for time in range(law.steps):
        baseline = np.where(law.chain.running, at_time(base.baseline, time), 0.0)
        both = np.concatenate([score, score * baseline[:, None, None]], axis=2) * base.weighting**time
        moved: list[tuple[Array, _Carried]] = []
        for value in values:
            law_of_it = np.where(ratios == value, counted, 0.0)
            onward, last = _moved(law, carried, both, law_of_it, base.decay**time)
            moved.append((value * weight, onward))
            ended.append((value * weight, last))
        weight, carried = _merged(moved)
        ended = [_merged(ended)]
        if 3 * carried.products.size > LARGEST_TABLE:
            raise TooLarge(
                f"weights of trajectories take {len(weight):,} values after {time + 1} steps, must be fewer for "
                f"exact moments of d = {score.shape[2]} parameters; shorten the horizon (max_steps=) or sample"
            )
    weight, whole = _merged([*ended, (weight, carried)])
    return _of_estimator(weight, whole, score.shape[2])


def _started(law: StepLaw, size: int) -> _Carried:
    states = len(law.chain.start)
    returns = np.zeros((3, 1, states))
    returns[0, 0] = law.running_start
    return _Carried(returns, np.zeros((3, 1, states, size)), np.zeros((3, 1, states, size, size)))


def _at_rest(law: StepLaw, like: _Carried) -> _Carried:
    """Return the trajectories without a step, which start in a terminal state."""
    returns = np.zeros_like(like.returns)
    returns[0, 0] = law.rollout.start - law.running_start
    return replace(like, returns=returns)


def _moved(
    law: StepLaw, carried: _Carried, score: Float[Array, "S A D"], counted: Float[Array, "S A"], power: float
) -> tuple[_Carried, _Carried]:
    """Return what is carried to the next state by some actions, where the episode goes on and where it has ended."""
    onward, last = None, None
    for action in np.flatnonzero(counted.any(axis=0)):
        chosen = _scored(carried, score[:, action]).tables
        for lists, is_last in ((law.going_on, False), (law.ending, True)):
            for k in range(law.reward.shape[2]):
                flow = counted[:, action] * lists.weight[:, action, k]
                paid = power * law.reward[:, action, k]
                noise = power**2 * law.noise[:, action, k]
                parts = [_paid(table, flow, paid, noise) for table in chosen]
                arrived = _Carried(*(_arrived(part, lists.successor[:, action, k]) for part in parts))
                if is_last:
                    last = arrived if last is None else last.plus(arrived)
                else:
                    onward = arrived if onward is None else onward.plus(arrived)
    nothing = _Carried(*(np.zeros_like(table) for table in carried.tables))
    return onward or nothing, last or nothing


def _scored(carried: _Carried, score: Float[Array, "S D"]) -> _Carried:
    """Add the score of an action to Φ."""
    returns, scores, products = carried.tables
    added = returns[..., None] * score
    mixed = scores[..., :, None] * score[:, None, :]
    outer = returns[..., None, None] * (score[:, :, None] * score[:, None, :])
    return _Carried(returns, scores + added, products + mixed + np.swapaxes(mixed, -1, -2) + outer)


def _paid(
    table: Float[Array, "3 m S *D"], flow: Float[Array, "S"], paid: Float[Array, "S"], noise: Float[Array, "S"]
) -> Float[Array, "3 m S *D"]:
    """Add a reward of given mean and variance to R, in a table of means beside R^0, R^1 and R^2."""
    shape = (-1, *(1,) * (table.ndim - 3))
    flow, paid, noise = flow.reshape(shape), paid.reshape(shape), noise.reshape(shape)
    zeroth, first, square = table
    return flow * np.stack([zeroth, first + paid * zeroth, square + 2.0 * paid * first + (paid**2 + noise) * zeroth])


def _arrived(table: Float[Array, "3 m S *D"], successor: Array) -> Float[Array, "3 m S *D"]:
    found = np.zeros_like(table)
    np.add.at(np.moveaxis(found, 2, 0), successor, np.moveaxis(table, 2, 0))
    return found


def _merged(parts: list[tuple[Array, _Carried]]) -> tuple[Array, _Carried]:
    """Return parts as one, with equal weights added up."""
    weights = np.concatenate([weight for weight, _ in parts])
    order = np.argsort(weights, kind="stable")
    steps = np.diff(weights[order]) > SAME_WEIGHT * weights[order][1:]
    group = np.empty(len(weights), dtype=np.int64)
    group[order] = np.concatenate([[0], np.cumsum(steps)])
    count = int(group.max()) + 1
    kept = np.zeros(count)
    kept[group] = weights
    tables = []
    for many in zip(*(carried.tables for _, carried in parts), strict=True):
        joined = np.concatenate(many, axis=1)
        total = np.zeros((3, count, *joined.shape[2:]))
        np.add.at(np.moveaxis(total, 1, 0), group, np.moveaxis(joined, 1, 0))
        tables.append(total)
    return kept, _Carried(*tables)


def _of_estimator(weight: Float[Array, "m"], whole: _Carried, size: int) -> WeightedTotals:
    """Return the moments of g = Φ_1 R − Φ_2, where Φ = (Φ_1, Φ_2)."""
    returns, scores, products = (table.sum(axis=2) for table in whole.tables)
    one, two = slice(0, size), slice(size, None)
    mixed = products[1][:, one, two]
    second = products[2][:, one, one] - mixed - np.swapaxes(mixed, 1, 2) + products[0][:, two, two]
    return WeightedTotals(weight, returns[0], scores[1][:, one] - scores[0][:, two], second)
