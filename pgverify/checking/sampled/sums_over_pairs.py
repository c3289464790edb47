"""The expectation of what is a sum over single rows and pairs of rows, whichever weights those have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Integer

from pgverify.checking.sampled.batch_law import IndependentLaw
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.crossed_terms import CrossedTerms
from pgverify.validation import Array

MOST_LISTED = 160
"""Trajectories up to which one batch of each alone is called."""

TRIPLES = 2
"""Partitions into three parts, each with batches of four kinds, on which it is seen whether the sum has no triples."""

LOOKS = (8, 16, 32, 64)
"""Cuts after which it is looked at whether they suffice: fluctuations over cuts fall with the size of a batch."""

COVERED = 2
"""Cuts on which every trajectory is tried: what is done to one alone must show, however rare it is."""

ERRORS = 6.0
"""Standard errors over cuts that are allowed for: below 1e-4 even with the seven degrees of freedom of eight cuts."""

Call: TypeAlias = Callable[[Integer[Array, "n"]], Float[Array, "d"]]


@dataclass(frozen=True, eq=False)
class PairSum:
    """What is known of the expectation.

    Attributes
    ----------
    mean : [d]
    error : number
        How far the cuts that were tried may be off from all of them.
    calls : int
    size : float
        The largest estimate that was met.
    """

    mean: Float[Array, "d"]
    error: float
    calls: int
    size: float


class _Called:
    """Counts the calls, and remembers the largest value."""

    def __init__(self, estimate: Call) -> None:
        self._estimate, self.calls, self.size = estimate, 0, 0.0

    def __call__(self, rows: Integer[Array, "n"]) -> Float[Array, "d"]:
        value = self._estimate(rows)
        self.calls, self.size = self.calls + 1, max(self.size, float(np.abs(value).max(initial=0.0)))
        return value


def sum_over_pairs(
    estimate: Call,
    law: IndependentLaw,
    controls: Controls,
    rounding: float,
    within: float,
    rng: np.random.Generator,
) -> PairSum | None:
    """Return the mean of an estimate that is a sum over rows and pairs of rows; None where it does not seem to be one.

    F(x) = Σ_i f_i(x_i) + Σ_{i<j} f_ij(x_i, x_j)   ⇔   Σ_S (−1)^|S| F(x on the parts in S, else y) = 0

    for all batches x, y and partitions of the rows into three parts. So is whatever compares returns with means of the
    others', in any groups, halves or orders, and whatever weighs rows by their places. With A|B a random cut of the
    rows, each pair of rows on different sides with probability P, and k and l independent trajectories,

    E F = E F(k … k) + E [F(k on A, l on B) + F(l on A, k on B) − F(k … k) − F(l … l)] / (2 P)

    The first term is listed. The second is a combination of `CrossedTerms`, whose coefficients depend on the cut alone:
    a few k, l tell them; pairs that have every trajectory between them, that there is nothing else. Cuts are rows of a
    Hadamard matrix: all of them cut each pair equally often, so that nothing is left to chance where all are tried.

    Parameters
    ----------
    estimate : callable
        On batches of rows of a list.
    law : IndependentLaw
        Of those batches.
    controls : Controls
        On the same list.
    rounding : float
        Of an estimate.
    within : float
        Error of the mean at which no more cuts are tried.
    rng : generator
    """
    count, size = len(law.probability), law.size
    if not size > 2 or count > MOST_LISTED:
        return None
    called = _Called(estimate)
    if not all(abs(each) <= 8.0 * rounding for each in _triples(called, law, rng)):
        return None
    terms = CrossedTerms.of(controls, law.probability)
    chosen = terms.telling(rng)
    if chosen is None:
        return None
    alone = np.stack([called(np.full(size, k)) for k in range(count)])
    every, cuts = _cuts(size, rng)
    begun = law.probability @ alone / law.probability.sum()
    order = rng.permutation(count)
    covering = np.stack([order, np.roll(order, 1)], axis=1)[:: 1 if count % 2 else 2]
    found: list[Float[Array, "d"]] = []
    error = np.inf
    for look in LOOKS:
        for cut in cuts[len(found) : look]:
            pairs = np.concatenate([chosen, covering]) if len(found) < COVERED else chosen
            crossed = np.stack([_both_ways(called, cut, k, j) - alone[k] - alone[j] for k, j in pairs.tolist()])
            mean = terms.mean(pairs, crossed, 8.0 * rounding)
            if mean is None:
                return None
            found.append(mean * (every / (every + 1)))  # 1 / (2 P), P = (N/2) / (N − 1)
        left = 1.0 - len(found) / every
        spread = np.std(found, axis=0, ddof=1) if left else np.zeros(len(begun))
        error = ERRORS * float(spread.max(initial=0.0)) * (left / len(found)) ** 0.5
        if error <= within or not left:
            break
    return PairSum(begun + np.mean(found, axis=0), error, called.calls, called.size)


def _both_ways(called: _Called, cut: Bool[Array, "n"], k: int, other: int) -> Float[Array, "d"]:
    return called(np.where(cut, k, other)) + called(np.where(cut, other, k))


def _triples(called: _Called, law: IndependentLaw, rng: np.random.Generator) -> Iterator[float]:
    """Yield the third differences, the largest of each, between batches of four kinds."""
    count = len(law.probability)
    for _ in range(TRIPLES):
        drawn, other = law.draw(2, rng)
        two = rng.integers(count, size=2)
        others = (other, law.spread(1, rng)[0], two[rng.integers(2, size=law.size)], np.full(law.size, two[0]))
        for second in others:
            part = rng.permutation(law.size) % 3
            signs = [(np.array([s & 1, s & 2, s & 4]) > 0) for s in range(8)]
            total = sum((-1.0) ** on.sum() * called(np.where(on[part], drawn, second)) for on in signs)
            yield float(np.abs(total).max(initial=0.0))


def _cuts(size: int, rng: np.random.Generator) -> tuple[int, Bool[Array, "m n"]]:
    """Return how many cuts there are of which each pair of rows is on different sides of N/2, and some or all of them.

    Row i is on side ⟨a, i⟩ mod 2 of cut a, with the binary digits of a = 1 … N − 1 and of the row, numbered by chance.
    """
    number = 2 ** (size - 1).bit_length()
    columns, rows = rng.permutation(number)[:size], 1 + rng.permutation(number - 1)[: LOOKS[-1]]
    both = rows[:, None] & columns
    odd = np.zeros(both.shape, dtype=np.int64)
    while both.any():
        odd, both = odd ^ (both & 1), np.right_shift(both, 1)
    return number - 1, odd > 0
