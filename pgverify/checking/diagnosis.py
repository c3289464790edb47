"""Naming the bug: whose expectation is it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pgverify.bugs import Bug, catalogue
from pgverify.bugs.bug import Effect
from pgverify.checking.exhaustive import Expectation, list_expectation
from pgverify.checking.suite import SuiteProblem
from pgverify.checking.verdict import deviation

TIME_LIMIT = 10.0


@dataclass(frozen=True)
class Match:
    """A catalogued fault whose expectation is the implementation's on every problem where both are known.

    Attributes
    ----------
    slug : str
    problems : int
        On how many problems.
    deviation : float
        The largest relative difference.
    """

    slug: str
    problems: int
    deviation: float


def matching_bugs(
    found: Sequence[tuple[SuiteProblem, Expectation]], rounding: float, target: str
) -> tuple[Match, ...]:
    """Return the catalogued faults with the same expectation, the one seen on most problems first.

    Several faults can have one expectation: all are listed, none is guessed.
    """
    matches = []
    for bug in catalogue():
        if bug.effect in (Effect.INNOCENT, Effect.INVALID_COMPARISON) or bug.setting is not None:
            continue
        if bug.target != target:
            continue
        match = _match(bug, found, rounding)
        if match is not None:
            matches.append(match)
    return tuple(sorted(matches, key=lambda match: (-match.problems, match.slug)))


def _match(bug: Bug, found: Sequence[tuple[SuiteProblem, Expectation]], rounding: float) -> Match | None:
    worst, seen = 0.0, 0
    for entry, expectation in found:
        listing = list_expectation(bug.implementation, entry.problem, bug.kind == "weights", TIME_LIMIT)
        same = [e for e in listing.expectations if e.batch_size == expectation.batch_size]
        if not same:
            continue
        gap = deviation(expectation, same[0].mean)
        if gap > max(rounding, 1e-9):
            return None
        worst, seen = max(worst, gap), seen + 1
    informative = seen > 0 and any(np.any(expectation.mean) for _, expectation in found)
    return Match(bug.slug, seen, worst) if informative else None
