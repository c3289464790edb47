"""The expectation over all pairs of trajectories from a few rows and columns of their table: for pairs of low rank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.with_controls import ROUNDING
from pgverify.validation import Array

MOST_CROSSES = 16
"""Rows and columns that are called: what is a sum of a few products needs as many as those are."""

LOOKED_AT = 32
"""Pairs on which it is seen whether the crosses suffice: the worst of them is where the next one is laid."""

FEW_CROSSES, MOST_LISTED = 6, 3_300
"""Crosses after which all pairs are called, in both orders, where they are at most so many: 57 trajectories."""

CONFIRMED = 48
"""Fresh pairs, by their probabilities and as many by none, that the crosses must give to rounding."""

SMALL = 1e-6
"""Singular values below this part of the largest are rounding in single precision."""


@dataclass(frozen=True, eq=False)
class Crossed:
    """The mean of a function over all pairs, as far as a few of its rows and columns give all pairs that were tried.

    Attributes
    ----------
    mean : [d]
        Σ_xy p_x p_y F(x, y)
    confirmed : int
        Fresh pairs on which the crosses were right.
    size : float
        The largest estimate that was met.
    """

    mean: Float[Array, "d"]
    confirmed: int
    size: float


def crossed(
    estimate: Callable[[Integer[Array, "two"]], Float[Array, "d"]],
    probability: Float[Array, "K"],
    rng: np.random.Generator,
) -> Crossed | None:
    """Return the exact mean over all pairs of a function that is a sum of products; None where it does not seem to be.

    F(x, y) = Σ_k u_k(x) v_k(y)   ⇒   F = F(:, Y) F(X, Y)⁺ F(X, :),   if X and Y are as many as there are products

    A credit of one's own, and a baseline made of the other, whatever it is, are four products: A(x), A(y), ψ(x) b(y)
    and b(x) ψ(y). The table of all pairs is never called, only its crosses, one after another, where the worst of a few
    pairs shows that one is missing (adaptive cross approximation; Bebendorf 2000). Fresh pairs must confirm it, twice
    as many each time that they did not. Where each coordinate takes crosses of its own they do not suffice: all pairs
    are called, if they are few enough.

    Parameters
    ----------
    estimate : callable
        The estimate of the batch of two rows of a list.
    probability : [K]
        Of each trajectory in the list.
    rng : generator
    """
    count = len(probability)
    chance = probability / probability.sum()

    def pairs(number: int) -> Integer[Array, "m two"]:
        return np.concatenate([rng.choice(count, (number, 2), p=chance), rng.integers(count, size=(number, 2))])

    known: dict[tuple[int, int], Float[Array, "d"]] = {}

    def value(x: int, y: int) -> Float[Array, "d"]:
        if (x, y) not in known:
            known[x, y] = estimate(np.array([x, y]))
        return known[x, y]

    def called(chosen: Integer[Array, "m two"]) -> Float[Array, "m d"]:
        return np.stack([value(x, y) for x, y in chosen.tolist()])

    every = np.arange(count)
    looked, confirming = pairs(LOOKED_AT // 2), CONFIRMED
    values = called(looked)
    size = float(np.abs(values).max(initial=0.0))
    worst = looked[int(np.argmax(np.abs(values).max(axis=1)))]
    xs: list[int] = []
    ys: list[int] = []
    rows: list[Float[Array, "K d"]] = []
    columns: list[Float[Array, "K d"]] = []
    for _ in range(MOST_CROSSES):
        x, y = int(worst[0]), int(worst[1])
        xs, ys = [*xs, x], [*ys, y]
        rows.append(called(np.stack([np.full(count, x), every], axis=1)))
        columns.append(called(np.stack([every, np.full(count, y)], axis=1)))
        table = _Table(np.stack(rows), np.stack(columns), np.array(ys))
        away = np.abs(table.at(looked) - values).max(axis=1)
        if away.max() <= ROUNDING * size:
            fresh = pairs(confirming)
            found = called(fresh)
            size = max(size, float(np.abs(found).max(initial=0.0)))
            away = np.abs(table.at(fresh) - found).max(axis=1)
            if away.max() <= ROUNDING * size:
                return Crossed(table.mean(chance), len(fresh), size)
            confirming *= 2
            looked, values = np.concatenate([looked, fresh]), np.concatenate([values, found])
            away = np.abs(table.at(looked) - values).max(axis=1)
        worst = looked[int(np.argmax(away))]
        if len(xs) == FEW_CROSSES and count**2 <= MOST_LISTED:
            every_pair = np.indices((count, count)).reshape(2, -1).T
            found = called(every_pair)
            mean = chance[every_pair].prod(axis=1) @ found
            return Crossed(mean, len(known), max(size, float(np.abs(found).max(initial=0.0))))
    return None


class _Table:
    """What crosses say of all pairs, coordinate by coordinate.

    Parameters
    ----------
    rows : [r, K, d]
        F(x, :) for each x of the crosses.
    columns : [r, K, d]
        F(:, y) for each y.
    ys : [r]
    """

    def __init__(self, rows: Float[Array, "r K d"], columns: Float[Array, "r K d"], ys: Integer[Array, "r"]) -> None:
        self._rows = np.moveaxis(rows, -1, 0)
        self._columns = np.moveaxis(columns, -1, 0)
        middle = self._rows[:, :, ys]
        self._inverse = np.linalg.pinv(middle, rcond=SMALL)

    def at(self, pairs: Integer[Array, "m two"]) -> Float[Array, "m d"]:
        """Return F at the given pairs."""
        left, right = self._columns[:, :, pairs[:, 0]], self._rows[:, :, pairs[:, 1]]
        return np.asarray(np.einsum("jym,jyx,jxm->mj", left, self._inverse, right))

    def mean(self, chance: Float[Array, "K"]) -> Float[Array, "d"]:
        """Return Σ_xy p_x p_y F(x, y)."""
        return np.asarray(np.einsum("jy,jyx,jx->j", self._columns @ chance, self._inverse, self._rows @ chance))
