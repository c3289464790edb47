"""The check on batches of the caller's design: listed where they can be, sampled where not, and no others."""

from __future__ import annotations

import contextlib
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace

import numpy as np

from pgverify.checking.calling.answer import Notes, together
from pgverify.checking.calling.calls import Changed
from pgverify.checking.calling.implementation import OutOfTime
from pgverify.checking.design import Design, laws_of
from pgverify.checking.exhaustive.asked_again import refuse_what_has_settled
from pgverify.checking.exhaustive.design_invariants import check_design_invariants, groups_with_a_stride
from pgverify.checking.exhaustive.design_names import named_by_design
from pgverify.checking.exhaustive.exhaustive_check import ClaimedTarget
from pgverify.checking.exhaustive.explored_design import explore_design
from pgverify.checking.exhaustive.invariants import Invariants
from pgverify.checking.exhaustive.listed_design import list_design
from pgverify.checking.exhaustive.listed_problem import MOST_TRAJECTORIES, every_trajectory
from pgverify.checking.exhaustive.lowered_report import lowered, lowered_or_multiple
from pgverify.checking.exhaustive.multiple_of_sizes import open_multiple
from pgverify.checking.exhaustive.open_pairs import not_zero, open_pairs, settled_elsewhere
from pgverify.checking.exhaustive.other_critics import reads_critic
from pgverify.checking.exhaustive.sampled_evidence import SampledSizes
from pgverify.checking.exhaustive.sampled_multiple import left_open, sampled_multiple
from pgverify.checking.exhaustive.sampled_sizes import MOST_ROWS, sample_sizes
from pgverify.checking.exhaustive.size_pair import SizePair
from pgverify.checking.exhaustive.what_was_listed import Failing, Late, Listed, Random, TooMany
from pgverify.checking.sampled.batch_law import BatchLaw, arranged
from pgverify.checking.sampled.stateful_function import check_changing, where_only_altered
from pgverify.checking.scope_of_suite import with_scope
from pgverify.checking.verdict.advantage_family import judged_with_critics
from pgverify.checking.verdict.comparison import compared
from pgverify.checking.verdict.exhaustive_report import exhaustive_report
from pgverify.checking.verdict.explored_judgement import SuiteVerdict
from pgverify.checking.verdict.explored_report import COULD_BE_LOWERED, not_explored, report_after
from pgverify.checking.verdict.judgement import has_a_target
from pgverify.checking.verdict.next_steps import next_step
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.precision import DOUBLE
from pgverify.checking.verdict.recognised_precision import recognised_precision
from pgverify.checking.verdict.report import Report
from pgverify.checking.verdict.scale_laws import common_multiple
from pgverify.checking.verdict.weight_names import name_weights
from pgverify.exact import count_trajectories
from pgverify.suites import SuiteProblem
from pgverify.trajectories import Trajectories

NAMED = 8
"""Batches of each size on which step weights are compared with those that have names."""

AS_DESIGNED = "make groups of consecutive rows, or say design=pgv.Independent(...)"
"""What to do where the groups of a function are not those of the design, though its expectation is right."""

SAMPLES_SHOWED_NONE = "samples showed no bias on the suite"


