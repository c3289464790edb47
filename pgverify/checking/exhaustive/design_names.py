"""Naming a fault on batches of the caller's design: in each group or in the whole batch, by what it makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from pgverify.bugs import COMPOSITIONS, PAIRS, Bug, Effect
from pgverify.bugs import get as get_bug
from pgverify.bugs.compositions import Composition
from pgverify.bugs.normalisation import NORMALISE_MINIBATCH
from pgverify.bugs.off_policy_forms import OFF_POLICY_FORMS
from pgverify.checking.calling.calls import Calls, NoEstimate
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.design import Design, Grouped, laws_of
from pgverify.checking.exhaustive.design_loss_names import with_loss_of_design
from pgverify.checking.exhaustive.fitted_deviations import fitted_deviations
from pgverify.checking.exhaustive.identified import SAME
from pgverify.checking.exhaustive.listed_problem import directions, every_trajectory
from pgverify.checking.exhaustive.what_was_listed import Listed
from pgverify.checking.sampled.batch_law import arranged
from pgverify.checking.verdict.bug_match import Match
from pgverify.checking.verdict.comparison import compared
from pgverify.checking.verdict.matching_bugs import REVERSED, suspects
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.precision import common_factor
from pgverify.checking.verdict.recognised_precision import recognised_precision
from pgverify.checking.verdict.report import Report
from pgverify.suites import SuiteProblem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

MOST_PROBLEMS, MOST_BATCHES = 4, 6
"""What is compared, at most: problems, and batches of each size."""

FEW_BATCHES = 3
"""Batches of every problem on which a loss must be what was found."""

WHERE_IT_IS_OFF = 24
"""Batches as the design draws them, of a problem on which the expectation is off: there a name must hold, too."""

NAMEABLE = (Outcome.SCALED, Outcome.BIASED, Outcome.OTHER_TARGET)
"""Outcomes that a fault may be behind."""

PLAIN = 1e-5
"""Relative difference from 1 within which a factor is none: what is added to a deviation may be off by 1e-6."""

BY_STEPS = "1/T (T the number of steps)"
"""What the multiple of a fault may be besides, from problem to problem."""

WHERE = {
    "group": "its estimates are those of {slug} in each group of the design",
    "steps": "its estimates are those of {slug} in each group of the design, each group counting with its steps",
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

    @property
    def seen(self) -> tuple[tuple[Trajectories, ...], Float[Array, "m d"], int | None]:
        """The three together."""
        return self.batches, self.estimates, self.size

    @cached_property
    def whole(self) -> list[Trajectories]:
        """The batches without the groups of the design: made once, for hundreds of faults are called on them."""
        return [replace(batch, group=None) for batch in self.batches]

    @cached_property
    def groups(self) -> list[list[Trajectories]]:
        """The groups of each, which know of no others."""
        return [self.divided(batch) for batch in self.whole]

    def divided(self, batch: Trajectories) -> list[Trajectories]:
        """Return the groups of a batch."""
        size = self.size or len(batch)
        return [batch.select(slice(first, first + size)) for first in range(0, len(batch), size)]


@dataclass(frozen=True)
class _Named:
    """A fault whose estimates are the implementation's, up to a factor, and what it was applied to."""

    match: Match
    bug: Bug
    where: str


def named_by_design(
    report: Report,
    implementation: LimitedFunction,
    suite: Sequence[SuiteProblem],
    known: Sequence[tuple[SuiteProblem, Listed]],
    design: Design,
) -> Report:
    """Return the report with the fault whose estimates the implementation's are on batches of the design.

    Expectations over groups are not those over independent trajectories, by which faults are named otherwise. Here the
    faults of the catalogue are called themselves, on each group and on the whole batch: equal estimates name more than
    an equal expectation, and take no listing. Those without a factor come before those with one.

    Parameters
    ----------
    report : Report
    implementation : LimitedFunction
    suite : problems whose trajectories can be listed
    known : problems whose batches could be listed, with what was
    design : Design
    """
    if report.outcome not in NAMEABLE or any(match.same for match in report.matches):
        return report
    calls = Calls(implementation)
    try:
        met = list(_met(calls, suite, design, _off(report)))
    except NoEstimate:
        return report
    if not met:
        return report
    scaled = report.outcome is Outcome.SCALED
    composed = [bug for bug in (*PAIRS, *COMPOSITIONS) if bug.target == report.target]
    fitted = fitted_deviations(implementation, [] if scaled else _told_best(suite), design, report.target)
    acted = any(not batch.rollout.on_policy for each in met for batch in each.batches)
    forms = OFF_POLICY_FORMS if acted and report.target == OFF_POLICY_FORMS[0].target else ()
    for bugs in ((*suspects(report.target), *forms), composed, fitted):
        fitting = [bug for bug in bugs if bug.setting is None and (bug.effect is Effect.SCALED or not scaled)]
        named = [found for bug in fitting if (found := _named(bug, met)) is not None and _explains(found, report)]
        if named:
            return _with(report, named, design)
    if scaled:
        return replace(report, matches=(*report.matches, *_by_factor(report, known, design)))
    try:
        return with_loss_of_design(
            report, calls, [each.seen for each in met], lambda: [each.seen for each in _elsewhere(calls, suite, design)]
        )
    except NoEstimate:
        return report


