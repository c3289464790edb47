"""The check on batches of the caller's design: listed where they can be, sampled where not, and no others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from pgverify.checking.calling.answer import Notes, together
from pgverify.checking.calling.implementation import OutOfTime
from pgverify.checking.design import Design, laws_of
from pgverify.checking.exhaustive.asked_again import refuse_what_has_settled
from pgverify.checking.exhaustive.design_invariants import check_design_invariants, groups_with_a_stride
from pgverify.checking.exhaustive.design_names import named_by_design
from pgverify.checking.exhaustive.exhaustive_check import ClaimedTarget
from pgverify.checking.exhaustive.explored_design import explore_design
from pgverify.checking.exhaustive.invariants import Invariants
from pgverify.checking.exhaustive.listed_design import list_design
from pgverify.checking.exhaustive.listed_problem import MOST_TRAJECTORIES, directions, every_trajectory
from pgverify.checking.exhaustive.lowered_report import lowered
from pgverify.checking.exhaustive.other_critics import reads_critic
from pgverify.checking.exhaustive.sampled_sizes import SampledSizes, sample_sizes
from pgverify.checking.exhaustive.size_pair import SizePair
from pgverify.checking.exhaustive.what_was_listed import Failing, Late, Listed, Random, TooMany
from pgverify.checking.sampled.batch_law import BatchLaw, arranged
from pgverify.checking.sampled.stateful_function import check_changing
from pgverify.checking.scope_of_suite import with_scope
from pgverify.checking.verdict.advantage_family import judged_with_critics
from pgverify.checking.verdict.comparison import compared
from pgverify.checking.verdict.exhaustive_report import exhaustive_report
from pgverify.checking.verdict.explored_judgement import SuiteVerdict
from pgverify.checking.verdict.explored_report import COULD_BE_LOWERED, not_explored, report_after
from pgverify.checking.verdict.next_steps import next_step
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.precision import DOUBLE
from pgverify.checking.verdict.recognised_precision import recognised_precision
from pgverify.checking.verdict.report import Report
from pgverify.checking.verdict.scale_laws import common_multiple
from pgverify.checking.verdict.scope import SampledSize
from pgverify.checking.verdict.weight_names import name_weights
from pgverify.exact import count_trajectories
from pgverify.suites import SuiteProblem
from pgverify.trajectories import Trajectories

NAMED = 8
"""Batches of each size on which step weights are compared with those that have names."""

AS_DESIGNED = "make groups of consecutive rows, or say design=pgv.Independent(...)"
"""What to do where the groups of a function are not those of the design, though its expectation is right."""

SAMPLES_SHOWED_NONE = "samples showed no bias on the suite"

AGREE = 1e-3
"""Relative difference of factors that sampled batches give: larger, and they are no common multiple."""


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
        if found.listed.expectations:
            known.append((entry, found.listed))
        unlisted += [(entry, index, law) for law in found.open]
    # In one direction everything is a multiple of anything: what is listed there alone speaks for no size.
    judged = {item.batch_size for entry, one in known if directions(entry.problem) > 1 for item in one.expectations}
    pairs = [SizePair(entry, index, law, law.rows not in judged) for entry, index, law in unlisted]
    listable = [entry for entry in claim.suite if count_trajectories(entry.problem) <= MOST_TRAJECTORIES]
    if any("the total time limit" in each for each in missing):
        invariants = Invariants((), (), 0, notes)
    else:
        invariants = check_design_invariants(claim.implementation, listable, known, design, claim.target, notes)
    report = exhaustive_report(known, invariants, claim.target, claim.given)
    if design.trajectories[0] == 2:
        report = _of_pairs(report, known)
    report, sampled = _with_samples(claim, report, known, pairs, alpha, seed)
    report = _explored(claim, report, known, design)
    if report.outcome.good:
        tried = reads_critic(claim.implementation, listable, lambda problem: laws_of(design, problem))
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
    if not known and not sampled:  # a multiple of which nothing was listed is no law to be looked for
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
    if report.outcome is not Outcome.INCONCLUSIVE:
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
    alpha: float,
    seed: int,
) -> tuple[Report, SampledSizes | None]:
    """Return the report with what was sampled: it lowers what was listed, and stands alone where that tells nothing."""
    if not pairs:
        return report, None

    def sampled(multiple: bool) -> SampledSizes:
        return sample_sizes(claim.implementation, pairs, claim.target, multiple, alpha, seed)

    # In one direction everything is a multiple of anything: then samples must tell.
    telling = any(directions(entry.problem) > 1 for entry, _ in known)
    if report.outcome in (Outcome.CORRECT, Outcome.SCALED) and telling:
        found = sampled(report.outcome is Outcome.SCALED)
        return lowered(report, found, alpha, seed), found
    if report.outcome is not Outcome.INCONCLUSIVE and telling:
        return report, None
    if report.outcome in (Outcome.CORRECT, Outcome.INCONCLUSIVE):
        found = sampled(multiple=False)
        after = lowered(replace(report, outcome=Outcome.CORRECT), found, alpha, seed)
        if after.outcome is Outcome.CORRECT and report.outcome is Outcome.INCONCLUSIVE:
            return _consistent(report, [verdict.evidence for _, verdict in found.verdicts], alpha, seed), found
        if after.outcome is not Outcome.BIASED:
            return after, found
        report = after
    found = sampled(multiple=True)
    return _multiple(report, found, alpha, seed), found


def _consistent(report: Report, evidence: Sequence[SampledSize], alpha: float, seed: int) -> Report:
    worst = max((each.hidden_bias for each in evidence), default=np.inf)
    why = (
        f"batches of the given design are too many to be listed; in samples any bias above {worst:.2g} would have shown"
    )
    rate = f"false alarm at most {alpha:g} in all; seed {seed}"
    return replace(
        report, outcome=Outcome.CONSISTENT, explanation=why, evidence="sampled", error_rate=rate, next_step=""
    )


def _multiple(report: Report, found: SampledSizes, alpha: float, seed: int) -> Report:
    """Return SCALED where every sampled pair gave one multiple of the target, else the report as it is."""
    factors = [verdict.factor for _, verdict in found.verdicts if verdict.factor is not None]
    whole = all(verdict.bounded for _, verdict in found.verdicts) and not found.untried and not found.failure
    if not whole or len(factors) < 2 or np.ptp(factors) > AGREE * abs(factors[0]) or factors[0] <= 0.0:
        return report
    if abs(factors[0] - 1.0) <= AGREE:
        return report
    why = f"in sampled batches the expectation is {float(np.mean(factors)):.6g} times the target on every problem"
    rate = f"false alarm at most {alpha:g} in all; seed {seed}"
    step = next_step(Outcome.SCALED, "sampled")
    bare = replace(report, outcome=Outcome.SCALED, explanation=why, evidence="sampled", error_rate=rate, next_step=step)
    return replace(bare, diagnosis=None, matches=(), cause="", cure="", source=())


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
