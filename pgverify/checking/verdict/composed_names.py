"""Naming several faults at once: target × normalisation × sign × law of scale, before there is "no cause"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pgverify.bugs import COMPOSITIONS, PAIRS, Bug
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.verdict.bug_match import Match
from pgverify.checking.verdict.comparison import TargetComparison
from pgverify.checking.verdict.matching_bugs import combines, ranked, suspects
from pgverify.checking.verdict.precision import HIDDEN, Precision, common_factor, deviation
from pgverify.checking.verdict.scale_laws import fitted_law
from pgverify.checking.verdict.scaled_names import FEWEST
from pgverify.checking.verdict.targets import mean_of

GROUP_MEAN = "group-mean-self"

MOST_SIZE = 6
"""Trajectories in a batch, for faults that couple them: more make too many batches for some hundred compositions."""

UNDOING = ("n/(n−1)", "n²/(n−1)", "1/(n−1)")
"""Laws that undo the factor (n−1)/n of a mean that includes the own sample: n/(n−1) times it is the mean of the others,
and right."""


def composed_matches(evidence: Sequence[TargetComparison], precision: Precision, target: str) -> tuple[Match, ...]:
    """Return the compositions of faults with the same expectation, up to a constant or else a law of scale.

    All that are equal are returned; the plainer ones, without a factor, are tried first, then those with a constant,
    then those with a law.

    Parameters
    ----------
    evidence : what was compared with the target
    precision : Precision
    target : str
        What the implementation claims to estimate.
    """
    cases = [i for i in evidence if precision.operations * i.found.scale <= HIDDEN * i.found.natural]
    # A multiple in one direction says nothing, and batches of few trajectories are listed sooner.
    cases = sorted(cases, key=lambda i: (i.directions < 2, _calls(i)))
    if len({id(i.entry) for i in cases if i.directions > 1}) < FEWEST:
        return ()
    coupled = any(i.found.batch_size > 1 for i in cases)

    def matching(bugs: Sequence[Bug]) -> list[tuple[str, Match]]:
        fitting = (bug for bug in bugs if bug.target == target and (coupled or bug.batch_size == 1))
        return [found for bug in fitting if (found := _match(bug, cases, precision)) is not None]

    made = matching(COMPOSITIONS)
    for form in ("same", "constant"):
        if matches := ranked(match for known, match in made if known == form):
            return matches
    known = [bug for bug in suspects(target) if bug.setting is None and combines(bug)]
    return ranked(match for form, match in (*made, *matching([*known, *PAIRS])) if form == "law")


def _match(bug: Bug, cases: Sequence[TargetComparison], precision: Precision) -> tuple[str, Match] | None:
    """Return how a fault explains what was found (the same, a constant multiple, a law), or None."""
    seen, factors, worst = [], [], 0.0
    for item in cases:
        size = item.found.batch_size if bug.batch_size > 1 else 1
        if size > MOST_SIZE:
            continue
        mean = mean_of(bug, "implementation", item.entry.problem, size)
        if mean is None:
            continue
        common = common_factor([item.found], [mean], precision)
        if common is None:
            return None
        if common[0] is not None:
            seen.append((item, mean))
            factors.append(common[0])
    if len({id(item.entry) for item, _ in seen if item.directions > 1}) < FEWEST:
        return None
    law = fitted_law([item for item, _ in seen], factors, precision)
    if law is None:
        return None
    for (item, mean), factor in zip(seen, factors, strict=True):
        worst = max(worst, deviation(item.found, factor * mean, precision, factor))
    plain = all(deviation(item.found, mean, precision) <= precision.relative for item, mean in seen)
    form = "same" if plain else "law" if law.law else "constant"
    if GROUP_MEAN in bug.slug and any(undone in law.law for undone in UNDOING):
        return None
    constant = 1.0 if plain else law.constant
    return form, Match(bug.slug, len(seen), worst, constant, "" if plain else law.law)


def _calls(item: TargetComparison) -> float:
    return float(np.power(float(len(every_trajectory(item.entry.problem)[0])), item.found.batch_size))