def _by_factor(report: Report, known: Sequence[tuple[SuiteProblem, Listed]], design: Design) -> tuple[Match, ...]:
    """Return the faults that make the multiple that was found, of a group or of a batch: equal in expectation alone."""
    evidence = compared(known, report.target)
    goals = [item.target for item in evidence]
    factors = common_factor([item.found for item in evidence], goals, recognised_precision(known)) if known else None
    shown = [factor for factor in factors or () if factor is not None]
    if not shown or np.ptp(shown) > SAME * abs(shown[0]):
        return ()
    sizes = {size for size in design.trajectories if size is not None}
    there = {match.slug for match in report.matches}
    return tuple(
        Match(bug.slug, len(shown), abs(bug.factor(size) - shown[0]))
        for bug in {bug.slug: bug for bug in suspects(report.target) if bug.effect is Effect.SCALED}.values()
        for size in sizes
        if bug.factor is not None and bug.setting is None and bug.batch_size > 1 and bug.slug not in there
        if abs(bug.factor(size) - shown[0]) <= SAME * abs(shown[0]) and abs(shown[0] - 1.0) > SAME
    )


def _off(report: Report) -> str:
    """Return the first problem on which the expectation is off, "" where there is none."""
    off = (each.problem for each in report.findings if each.check == "expectation" and not each.holds)
    return next(off, "")


def _explains(named: _Named, report: Report) -> bool:
    """Whether a fault can be behind the verdict: what only scales the target leaves no bias, but where groups weigh.

    Where estimates are those of such a fault, what is wrong is somewhere else.
    """
    scales = named.bug.effect is Effect.SCALED and REVERSED not in named.match.slug
    return report.outcome is not Outcome.BIASED or not scales or named.where == "steps"


def _met(calls: Calls, suite: Sequence[SuiteProblem], design: Design, off: str) -> Iterator[_Met]:
    """Yield batches with the implementation's estimates: on problems with several starts and lengths first.

    Then those of a problem on which it is off.
    """
    size = design.size if isinstance(design, Grouped) else None
    for entry in _told_best(suite):
        batch, _ = every_trajectory(entry.problem)
        rng = np.random.default_rng(2)
        for law in laws_of(design, entry.problem):
            yield from _of(calls, [arranged(batch, rows, law) for rows in law.spread(MOST_BATCHES, rng)], size)
    for entry in (entry for entry in suite if entry.name == off):
        batch, _ = every_trajectory(entry.problem)
        rng = np.random.default_rng(3)
        for law in laws_of(design, entry.problem):
            yield from _of(calls, [arranged(batch, rows, law) for rows in law.draw(WHERE_IT_IS_OFF, rng)], size)


def _elsewhere(calls: Calls, suite: Sequence[SuiteProblem], design: Design) -> Iterator[_Met]:
    """Yield a few batches of every problem: with other numbers of actions, say, of which a name may not know."""
    size = design.size if isinstance(design, Grouped) else None
    for entry in (entry for entry in suite if directions(entry.problem) > 1):
        batch, _ = every_trajectory(entry.problem)
        rng = np.random.default_rng(4)
        for law in laws_of(design, entry.problem):
            yield from _of(calls, [arranged(batch, rows, law) for rows in law.spread(FEW_BATCHES, rng)], size)


def _of(calls: Calls, batches: Sequence[Trajectories], size: int | None) -> Iterator[_Met]:
    estimates = np.stack([calls.estimate(each) for each in batches])
    if estimates.any():
        yield _Met(tuple(batches), estimates, size)


def _told_best(suite: Sequence[SuiteProblem]) -> list[SuiteProblem]:
    return sorted((entry for entry in suite if directions(entry.problem) > 1), key=_unlike)[:MOST_PROBLEMS]


def _unlike(entry: SuiteProblem) -> tuple[int, int]:
    batch, _ = every_trajectory(entry.problem)
    return -min(len(np.unique(batch.states[:, 0])), 2) - 2 * (len(np.unique(batch.lengths)) > 1), -batch.num_steps


