"""Naming the bug: the faults of the catalogue that have the same expectation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np

from pgverify.bugs import COMPOSITIONS, ENTRIES, FORMS, PAIRS, Bug, Effect
from pgverify.bugs.off_policy_forms import OFF_POLICY_FORMS
from pgverify.bugs.surrogate_forms import surrogate_faults
from pgverify.checking.exhaustive.batch_expectation import BatchExpectation
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.verdict.bug_match import Match
from pgverify.checking.verdict.precision import HIDDEN, Precision, common_factor, deviation, lost_to_rounding, vanishes
from pgverify.checking.verdict.surrogate_terms import clip_of, surrogate_numbers
from pgverify.checking.verdict.targets import mean_of, target_vector
from pgverify.collected_problem import collected
from pgverify.exact.trust_region import clip_bounds
from pgverify.suites import SuiteProblem

IMMEDIATE = "immediate-reward + "
"""Compositions that have the expectation of pairs with past-rewards, and are tried beside these."""

REVERSED = "sign-reversed"
"""The slug of the entry that a negative factor is."""


def matching_bugs(
    found: Sequence[tuple[SuiteProblem, BatchExpectation]],
    precision: Precision,
    target: str,
    own_settings: bool,
    multiple: bool,
) -> tuple[Match, ...]:
    """Return the catalogued faults with the same expectation, the one seen on most problems first.

    Several faults can have one expectation: all are listed, none is guessed. Where there is none, faults combined with
    a factor, the same on every problem, are tried; then pairs of common faults, and those with a factor. A fault that
    couples the trajectories of a batch is compared with implementations that do, and no other.

    Parameters
    ----------
    found : the implementation's expectations, by problem
    precision : Precision
        What counts as equal.
    target : str
        What the implementation claims to estimate.
    own_settings : bool
        Whether entries that need a setting of their own are tried too: on problems that the caller gave.
    multiple : bool
        Whether the expectation is a multiple of the target itself: then no other fault is looked for in it.
    """
    # Where rounding is large beside a gradient estimate, anything is equal to anything.
    found = [case for case in found if _told(case[1], precision)]
    # Most faults differ in the smallest batches of some problem already: the larger listings are then not made.
    found = sorted(found, key=lambda case: (case[1].batch_size, len(every_trajectory(case[0].problem)[0])))
    silent = all(vanishes(item, precision) for _, item in found)
    # A fault that carries signal may vanish on a few problems; only one that never does explains silence.
    acted = any(collected(entry.problem)[1] is not None for entry, _ in found)
    suspected = [
        bug
        for bug in (*suspects(target), *(OFF_POLICY_FORMS if acted and target == OFF_POLICY_FORMS[0].target else ()))
        if (own_settings or bug.setting is None) and (not silent or bug.effect is Effect.NO_SIGNAL)
    ]
    if multiple and not silent and not own_settings:
        # A multiple of the target on the whole suite: there every fault that is none differs from it.
        suspected = [bug for bug in suspected if bug.effect is Effect.SCALED]
    tries = [(suspected, False)]
    if not silent and not multiple:
        immediate = [bug for bug in COMPOSITIONS if bug.slug.startswith(IMMEDIATE)]
        pairs = [bug for bug in (*PAIRS, *immediate) if bug.target == target]
        tries += [([bug for bug in suspected if combines(bug)], True), (pairs, False), (pairs, True)]
    off = cache(partial(_off, found, precision))
    matches: list[Match] = []
    for bugs, multiples in tries:
        if not matches:
            matches = [match for bug in bugs if (match := _match(bug, found, precision, multiples, off)) is not None]
    return ranked(matches)


def _off(found: Sequence[tuple[SuiteProblem, BatchExpectation]], precision: Precision, target: str, place: int) -> bool:
    """Return whether one of the expectations is off a target: the same for all faults that claim it."""
    entry, expectation = found[place]
    goal = target_vector(target, entry.problem, expectation.batch_size)
    return goal is None or deviation(expectation, goal, precision) > precision.relative


def ranked(matches: Iterable[Match]) -> tuple[Match, ...]:
    """Return matches, one a name, those seen on most problems first; a negative factor is a wrong sign besides."""
    best: dict[str, Match] = {}
    for match in sorted(map(_signed, matches), key=lambda match: match.deviation):
        best.setdefault(match.slug, match)
    return tuple(sorted(best.values(), key=lambda match: (-match.problems, match.slug)))


def _signed(match: Match) -> Match:
    if match.factor > 0.0:
        return match
    return replace(match, slug=f"{match.slug} + {REVERSED}", factor=-match.factor)


def _told(found: BatchExpectation, precision: Precision) -> bool:
    lost = precision.operations * found.scale + lost_to_rounding(found, precision)
    return lost <= HIDDEN * found.natural


def suspects(target: str) -> Iterator[Bug]:
    """Yield the catalogued faults that claim the same target, in all of their forms."""
    for bug in (*ENTRIES, *FORMS, *_of_surrogate(target)):
        harmless = bug.effect in (Effect.INNOCENT, Effect.NOISIER, Effect.INVALID_COMPARISON)
        if not harmless and bug.target == target:
            yield bug


def _of_surrogate(target: str) -> tuple[Bug, ...]:
    """Return the faults of a ratio where a surrogate alone is claimed."""
    numbers = surrogate_numbers(target)
    return () if numbers is None else surrogate_faults(target, *clip_bounds(clip_of(numbers)))


def combines(bug: Bug) -> bool:
    """Return whether a multiple of a fault is two faults: of what only scales the target, it is a multiple of that."""
    return bug.effect is not Effect.SCALED and bug.slug != REVERSED


def _match(
    bug: Bug,
    found: Sequence[tuple[SuiteProblem, BatchExpectation]],
    precision: Precision,
    multiples: bool,
    off_target: Callable[[str, int], bool],
) -> Match | None:
    worst, seen = 0.0, 0
    off = told = 0
    factors: list[float] = []
    for place, (entry, expectation) in enumerate(found):
        size = expectation.batch_size
        # An entry for rows that do not affect each other may still couple them (an outer product): it is tried on both.
        # One of batches is the same as one of single trajectories on some problems: of equal length, say.
        sizes = (1, 2, 3) if bug.batch_size > 1 and size == 1 else (size,)
        differs = off_target(bug.target, place)
        off += differs
        means = (mean_of(bug, "implementation", entry.problem, number) for number in sizes)
        known = (mean for mean in means if mean is not None)
        mean = next(known, None)
        if mean is None and bug.batch_size == 1 and size > 1:  # too many batches, of rows that affect no other
            mean = mean_of(bug, "implementation", entry.problem, 1)
        if mean is None:
            continue
        factor = 1.0
        if multiples:
            common = common_factor([expectation], [mean], precision)
            if common is None:
                return None
            factor = common[0] if common[0] is not None else factors[0] if factors else 1.0
            factors += [] if common[0] is None else [factor]
            if np.ptp(factors or [1.0]) > 1e3 * precision.relative * np.abs(factor):
                return None
        gap = deviation(expectation, factor * mean, precision, factor)
        if gap > precision.relative:
            return None
        if any(deviation(expectation, factor * other, precision, factor) > precision.relative for other in known):
            return None  # it depends on the size of the batch, and the implementation does not
        worst, seen, told = max(worst, gap), seen + 1, told + differs
    # Where neither the fault nor what was found is off the target, that they are equal tells nothing.
    if 2 * told < off:
        return None
    # On one or two problems some fault or other is a multiple of anything.
    if seen == 0 or (multiples and len(factors) < 3):
        return None
    return Match(bug.slug, seen, worst, float(np.mean(factors)) if factors else 1.0)
