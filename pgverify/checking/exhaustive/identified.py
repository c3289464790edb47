"""Whether a fault with the same expectation is the fault: its estimates on batches beside the implementation's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.bugs import COMPOSITIONS, ENTRIES, FORMS, PAIRS, Bug, Effect
from pgverify.bugs import get as get_bug
from pgverify.bugs.changed_rows import CHANGES, with_rows_changed
from pgverify.bugs.groups import GROUP_MEAN_SELF
from pgverify.bugs.off_policy_forms import OFF_POLICY_FORMS
from pgverify.checking.calling.calls import Calls, NoEstimate
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.exhaustive.listed_problem import directions, every_trajectory
from pgverify.checking.exhaustive.what_was_listed import Listed
from pgverify.checking.verdict.bug_match import Match
from pgverify.checking.verdict.matching_bugs import REVERSED
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.suites import SuiteProblem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

SAME = 1e-6
"""Relative to the largest estimate of a batch size: what single precision, or a small number added, may differ by."""

OWN_INCLUDED = "(n−1)/n"
"""The factor that such a mean, and a lost row, leave."""

MOST_PROBLEMS, MOST_BATCHES, MOST_SIZE, MOST_MATCHES = 3, 6, 5, 8
"""What is compared, at most: problems, batches of each size, trajectories in a batch, faults."""


def identified(report: Report, implementation: LimitedFunction, known: Sequence[tuple[SuiteProblem, Listed]]) -> Report:
    """Return the report with the fault that the implementation is, among those whose expectation it has.

    Its estimate is compared on batches, up to the factor of the match. Where it is that of one fault everywhere, this
    is the diagnosis, whatever else has the same expectation; where it is that of none, the one fault with the same
    expectation stays the diagnosis, and the report says that only the expectation is the same.

    Parameters
    ----------
    report : Report
    implementation : LimitedFunction
    known : problems that were listed, with what was
    """
    if not report.matches or report.outcome is Outcome.NO_SIGNAL:
        return report
    most = max(match.problems for match in report.matches)
    best = [match for match in report.matches if match.problems == most][:MOST_MATCHES]
    try:
        groups = list(_estimates(Calls(implementation), known))
    except NoEstimate:
        return report
    same = {match.slug for match in best if groups and _is(match, groups)}
    if groups and not same and report.outcome in (Outcome.BIASED, Outcome.OTHER_TARGET):
        return _apart(report, best, groups)
    matches = tuple(replace(match, same=match.slug in same) for match in report.matches)
    if len(same) != 1:
        return replace(report, matches=matches)
    if report.outcome is Outcome.INCONCLUSIVE:
        return report
    bug = get_bug(same.pop())
    if report.outcome is Outcome.SCALED and bug.effect is not Effect.SCALED:
        return report  # what is a multiple of the target here has a plainer cause than a fault that is here
    named = replace(report, diagnosis=bug.slug, cause=bug.cause, cure=bug.cure, source=bug.source)
    return replace(named, matches=tuple(sorted(matches, key=lambda match: not match.same)))


Group = list[tuple[Trajectories, Float[Array, "_"]]]
"""Batches of one size of one problem, and the implementation's estimates."""


def _estimates(calls: Calls, known: Sequence[tuple[SuiteProblem, Listed]]) -> Iterator[Group]:
    """Yield batches with the implementation's estimates: episodes of several lengths and steps first."""
    rng = np.random.default_rng(2)
    cases = [case for case in known if case[1].expectations and directions(case[0].problem) > 1]
    for entry, listing in sorted(cases, key=_telling)[:MOST_PROBLEMS]:
        batch, _ = every_trajectory(entry.problem)
        sizes = [item.batch_size for item in listing.expectations if item.batch_size <= MOST_SIZE]
        for size in sizes:
            drawn = [rng.integers(len(batch), size=size).tolist() for _ in range(MOST_BATCHES)]
            yield [(chosen, calls.estimate(chosen)) for chosen in (batch.select(rows) for rows in drawn)]


def _telling(case: tuple[SuiteProblem, Listed]) -> tuple[bool, int]:
    batch, _ = every_trajectory(case[0].problem)
    return bool(np.ptp(batch.lengths) == 0), -batch.num_steps


def _apart(report: Report, best: Sequence[Match], groups: Sequence[Group]) -> Report:
    """Return the report on estimates that are those of no match: of one with a fault of the whole batch, perhaps.

    A mean that includes the own sample has the expectation of a last row that is lost, beside any other fault. Where it
    is neither, the other fault and the factor are all that is known.
    """
    for match in best:
        plain = _without_mean(match.slug)
        slug = plain.removesuffix(f" + {REVERSED}")
        for change in CHANGES:
            name = f"{slug} + {change}{plain[len(slug) :]}"
            factor = -1.0 if plain != slug else 1.0
            if any(
                all(_equal(with_rows_changed(bug, change), group, factor) for group in groups) for bug in _all(slug)
            ):
                return _diagnosed(report, Match(name, match.problems, match.deviation, same=True))
    only = best[0] if len(best) == 1 else None
    plain = "" if only is None else _without_mean(only.slug)
    if only is None or not plain or plain == only.slug or only.times:
        return report
    return _diagnosed(report, replace(only, slug=plain, law=OWN_INCLUDED))


def _without_mean(slug: str) -> str:
    """Return a composition without the mean that includes the own sample."""
    return " + ".join(part for part in slug.split(" + ") if part != GROUP_MEAN_SELF.slug)


def _diagnosed(report: Report, match: Match) -> Report:
    bug = get_bug(match.slug)
    named = replace(report, diagnosis=bug.slug, cause=bug.cause, cure=bug.cure, source=bug.source)
    return replace(named, matches=(match, *(each for each in report.matches if each.slug != match.slug)))


def _all(slug: str) -> list[Bug]:
    return [bug for bug in (*ENTRIES, *FORMS, *OFF_POLICY_FORMS, *PAIRS, *COMPOSITIONS) if bug.slug == slug]


def _is(match: Match, groups: Sequence[Group]) -> bool:
    """Return whether the estimates are those of a fault on every batch, up to its factor and law."""
    slug = match.slug.removesuffix(f" + {REVERSED}")
    sign = -1.0 if slug != match.slug else 1.0
    variants = _all(slug)
    constant = None if match.law else sign * match.factor
    return any(all(_equal(bug, group, constant) for group in groups) for bug in variants)


def _equal(bug: Bug, group: Group, constant: float | None) -> bool:
    try:
        values = [np.asarray(bug.implementation(batch)) for batch, _ in group]
    except Exception:  # an entry with a setting of its own, on another problem: it does not apply
        return False
    expected = np.stack([value.mean(axis=0) if value.ndim == 2 else value for value in values])
    found = np.stack([estimate for _, estimate in group])
    largest = float(np.abs(found).max())
    if constant is None:  # a law: one factor for a batch size of a problem
        square = float((expected * expected).sum())
        constant = float((expected * found).sum()) / square if square > 0.0 else 0.0
    return bool(np.abs(found - constant * expected).max() <= SAME * largest)
