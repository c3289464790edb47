"""Naming several faults at once: target × normalisation × sign × law of scale, before there is "no cause"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pgverify.bugs import COMPOSITIONS, PAIRS, Bug, Effect
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.verdict.bug_match import Match
from pgverify.checking.verdict.comparison import TargetComparison
from pgverify.checking.verdict.matching_bugs import ranked, suspects
from pgverify.checking.verdict.precision import HIDDEN, Precision, common_factor, deviation, size_of
from pgverify.checking.verdict.scale_laws import BY_STEPS, fitted_law
from pgverify.checking.verdict.targets import mean_of

FEWEST = 3
"""Problems with more than one direction, and something to estimate, below which nothing composed is named."""


def composed_matches(
    evidence: Sequence[TargetComparison], precision: Precision, target: str, multiple: bool
) -> tuple[Match, ...]:
    """Return the compositions of faults with the same expectation, up to a constant or else a law of scale.

    All that are equal are returned; the plainer ones, without a factor, are tried first, then those with a constant,
    then those with a law. Of a multiple of the target itself only faults of scale are tried, with a law.

    Parameters
    ----------
    evidence : what was compared with the target
    precision : Precision
    target : str
        What the implementation claims to estimate.
    multiple : bool
        Whether the expectation is a multiple of it.
    """
    cases = [i for i in evidence if precision.operations * i.found.scale <= HIDDEN * i.found.natural]
    # A multiple in one direction says nothing, and batches of few trajectories are listed sooner.
    cases = sorted(cases, key=lambda i: (i.directions < 2, _calls(i)))
    if len({id(i.entry) for i in cases if i.directions > 1}) < FEWEST:
        return ()
    known = [bug for bug in suspects(target) if bug.setting is None]
    scaled = [bug for bug in known if bug.effect is Effect.SCALED]
    if multiple:  # what is left of it must not depend on the batch size: that is the fault's own law
        by_size = [bug for bug in scaled if bug.batch_size > 1]
        return ranked(m for m in _matching(by_size, cases, precision, {"law"}) if m.law in BY_STEPS)
    coupled = any(i.found.batch_size > 1 for i in cases)
    made = [b for b in COMPOSITIONS if b.target == target and (coupled or b.batch_size == 1)]
    others = [bug for bug in (*known, *PAIRS) if bug.target == target and bug not in scaled]
    others = [bug for bug in others if coupled or bug.batch_size == 1]
    for bugs, forms in ((made, {"same"}), (made, {"constant"}), ((*made, *others), {"law"})):
        if matches := ranked(_matching(bugs, cases, precision, forms)):
            return matches
    return ()


def _matching(
    bugs: Sequence[Bug], cases: Sequence[TargetComparison], precision: Precision, forms: set[str]
) -> list[Match]:
    found = (_match(bug, cases, precision) for bug in bugs)
    return [match for form, match in filter(None, found) if form in forms]


def _match(bug: Bug, cases: Sequence[TargetComparison], precision: Precision) -> tuple[str, Match] | None:
    """Return how a fault explains what was found (the same, a constant multiple, a law), or None."""
    seen, factors, worst = [], [], 0.0
    for item in cases:
        size = item.found.batch_size if bug.batch_size > 1 else 1
        mean = mean_of(bug, "implementation", item.entry.problem, size)
        if mean is None:
            continue
        factor = common_factor([item.found], [mean], precision)
        if factor is None:
            return None
        if factor[0] is not None:
            seen.append((item, mean))
            factors.append(factor[0])
    if len({id(item.entry) for item, _ in seen if item.directions > 1}) < FEWEST:
        return None
    law = fitted_law([item for item, _ in seen], factors, precision)
    if law is None:
        return None
    for (item, mean), factor in zip(seen, factors, strict=True):
        worst = max(worst, deviation(item.found, factor * mean, precision, factor))
    plain = all(deviation(item.found, mean, precision) <= precision.relative for item, mean in seen)
    form = "same" if plain else "law" if law.law else "constant"
    constant = 1.0 if plain else law.constant
    return form, Match(bug.slug, len(seen), worst, constant, "" if plain else law.law)


def _calls(item: TargetComparison) -> float:
    return float(np.power(float(len(every_trajectory(item.entry.problem)[0])), item.found.batch_size))


def reversed_target(evidence: Sequence[TargetComparison], slug: str) -> tuple[Match, ...]:
    """Return the wrong sign as a match, where enough was compared: of a target itself, no fault but that is seen."""
    cases = [i for i in evidence if size_of(i.target) > 0.0]
    if len({id(i.entry) for i in cases if i.directions > 1}) < FEWEST:
        return ()
    return (Match(slug, len(cases), 0.0),)
