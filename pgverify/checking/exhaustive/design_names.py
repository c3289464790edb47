"""Naming a fault on batches of the caller's design: in each group or in the whole batch, by what it makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.bugs import COMPOSITIONS, PAIRS, Bug, Effect
from pgverify.bugs import get as get_bug
from pgverify.checking.calling.calls import Calls, NoEstimate
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.design import Design, Grouped, laws_of
from pgverify.checking.exhaustive.identified import SAME
from pgverify.checking.exhaustive.listed_problem import directions, every_trajectory
from pgverify.checking.sampled.batch_law import arranged
from pgverify.checking.verdict.bug_match import Match
from pgverify.checking.verdict.matching_bugs import REVERSED, suspects
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.suites import SuiteProblem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

MOST_PROBLEMS, MOST_BATCHES = 4, 6
"""What is compared, at most: problems, and batches of each size."""

PLAIN = 1e-6
"""Relative difference from 1 within which a factor is none."""

WHERE = {
    "group": "its estimates are those of {slug} in each group of the design",
    "batch": "its estimates are those of {slug} in the whole batch, across the groups of the design",
}
"""What is said of a fault that was met, by what it was applied to."""


@dataclass(frozen=True, eq=False)
class _Met:
    """Batches of one problem, with the implementation's estimates.

    Attributes
    ----------
    batches : tuple of Trajectories
    estimates : [m, d]
    size : int or None
        Trajectories in a group; None where there are none.
    """

    batches: tuple[Trajectories, ...]
    estimates: Float[Array, "m d"]
    size: int | None


@dataclass(frozen=True)
class _Named:
    """A fault whose estimates are the implementation's, up to a factor, and what it was applied to."""

    match: Match
    bug: Bug
    where: str


def named_by_design(
    report: Report, implementation: LimitedFunction, suite: Sequence[SuiteProblem], design: Design
) -> Report:
    """Return the report with the fault whose estimates the implementation's are on batches of the design.

    Expectations over groups are not those over independent trajectories, by which faults are named otherwise. Here the
    faults of the catalogue are called themselves, on each group and on the whole batch: equal estimates name more than
    an equal expectation, and take no listing. Those without a factor come before those with one.

    Parameters
    ----------
    report : Report
    implementation : LimitedFunction
    suite : problems that can be listed
    design : Design
    """
    if report.outcome not in (Outcome.SCALED, Outcome.BIASED) or report.diagnosis is not None:
        return report
    try:
        met = list(_met(Calls(implementation), suite, design))
    except NoEstimate:
        return report
    if not met:
        return report
    scaled = report.outcome is Outcome.SCALED
    for bugs in ([*suspects(report.target)], [bug for bug in (*PAIRS, *COMPOSITIONS) if bug.target == report.target]):
        fitting = [bug for bug in bugs if bug.setting is None and (bug.effect is Effect.SCALED or not scaled)]
        named = [found for bug in fitting if (found := _named(bug, met)) is not None]
        if named:
            return _with(report, named, design)
    return report


def _met(calls: Calls, suite: Sequence[SuiteProblem], design: Design) -> Iterator[_Met]:
    """Yield batches with the implementation's estimates: on problems with several starts and lengths first."""
    size = design.size if isinstance(design, Grouped) else None
    several = [entry for entry in suite if directions(entry.problem) > 1]
    for entry in sorted(several, key=_unlike)[:MOST_PROBLEMS]:
        batch, _ = every_trajectory(entry.problem)
        rng = np.random.default_rng(2)
        for law in laws_of(design, entry.problem):
            chosen = tuple(arranged(batch, rows, law) for rows in law.spread(MOST_BATCHES, rng))
            estimates = np.stack([calls.estimate(each) for each in chosen])
            if estimates.any():
                yield _Met(chosen, estimates, size)


def _unlike(entry: SuiteProblem) -> tuple[int, int]:
    batch, _ = every_trajectory(entry.problem)
    return -min(len(np.unique(batch.states[:, 0])), 2) - 2 * (len(np.unique(batch.lengths)) > 1), -batch.num_steps


def _named(bug: Bug, met: Sequence[_Met]) -> _Named | None:
    """Return the fault if its estimates are those that were met, on each group or on whole batches."""
    for where in ("group", "batch") if met[0].size is not None and bug.batch_size > 1 else ("batch",):
        factor = _factor(bug, met, where)
        if factor is not None:
            reverses = factor < 0.0 and bug.slug != REVERSED
            slug = f"{bug.slug} + {REVERSED}" if reverses else bug.slug
            return _Named(Match(slug, len(met), 0.0, abs(factor) if reverses else factor, same=True), bug, where)
    return None


def _factor(bug: Bug, met: Sequence[_Met], where: str) -> float | None:
    """Return the one factor by which the estimates are the fault's on all batches; None where there is none."""
    factors = []
    for each in met:
        expected = _estimates(bug, each, where)
        if expected is None:
            return None
        square = float((expected * expected).sum())
        factor = float((expected * each.estimates).sum()) / square if square > 0.0 else 0.0
        gap = np.abs(each.estimates - factor * expected).max()
        if factor == 0.0 or not gap <= SAME * np.abs(each.estimates).max():
            return None
        factors.append(factor)
    if np.ptp(factors) > SAME * abs(factors[0]):
        return None
    return 1.0 if abs(factors[0] - 1.0) <= PLAIN else float(np.mean(factors))


def _estimates(bug: Bug, met: _Met, where: str) -> Float[Array, "m d"] | None:
    """Return the estimates of a fault on the batches; None where it does not apply."""
    rows = []
    try:
        for batch in met.batches:
            size = len(batch) if where == "batch" or met.size is None else met.size
            whole = replace(batch, group=None)  # entries make groups of their own where they have any
            parts = [np.asarray(bug.implementation(whole.select(part))) for part in _parts(len(batch), size)]
            rows.append(np.mean([part.mean(axis=0) if part.ndim == 2 else part for part in parts], axis=0))
        found = np.stack(rows)
    except Exception:  # an entry for Gaussian policies on a softmax problem, say: it does not apply
        return None
    return found if found.shape == met.estimates.shape and np.isfinite(found).all() else None


def _parts(rows: int, size: int) -> Iterator[slice]:
    return (slice(first, first + size) for first in range(0, rows, size))


def _with(report: Report, named: Sequence[_Named], design: Design) -> Report:
    plain = [each for each in named if each.match.factor == 1.0]
    best = {each.match.slug: each for each in plain or named}
    rest = tuple(match for match in report.matches if match.slug not in best)
    found = replace(report, matches=(*(each.match for each in best.values()), *rest))
    if len(best) != 1:
        return found
    slug, only = next(iter(best.items()))
    bug = only.bug if slug == only.bug.slug else get_bug(slug)
    where = (WHERE[only.where].format(slug=slug),) if isinstance(design, Grouped) and only.bug.batch_size > 1 else ()
    notes = (*report.notes, *where)
    return replace(found, diagnosis=slug, cause=bug.cause, cure=bug.cure, source=bug.source, notes=notes)
