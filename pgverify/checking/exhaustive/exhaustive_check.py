"""The check by listing: problem after problem of a suite, in stages, until a word can be said."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from pgverify.checking.calling.answer import Notes
from pgverify.checking.calling.calls import Changed
from pgverify.checking.calling.implementation import LimitedFunction, OutOfTime
from pgverify.checking.calling.stale_answers import STALE, remembers_objects
from pgverify.checking.exhaustive.asked_again import refuse_what_has_settled
from pgverify.checking.exhaustive.exploration import Explored, explore
from pgverify.checking.exhaustive.explored_expectation import Company
from pgverify.checking.exhaustive.explored_sizes import SHARE, with_batches_beyond
from pgverify.checking.exhaustive.identified import identified
from pgverify.checking.exhaustive.invariants import Invariants, check_invariants
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.exhaustive.lowered_report import with_larger_batches
from pgverify.checking.exhaustive.multiple_of_sizes import also_larger, open_multiple, other_multiples
from pgverify.checking.exhaustive.other_critics import with_other_critics
from pgverify.checking.exhaustive.sizes_it_needs import sizes_it_needs
from pgverify.checking.exhaustive.usual_loss_names import with_usual_loss
from pgverify.checking.exhaustive.what_was_listed import Failing, Listed, Random
from pgverify.checking.exhaustive.whole_suite import Progress, listed_on
from pgverify.checking.sampled.stateful_function import check_changing, where_only_altered
from pgverify.checking.scope_of_suite import with_scope
from pgverify.checking.verdict.advantage_family import judged_with_critics
from pgverify.checking.verdict.exhaustive_report import differs, exhaustive_report
from pgverify.checking.verdict.explored_judgement import SuiteVerdict
from pgverify.checking.verdict.explored_report import COULD_BE_LOWERED, not_explored, report_after
from pgverify.checking.verdict.next_steps import after_a_failed_call
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.recognised_precision import recognised_precision
from pgverify.checking.verdict.report import Report
from pgverify.checking.verdict.targets import smallest_batch
from pgverify.checking.verdict.weight_names import name_weights
from pgverify.checking.witness.find_witness import witnessed
from pgverify.suites import SuiteProblem

EARLY = 6
"""Problems of the standard suite after which a fault that has a name already ends the check: the smallest ones."""

CONFIRMING = ("many-states", "long")
"""Problems on which the name must hold as well."""


MISSED = (Outcome.BIASED, Outcome.NO_SIGNAL)
"""Outcomes that an answer from memory may be behind."""


@dataclass(frozen=True, eq=False)
class ClaimedTarget:
    """What is to be judged: an implementation, the target that it claims, and where.

    Attributes
    ----------
    implementation : LimitedFunction
    target : str
    suite : problems, smallest first
    given : bool
        Whether the caller gave the problems: then all of them are tried, and faults with settings of their own too.
    explore : int
        Further problems on which a verdict that they could take back is looked for.
    again : bool
        Whether it is judged a second time, for its answers have changed.
    """

    implementation: LimitedFunction
    target: str
    suite: Sequence[SuiteProblem]
    given: bool
    explore: int = 0
    again: bool = False

    def listed_on(self, progress: Progress, chosen: Sequence[int]) -> Progress:
        """Return the progress after the chosen problems."""
        in_batches = smallest_batch(self.target) > 1
        return listed_on(progress, self.implementation, self.suite, chosen, in_batches)

    def at_first_sight(self, progress: Progress) -> Report:
        """Return the report on what was listed, with invariants untried: they take more calls."""
        untried = Invariants((), (), progress.ordered, progress.notes)
        return self._reported(progress.known(self.suite), untried)

    def thorough(self, progress: Progress) -> tuple[Report, Progress]:
        """Return the report on what was listed, invariants included, and the progress with what they have shown."""
        known = progress.known(self.suite)
        if not known:
            return self.at_first_sight(progress), progress
        invariants = check_invariants(self.implementation, known, self.target, progress.ordered, progress.notes)
        if invariants.changed is not None:
            name, reason = invariants.changed
            index = next(index for index, entry in enumerate(self.suite) if entry.name == name)
            progress = replace(progress, failed=(index, reason))
        report = self._reported(known, invariants)
        return report, replace(progress, ordered=invariants.ordered, notes=invariants.notes)

    def _reported(self, known: Sequence[tuple[SuiteProblem, Listed]], invariants: Invariants) -> Report:
        report = exhaustive_report(known, invariants, self.target, self.given)
        if report.outcome is Outcome.BIASED and other_multiples(known, self.target):
            return report  # a multiple, perhaps, of which samples tell more than a name does
        with contextlib.suppress(OutOfTime):  # which of several faults it is, is not worth more time than there is
            report = identified(report, self.implementation, known)
            report = with_usual_loss(report, self.implementation, known)
        return report

    def with_critics(self, report: Report, known: Sequence[tuple[SuiteProblem, Listed]]) -> tuple[Report, str]:
        """Return the report on a right function after critics that are wrong, and whether any of them was judged."""
        if report.outcome is not Outcome.CORRECT:
            return report, "exact"
        tried = with_other_critics(self.implementation, known, self.target == "policy_gradient")
        advantage = self.target in ("policy_gradient", "discount_dropped")
        judged = judged_with_critics(report, tried, recognised_precision(known), advantage)
        return judged, "other" if tried.found else "exact"

    def explored(self, report: Report, progress: Progress) -> tuple[Report, Explored]:
        """Return the report after the search beyond the suite, where that could lower it, and what was found."""
        if not self.explore or report.outcome not in COULD_BE_LOWERED:
            return report, Explored()
        known = progress.known(self.suite)
        if recognised_precision(known).coarse:  # rewards of all sizes are too much for so few bits
            return not_explored(report), Explored()
        verdict = SuiteVerdict.of(known, report.outcome, self.target)
        pairs = bool(progress.coupled) or smallest_batch(self.target) > 1
        company = Company(pairs, bool(progress.ordered))
        explored = explore(self.implementation, verdict, company, self.explore)
        after = report_after(report, explored, verdict)
        if explored.different is None:
            return after, explored
        shown, size = explored.different.case.explored, explored.different.compared.found.batch_size
        return witnessed(after, self.implementation, shown.name, shown.problem, size, shown.max_steps), explored

    def with_weights(self, report: Report, known: Sequence[tuple[SuiteProblem, Listed]]) -> Report:
        """Return the report with the names of the step weights, where weights are returned."""
        if not self.implementation.returns_weights or not known:
            return report
        with contextlib.suppress(OutOfTime):  # a name is not worth more time than there is
            return replace(report, weights=name_weights(self.implementation, [entry for entry, _ in known]))
        return report


def check_by_listing(claim: ClaimedTarget, alpha: float, seed: int) -> Report:
    """Return the verdict on an implementation that is called on all trajectories, or batches, of a suite.

    One that turns out to be random is judged by sampling.

    Parameters
    ----------
    claim : ClaimedTarget
    alpha : float
        Total false-alarm probability, if it is random.
    seed : int
    """
    progress, count = Progress(), len(claim.suite)
    stages = [range(count)] if claim.given else [range(min(EARLY, count)), range(count)]
    for chosen in stages:
        progress = claim.listed_on(progress, chosen)
        if not progress.ended and len(chosen) < count:
            progress, early = _stopped_early(claim, progress)
            if early is not None:
                return with_scope(early, claim.suite)
    if progress.failed is not None:
        index, reason = progress.failed
        batch, _ = every_trajectory(claim.suite[index].problem)
        # It would take as long again, five times.
        late = isinstance(reason, Failing) and (
            reason.failure.timed_out or 2.0 * reason.failure.seconds > claim.implementation.alarm.seconds
        )
        if not late and remembers_objects(claim.implementation, batch):
            return with_scope(_stale(claim, claim.suite[index].name, progress.notes), claim.suite)
        return with_scope(_not_listed(claim, claim.suite[index], reason, progress.notes, alpha, seed), claim.suite)
    return _in_the_end(claim, progress, alpha, seed)


def _stopped_early(claim: ClaimedTarget, progress: Progress) -> tuple[Progress, Report | None]:
    """Return the report on a fault that has a name already; None, with what was listed to see it, if there is none.

    A name found on small problems must hold on the longest and the widest, too.
    """
    if not differs(progress.known(claim.suite), claim.target):
        return progress, None
    first = claim.at_first_sight(progress)
    if first.outcome is not Outcome.BIASED or first.diagnosis is None:
        return progress, None
    confirming = [index for index, entry in enumerate(claim.suite) if entry.name in CONFIRMING]
    progress = claim.listed_on(progress, confirming)
    if progress.ended:
        return progress, None
    report, progress = claim.thorough(progress)
    if (report.outcome, report.diagnosis) != (first.outcome, first.diagnosis):
        return progress, None
    known = progress.known(claim.suite)
    note = f"stopped at a fault that has a name: {len(claim.suite) - len(known)} more problems were not tried"
    return progress, claim.with_weights(replace(report, warnings=(*report.warnings, note)), known)


def _in_the_end(claim: ClaimedTarget, progress: Progress, alpha: float, seed: int) -> Report:
    known, critic, explored = progress.known(claim.suite), "exact", Explored()
    if progress.late:
        report = claim.at_first_sight(progress)
    else:
        report, progress = claim.thorough(progress)
        if progress.failed is not None:  # with other rewards it gave two answers to one batch
            index, reason = progress.failed
            seen = _not_listed(claim, claim.suite[index], reason, progress.notes, alpha, seed)
            return with_scope(where_only_altered(seen, claim.implementation, claim.suite), claim.suite)
        sampled_in = partial(also_larger, known, progress.ordered, claim.given)
        report = open_multiple(report, claim.implementation, known, sampled_in, claim.given, alpha, seed)
        report, explored = claim.explored(report, progress)
        try:
            report, critic = claim.with_critics(claim.with_weights(report, known), known)
        except Changed as found:
            seen = _not_listed(claim, known[0][0], Random(found.difference), progress.notes, alpha, seed)
            return with_scope(where_only_altered(seen, claim.implementation, claim.suite), claim.suite)
    if report.outcome in MISSED and remembers_objects(claim.implementation, every_trajectory(known[0][0].problem)[0]):
        report = replace(report, warnings=(*report.warnings, STALE))
    share = SHARE if explored.held else 0.0
    larger = with_larger_batches(
        report, claim.implementation, known, progress.ordered, claim.given, (1.0 - share) * alpha, seed
    )
    report = with_scope(larger[0], claim.suite, larger[1], critic)
    report = with_batches_beyond(report, claim.implementation, explored, larger[1], share * alpha, seed)
    if not progress.unlisted:
        return report
    reasons = tuple(progress.unlisted.values())
    if report.outcome.good or not known:
        why = "; ".join(reasons)
        report = replace(
            report,
            outcome=Outcome.INCONCLUSIVE,
            explanation=f"no fault on the problems that could be listed, but {why}" if known else why,
            next_step='shorten the horizon, raise total_time_limit, or judge a kind="sampler"',
        )
    return replace(report, warnings=(*reasons, *report.warnings))


def _stale(claim: ClaimedTarget, name: str, notes: Notes) -> Report:
    return Report(
        Outcome.INVALID,
        f"on problem {name} {STALE}",
        "exhaustive",
        claim.target,
        "one object filled anew is enough",
        warnings=tuple(notes.values()),
        next_step="remember by content, or not at all",
    )


def _not_listed(
    claim: ClaimedTarget, entry: SuiteProblem, reason: Failing | Random, notes: Notes, alpha: float, seed: int
) -> Report:
    if isinstance(reason, Random) and not claim.again:
        refuse_what_has_settled(claim.implementation, every_trajectory(entry.problem)[0], reason.difference)
    match reason:
        case Random() if smallest_batch(claim.target) == 1:
            change = f"{reason}, on problem {entry.name}"
            return check_changing(claim.implementation, claim.suite, entry, claim.target, alpha, seed, change, notes)
        case Random():
            explanation = f"on problem {entry.name} {reason}"
        case Failing():
            explanation = f"on problem {entry.name} it {reason}"
            if needed := sizes_it_needs(claim.implementation, entry.problem, reason.failure):
                why = f"{needed}; {explanation}"
                bound = "it was not judged on batches that it is not made for"
                step = f"say which batches it is made for: {needed.call}"
                return Report(
                    Outcome.INCONCLUSIVE,
                    why,
                    "exhaustive",
                    claim.target,
                    bound,
                    warnings=tuple(notes.values()),
                    next_step=step,
                )
    return Report(
        Outcome.INVALID,
        explanation,
        "exhaustive",
        claim.target,
        "one failing input is enough",
        warnings=tuple(notes.values()),
        next_step=after_a_failed_call(explanation),
    )
