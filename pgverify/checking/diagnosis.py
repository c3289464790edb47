"""Naming the bug: whose expectation is it?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float

from pgverify.bugs import Bug, Effect, get, names
from pgverify.checking.exhaustive import Expectation
from pgverify.checking.suite import SuiteProblem
from pgverify.checking.verdict import deviation
from pgverify.exact import enumerate_trajectories
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


@dataclass(frozen=True)
class Match:
    """A catalogued fault whose expectation is the implementation's on every problem where both are known.

    Attributes
    ----------
    slug : str
    problems : int
        On how many problems (and batch sizes).
    deviation : float
        The largest relative difference.
    """

    slug: str
    problems: int
    deviation: float


def matching_bugs(found: Sequence[tuple[SuiteProblem, Expectation]], rounding: float, target: str) -> tuple[Match, ...]:
    """Return the catalogued faults with the same expectation, the one seen on most problems first.

    Several faults can have one expectation: all are listed, none is guessed. A fault that couples the trajectories of
    a batch is compared with implementations that do, and no other.

    Parameters
    ----------
    found : the implementation's expectations, by problem
    rounding : float
        Relative difference that counts as equal.
    target : str
        What the implementation claims to estimate.
    """
    silent = all(deviation(item, np.zeros_like(item.mean)) <= rounding for _, item in found)
    # A fault that carries signal may vanish on a few problems; only one that never does explains silence.
    suspected = [bug for bug in suspects(target) if not silent or bug.effect is Effect.NO_SIGNAL]
    matches = [match for bug in suspected if (match := _match(bug, found, rounding)) is not None]
    return tuple(sorted(matches, key=lambda match: (-match.problems, match.slug)))


def suspects(target: str) -> Iterator[Bug]:
    """Yield the catalogued faults that claim the same target and need no setting of their own."""
    for bug in map(get, names()):
        harmless = bug.effect in (Effect.INNOCENT, Effect.NOISIER, Effect.INVALID_COMPARISON)
        if not harmless and bug.setting is None and bug.target == target:
            yield bug


def _match(bug: Bug, found: Sequence[tuple[SuiteProblem, Expectation]], rounding: float) -> Match | None:
    worst, seen = 0.0, 0
    for entry, expectation in found:
        if (expectation.batch_size == 1) != (bug.batch_size == 1) or expectation.batch_size < bug.batch_size:
            continue
        mean = listed_mean(bug.implementation, entry.problem, expectation.batch_size, bug.kind == "weights")
        gap = deviation(expectation, mean)
        if gap > rounding:
            return None
        worst, seen = max(worst, gap), seen + 1
    return Match(bug.slug, seen, worst) if seen else None


def listed_mean(
    function: Callable[[Trajectories], Float[Array, "..."]], problem: Problem, batch_size: int, weights: bool
) -> Float[Array, "d"]:
    """Return the exact expectation of a function of the catalogue, which is trusted to behave.

    Parameters
    ----------
    function : batch -> [n, d] or [d], or weights [n, T]
        With a batch size of 1, rows [n, d] that do not affect each other.
    problem : Problem
    batch_size : int
    weights : bool
        Whether the function returns step weights.
    """
    batch, probability = enumerate_trajectories(problem)

    def rows(chosen: Trajectories) -> Float[Array, "..."]:
        value = np.asarray(function(chosen))
        return chosen.score_weighted(value) if weights else value

    if batch_size == 1:
        return np.asarray(probability @ rows(batch))
    total = np.zeros(problem.policy.parameters.size)
    for indices in product(range(len(batch)), repeat=batch_size):
        value = rows(batch.select(list(indices)))
        estimate = value.mean(axis=0) if value.ndim == 2 else value
        total += probability[list(indices)].prod() * estimate
    return total