def check_by_design(claim: ClaimedTarget, design: Design, alpha: float, seed: int) -> Report:
    """Return the verdict on an implementation that is called on batches of one design.

    Parameters
    ----------
    claim : ClaimedTarget
    design : Design
    alpha : float
        Total false-alarm probability of what is sampled.
    seed : int
    """
    known: list[tuple[SuiteProblem, Listed]] = []
    unlisted: list[tuple[SuiteProblem, int, BatchLaw]] = []
    notes: Notes = {}
    missing: list[str] = []
    coupled: dict[str, frozenset[int]] = {}
    for index, entry in enumerate(claim.suite):
        number = count_trajectories(entry.problem)
        if number > MOST_TRAJECTORIES:
            missing.append(f"{entry.name} was not tried: it has {number:,} trajectories")
            continue
        found = list_design(claim.implementation, entry.problem, laws_of(design, entry.problem))
        match found:
            case TooMany():  # asked for above
                continue
            case Failing():
                why, bound = f"on problem {entry.name} it {found}", "one failing input is enough"
                step = "call it on the input above"
                report = Report(Outcome.INVALID, why, "exhaustive", claim.target, bound, next_step=step)
                return with_scope(report, claim.suite)
            case Random():
                return with_scope(_random(claim, entry, found, design, alpha, seed), claim.suite)
            case Late():
                missing.append(f"the total time limit passed before {entry.name} could be tried")
                break
        notes = together(notes, found.listed.notes)
        coupled[entry.name] = found.coupled
        if found.listed.expectations:
            known.append((entry, found.listed))
        unlisted += [(entry, index, law) for law in found.open]
    pairs = open_pairs(known, unlisted, design, coupled, claim.target)
    listable = [entry for entry in claim.suite if count_trajectories(entry.problem) <= MOST_TRAJECTORIES]
    if any("the total time limit" in each for each in missing):
        invariants = Invariants((), (), 0, notes)
    else:
        invariants = check_design_invariants(claim.implementation, listable, known, design, claim.target, notes)
    if invariants.changed is not None:
        name, reason = invariants.changed
        entry = next(entry for entry in claim.suite if entry.name == name)
        return with_scope(_altered(claim, entry, reason, design, alpha, seed), claim.suite)
    report = exhaustive_report(known, invariants, claim.target, claim.given)
    if design.trajectories[0] == 2:
        report = _of_pairs(report, known)
    listed = [
        SizePair(entry, index, law, needed=True)
        for index, (entry, _) in enumerate(known)
        for law in laws_of(design, entry.problem)
    ]

    def sampled_in(sizes: Container[int]) -> list[SizePair]:
        return [*pairs, *(pair for pair in listed if pair.size in sizes)]

    report = open_multiple(report, claim.implementation, known, sampled_in, claim.given, alpha, seed)
    report, sampled = _with_samples(claim, report, known, pairs, design, alpha, seed)
    report = _explored(claim, report, known, design)
    if report.outcome.good:
        try:
            tried = reads_critic(claim.implementation, listable, lambda problem: laws_of(design, problem))
        except Changed as seen:
            return with_scope(_altered(claim, listable[0], Random(seen.difference), design, alpha, seed), claim.suite)
        report = judged_with_critics(report, tried, DOUBLE, known_target=True)
    if stride := groups_with_a_stride(claim.implementation, listable, design):
        report = replace(report, warnings=(*report.warnings, stride), next_step=report.next_step or AS_DESIGNED)
    with contextlib.suppress(OutOfTime):  # a name is not worth more time than there is
        report = named_by_design(report, claim.implementation, listable, known, design)
    if missing and report.outcome.good:
        report = replace(report, outcome=Outcome.INCONCLUSIVE, explanation="; ".join(missing), next_step="")
    report = replace(report, warnings=(*missing, *report.warnings), weights=_names(claim, design, known))
    return with_scope(report, claim.suite, sampled)


def _names(claim: ClaimedTarget, design: Design, known: Sequence[tuple[SuiteProblem, Listed]]) -> tuple[str, ...]:
    """Return the names of step weights on batches of the design, where weights are returned."""
    if not claim.implementation.returns_weights:
        return ()

    def batches(entry: SuiteProblem) -> Iterator[Trajectories]:
        rng = np.random.default_rng(0)
        for law in laws_of(design, entry.problem):
            for rows in law.spread(NAMED, rng):
                yield arranged(every_trajectory(entry.problem)[0], rows, law)

    with contextlib.suppress(OutOfTime):
        return name_weights(claim.implementation, [entry for entry, _ in known], batches) if known else ()
    return ()


def _explored(
    claim: ClaimedTarget, report: Report, known: Sequence[tuple[SuiteProblem, Listed]], design: Design
) -> Report:
    """Return the report after the search beyond the suite, in batches of the design, where that could lower it."""
    sampled = report.outcome is Outcome.CONSISTENT
    if not claim.explore or not (sampled or report.outcome in COULD_BE_LOWERED) or claim.implementation.deadline.passed:
        return report
    # A multiple of which nothing was listed is no law to be looked for.
    if report.outcome is Outcome.SCALED and (not known or report.evidence == "sampled"):
        return report
    if not known and not sampled:
        return report
    if known and recognised_precision(known).coarse:
        return not_explored(report)
    verdict = SuiteVerdict.of(known, Outcome.CORRECT if sampled else report.outcome, claim.target)
    after = report_after(report, explore_design(claim.implementation, verdict, design, claim.explore), verdict)
    if not sampled or after.outcome is Outcome.CONSISTENT:
        return after
    why = after.explanation.replace("the exact expectation equals the target on the suite", SAMPLES_SHOWED_NONE)
    return replace(after, explanation=why, evidence="exhaustive")


def _of_pairs(report: Report, known: Sequence[tuple[SuiteProblem, Listed]]) -> Report:
    """Return SCALED where pairs are all that the function is made for, and every one gave one multiple."""
    if report.outcome is not Outcome.INCONCLUSIVE or not known:
        return report
    precision = recognised_precision(known)
    multiple = common_multiple(compared(known, report.target), precision)
    if not multiple.pairs_alone or multiple.constant <= 0.0:
        return report
    why = f"the exact expectation is {multiple.words} times the target on every problem"
    findings = tuple(
        replace(each, holds=each.deviation <= precision.relative) if each.check == "expectation" else each
        for each in report.findings
    )
    step = next_step(Outcome.SCALED, "exhaustive")
    return replace(report, outcome=Outcome.SCALED, explanation=why, findings=findings, next_step=step)