def _named(bug: Bug, met: Sequence[_Met]) -> _Named | None:
    """Return the fault if its estimates are those that were met, on each group or on whole batches.

    What is a mean over the steps of a group is one over those of the batch where groups count with theirs.
    """
    for where in WHERE if met[0].size is not None and bug.batch_size > 1 and not _asks(bug) else ("batch",):
        found = _factor(bug, met, where)
        if found is not None:
            factor, law = found
            reverses = factor < 0.0 and bug.slug != REVERSED
            slug = f"{bug.slug} + {REVERSED}" if reverses else bug.slug
            match = Match(slug, len(met), 0.0, abs(factor) if reverses else factor, law, same=True)
            return _Named(match, bug, where)
    return None


def _asks(bug: Bug) -> bool:
    """Whether a fault asks a batch for its groups: it looks across them, in one group it is a plainer fault."""
    return getattr(bug.implementation, "by_group", False)


def _factor(bug: Bug, met: Sequence[_Met], where: str) -> tuple[float, str] | None:
    """Return the one factor by which the estimates are the fault's on all batches, and its law of the steps.

    None where there is none. Most faults are told from it by the first batch or two, and are called on no further one.
    """
    factors = []
    for each in met:
        limit = SAME * float(np.abs(each.estimates).max())
        factor = 0.0
        for index, found in enumerate(each.estimates):
            expected = _estimate(bug, each, index, where)
            if expected is None or expected.shape != found.shape:
                return None
            if factor == 0.0 and np.abs(expected).max() > limit:
                factor = float(expected @ found) / float(expected @ expected)
            if not np.abs(found - factor * expected).max() <= limit:
                return None
        factors.append((factor, float(each.batches[0].num_steps)))
    for law, power in (("", 0.0), (BY_STEPS, 1.0)):
        constants = [factor * steps**power for factor, steps in factors]
        if np.ptp(constants) <= PLAIN * abs(constants[0]) and constants[0] != 0.0:
            return (1.0 if abs(constants[0] - 1.0) <= PLAIN else constants[0]), law
    return None


def _estimate(bug: Bug, met: _Met, index: int, where: str) -> Float[Array, "d"] | None:
    """Return the estimate of a fault on one of the batches; None where it does not apply."""
    # Entries make groups of their own where they have any, but for those that ask for those of the design.
    if where == "batch" or not met.size:
        groups = [met.batches[index] if _asks(bug) else met.whole[index]]
    else:
        groups = met.groups[index]
    try:
        parts = [np.asarray(bug.implementation(group)) for group in groups]
        each = [part.mean(axis=0) if part.ndim == 2 else part for part in parts]
        if len(each) == 1:
            return each[0]
        if where != "steps":
            return np.asarray(np.add.reduce(each) / len(each))
        weights = [max(int(group.lengths.sum()), 1) for group in groups]
        return np.asarray(np.average(each, axis=0, weights=weights))
    except Exception:  # an entry for Gaussian policies on a softmax problem, say: it does not apply
        return None


def _round(factor: float) -> bool:
    """Whether a factor is a whole number or one over it: two standard deviations are multiples of each other."""
    return any(abs(each - round(each)) <= PLAIN * each for each in (factor, 1.0 / factor) if each >= 1.0)


def _plainer(one: _Named, other: _Named) -> bool:
    """Whether one does what the other does with more parts, with groups of its own, or by steps where all have one."""
    parts, others = (set(each.match.slug.split(" + ")) for each in (one, other))
    of_group = one.where == "group" or getattr(other.bug.implementation, "freedom", 0) == 1
    by_steps = of_group and NORMALISE_MINIBATCH.slug in others - parts
    return parts < others or by_steps or (_asks(other.bug) and not _asks(one.bug))


def _with(report: Report, named: Sequence[_Named], design: Design) -> Report:
    plain = [each for each in named if not each.match.times]
    alike = plain or [each for each in named if _round(each.match.factor)] or named
    best = {each.match.slug: each for each in alike if not any(_plainer(other, each) for other in alike)}
    rest = tuple(match for match in report.matches if match.slug not in best)
    found = replace(report, matches=(*(each.match for each in best.values()), *rest))
    if len(best) != 1:
        return found
    slug, only = next(iter(best.items()))
    bug = only.bug if slug == only.bug.slug else get_bug(slug)
    where = WHERE[only.where].format(slug=slug) if isinstance(design, Grouped) and only.bug.batch_size > 1 else ""
    note = only.bug.note if isinstance(only.bug.implementation, Composition) else ""
    notes = (*report.notes, *filter(None, ["; ".join(filter(None, (where, note)))]))
    return replace(found, diagnosis=slug, cause=bug.cause, cure=bug.cure, source=bug.source, notes=notes)
