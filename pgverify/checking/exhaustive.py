"""The exact expectation of somebody's function, by calling it on every trajectory, or every batch, that exists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.checking.probe import Answer, ask, describe
from pgverify.exact.enumeration import enumerate_trajectories
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

MOST_BATCHES = 600
"""Batches listed of one size on one problem, for functions that couple their trajectories: a fraction of a second."""

COUPLING_TOLERANCE = 1e-6
"""Relative to the largest row: what single precision may differ by when a row is computed in other company."""

MOST_PAIRS = 40
"""Pairs that are tried for coupling on one problem, spread over the whole list."""


@dataclass(frozen=True, eq=False)
class Expectation:
    """The exact mean of an estimate over all batches of one size.

    Attributes
    ----------
    batch_size : int
        Trajectories in a batch; 1 for functions that treat trajectories independently.
    mean : [d]
    scale : float
        E of the largest entry of |estimate|: what rounding errors are relative to.
    trace : float
        tr Cov of the estimate, times the batch size.
    """

    batch_size: int
    mean: Float[Array, "d"]
    scale: float
    trace: float


@dataclass(frozen=True, eq=False)
class Listing:
    """What calling a function on everything there is has shown, on one problem.

    Attributes
    ----------
    expectations : tuple of Expectation
        One for independent functions; one a batch size for coupled ones. Empty where nothing could be judged.
    coupled : bool
        Whether trajectories of a batch affect each other's contributions.
    single : bool
        Whether every value is one of single precision.
    invalid : str
        The first failure, with its input; empty if there was none.
    deterministic : bool
        Whether a second call on the same batch gave the same value.
    warnings : tuple of str
    """

    expectations: tuple[Expectation, ...]
    coupled: bool = False
    single: bool = False
    invalid: str = ""
    deterministic: bool = True
    warnings: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """False where a call failed, or was not repeatable."""
        return not self.invalid and self.deterministic


def list_expectation(
    implementation: Callable[[Trajectories], Any],
    problem: Problem,
    weights: bool,
    time_limit: float,
    coupled: bool = False,
) -> Listing:
    """Return the exact expectation of an implementation on a problem small enough to list.

    Coupling is found by calling on single trajectories and on lists, and comparing; never assumed away.

    Parameters
    ----------
    implementation : batch -> [n, d] or [d]; with `weights`, batch -> [n, T]
    problem : Problem
    weights : bool
        Whether step weights are returned instead of estimates.
    time_limit : float
        Seconds for each call.
    coupled : bool
        Whether coupling has been seen elsewhere: then batches are listed, though none is seen here.
    """
    batch, probability = enumerate_trajectories(problem)
    size = problem.policy.parameters.size

    def call(rows: list[int]) -> Answer:
        """Return the estimate [d] of a batch."""
        chosen = batch.select(rows)
        count = len(rows)
        shapes = (chosen.actions.shape,) if weights else ((count, size), (size,))
        answer = ask(implementation, chosen, shapes, time_limit)
        if answer.value is None:
            return answer
        value = chosen.score_weighted(answer.value) if weights else answer.value
        estimate = value.mean(axis=0) if value.ndim == 2 else value
        return Answer(estimate, "", answer.warnings, answer.single)

    together = call(list(range(len(batch))))
    if together.value is None:
        return Listing((), invalid=together.problem, warnings=together.warnings)
    again = call(list(range(len(batch))))
    singles = [call([i]) for i in range(len(batch))]
    warnings = tuple(dict.fromkeys(w for answer in (*singles, together) for w in answer.warnings))
    if again.value is None:
        return Listing((), invalid=f"answered once, but then {again.problem}", warnings=warnings)
    if not np.array_equal(together.value, again.value):
        gap = float(np.abs(together.value - again.value).max())
        note = f"two calls on the same batch differ by {gap:.3g}"
        return Listing((), deterministic=False, warnings=(*warnings, note))
    failed = [answer.problem for answer in singles if answer.value is None]
    if failed and len(failed) < len(singles):
        return Listing((), invalid=failed[0], warnings=warnings)
    if not failed:
        rows = np.stack([answer.value for answer in singles if answer.value is not None])
        single = all(answer.single or not np.any(answer.value) for answer in singles)
        if not coupled and not _coupled(call, rows, together.value):
            return Listing((_summary(1, rows, probability),), False, single, warnings=warnings)
    else:
        warnings = (*warnings, f"needs more than one trajectory: on one alone it {failed[0].split(' on the batch')[0]}")
    return _listed_batches(call, batch, probability, together.single, warnings)


def _coupled(call: Callable[[list[int]], Answer], rows: Float[Array, "n d"], together: Float[Array, "d"]) -> bool:
    """Return whether the estimate of a list is anything but the mean of the estimates of its members."""
    scale = np.abs(rows).max()
    tries = [(together, rows.mean(axis=0))]
    count = len(rows)
    # Members far apart in the list differ in start state, action and length; both orders of a pair are tried.
    firsts = np.unique(np.linspace(0, count - 1, MOST_PAIRS // 2).astype(int))
    for first in firsts:
        pair = [int(first), int((first + count // 2 + first % 3) % count)]
        for members in (pair, pair[::-1]):
            answer = call(members)
            if answer.value is None:
                return True
            tries.append((answer.value, rows[members].mean(axis=0)))
    for members in ([0] * 3, [*range(count)][::-1]):
        answer = call(members)
        if answer.value is None:
            return True
        tries.append((answer.value, rows[members].mean(axis=0)))
    return any(np.abs(got - expected).max() > COUPLING_TOLERANCE * scale for got, expected in tries)


def _listed_batches(
    call: Callable[[list[int]], Answer],
    batch: Trajectories,
    probability: Float[Array, "n"],
    single: bool,
    warnings: tuple[str, ...],
) -> Listing:
    expectations = []
    for size in (2, 3):
        if len(batch) ** size > MOST_BATCHES:
            break
        estimates, weights = [], []
        for rows in product(range(len(batch)), repeat=size):
            answer = call(list(rows))
            if answer.value is None:
                return Listing((), True, invalid=answer.problem, warnings=warnings)
            estimates.append(answer.value)
            weights.append(probability[list(rows)].prod())
        expectations.append(_summary(size, np.stack(estimates), np.asarray(weights)))
    note = () if expectations else ("couples its trajectories: judged only where batches of them can be listed",)
    return Listing(tuple(expectations), True, single, warnings=(*warnings, *note))


def _summary(size: int, estimates: Float[Array, "n d"], weights: Float[Array, "n"]) -> Expectation:
    mean = weights @ estimates
    spread = float(weights @ ((estimates - mean) ** 2).sum(axis=1))
    return Expectation(size, mean, float(weights @ np.abs(estimates).max(axis=1)), size * spread)


__all__ = ["Expectation", "Listing", "describe", "list_expectation"]