def _with_samples(
    claim: ClaimedTarget,
    report: Report,
    known: Sequence[tuple[SuiteProblem, Listed]],
    pairs: Sequence[SizePair],
    design: Design,
    alpha: float,
    seed: int,
) -> tuple[Report, SampledSizes | None]:
    """Return the report with what was sampled: it lowers what was listed, and stands alone where that tells nothing."""
    if not pairs:
        return report, None

    def sampled(multiple: bool, most_rows: int = MOST_ROWS) -> SampledSizes:
        return sample_sizes(claim.implementation, pairs, claim.target, multiple, alpha, seed, most_rows)

    # In one direction everything is a multiple of anything, and of a target of zero, too: then samples must tell.
    telling = any(item.directions > 1 and has_a_target(item) for item in compared(known, claim.target))
    if report.outcome in (Outcome.CORRECT, Outcome.SCALED) and telling:
        return lowered_or_multiple(report, known, sampled, claim.given, alpha, seed)
    if report.outcome is Outcome.NO_SIGNAL:
        return _some_signal(report, not_zero(claim.implementation, pairs)), None
    if report.outcome is not Outcome.INCONCLUSIVE and telling:
        return report, None
    most_rows = MOST_ROWS
    if report.outcome in (Outcome.CORRECT, Outcome.INCONCLUSIVE):
        found = sampled(multiple=False)
        after = lowered(replace(report, outcome=Outcome.CORRECT), found, alpha, seed)
        settled = settled_elsewhere(found, design)
        if report.outcome is Outcome.INCONCLUSIVE and settled is not None:
            return _consistent(report, found, settled[1], alpha, seed), found
        if after.outcome is Outcome.INCONCLUSIVE:
            most_rows = 0  # a multiple shows at sight, or not at all
        elif after.outcome is Outcome.CORRECT:  # what was listed is no surer for samples
            return replace(after, outcome=report.outcome), found
        elif after.outcome is not Outcome.BIASED:
            return after, found
        report = after
    found = sampled(True, most_rows)
    return sampled_multiple(report, known, found, design, alpha, seed), found


def _some_signal(report: Report, shown: SizePair | None) -> Report:
    """Return BIASED where what is zero on all that could be listed is not zero on a problem that could not."""
    if shown is None:
        return report
    why = (
        "the exact expectation is zero on the problems that could be listed, where the target is not; in batches of "
        f"{shown.size} on problem {shown.entry.name}, too many to be listed, estimates are not zero"
    )
    step = next_step(Outcome.BIASED, "exhaustive", f"one batch of {shown.size}")
    bare = replace(report, diagnosis=None, matches=(), cause="", cure="", source=())
    return replace(bare, outcome=Outcome.BIASED, explanation=why, next_step=step)


def _consistent(report: Report, found: SampledSizes, left: Sequence[SizePair], alpha: float, seed: int) -> Report:
    worst = max(verdict.evidence.hidden_bias for _, verdict in found.verdicts if verdict.bounded)
    why = (
        f"batches of the given design are too many to be listed; in samples any bias above {worst:.2g} would have shown"
    )
    rate = f"false alarm at most {alpha:g} in all; seed {seed}"
    shown = replace(
        report, outcome=Outcome.CONSISTENT, explanation=why, evidence="sampled", error_rate=rate, next_step=""
    )
    return replace(shown, warnings=(*report.warnings, *left_open(left)))


def _random(
    claim: ClaimedTarget, entry: SuiteProblem, reason: Random, design: Design, alpha: float, seed: int
) -> Report:
    if not claim.again:
        law = laws_of(design, entry.problem)[0]
        batch = arranged(every_trajectory(entry.problem)[0], law.draw(1, np.random.default_rng(0))[0], law)
        refuse_what_has_settled(claim.implementation, batch, reason.difference)
    change = f"{reason}, on problem {entry.name}"
    arguments = claim.implementation, claim.suite, entry, claim.target, alpha, seed, change, reason.notes
    size, group = design.trajectories
    return check_changing(*arguments, size=size, group_size=group)


def _altered(
    claim: ClaimedTarget, entry: SuiteProblem, reason: Random, design: Design, alpha: float, seed: int
) -> Report:
    """Return the verdict where two answers were given to a batch with other rewards, padding or another critic."""
    report = _random(claim, entry, reason, design, alpha, seed)
    return where_only_altered(report, claim.implementation, claim.suite, design.trajectories[0])
