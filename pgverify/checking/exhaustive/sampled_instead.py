"""Somebody's own problems whose batches are too many to be listed: they are sampled, rather than nothing be said."""

from __future__ import annotations

from dataclasses import replace

from pgverify.checking.design import Independent
from pgverify.checking.exhaustive.design_check import check_by_design
from pgverify.checking.exhaustive.exhaustive_check import ClaimedTarget
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.exhaustive.lowered_report import lowered
from pgverify.checking.exhaustive.multiple_of_sizes import factors_in_samples, scaled, tells_another
from pgverify.checking.exhaustive.sampled_evidence import SampledSizes
from pgverify.checking.exhaustive.sampled_sizes import SAMPLED_SIZES, sample_sizes
from pgverify.checking.exhaustive.size_pair import SizePair
from pgverify.checking.sampled.batch_law import IndependentLaw
from pgverify.checking.scope_of_suite import also_sampled
from pgverify.checking.verdict.exhaustive_report import TOO_MANY_BATCHES
from pgverify.checking.verdict.judgement import NONE_LARGER
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report

FIRST = (2, 3, 10, 33)
"""Trajectories in the batches that must tell; what is larger can only lower what they say."""


def sampled_where_too_many(claim: ClaimedTarget, report: Report, alpha: float, seed: int) -> Report:
    """Return the report, or that on samples where trajectories affect each other and too few batches could be listed.

    Parameters
    ----------
    claim : ClaimedTarget
    report : Report
        On what was listed.
    alpha : float
        Total false-alarm probability of what is sampled: half of it for the smaller batches, half for the larger.
    seed : int
    """
    open_sizes = report.explanation == TOO_MANY_BATCHES or report.explanation.endswith(NONE_LARGER)
    if report.outcome is not Outcome.INCONCLUSIVE or not open_sizes or claim.implementation.deadline.passed:
        return report
    sampled = check_by_design(claim, Independent(FIRST), alpha / 2.0, seed)
    if sampled.outcome is Outcome.INCONCLUSIVE:
        return report
    sizes = f"batches of {', '.join(map(str, FIRST[:-1]))} and {FIRST[-1]}"
    why = sampled.explanation.replace("batches of the given design", sizes)
    kept = dict.fromkeys((*report.warnings, *sampled.warnings))
    notes = tuple(dict.fromkeys((*report.notes, *sampled.notes)))
    found = replace(sampled, explanation=why, warnings=tuple(kept), notes=notes)
    if found.outcome not in (Outcome.CONSISTENT, Outcome.SCALED, Outcome.CORRECT):
        return found
    pairs = [
        SizePair(entry, index, IndependentLaw(every_trajectory(entry.problem)[1], size), needed=False)
        for size in SAMPLED_SIZES
        if size >= FIRST[-1]  # the largest of them once more: what explains it must explain the larger ones, too
        for index, entry in enumerate(claim.suite)
    ]

    def drawn(multiple: bool) -> SampledSizes:
        return sample_sizes(claim.implementation, pairs, claim.target, multiple, alpha / 2.0, seed)

    larger = drawn(found.outcome is Outcome.SCALED)
    after = lowered(found, larger, alpha, seed)
    if after.outcome is Outcome.BIASED and found.outcome is not Outcome.SCALED:
        again = drawn(True)
        if tells_another(again, claim.target, claim.given):
            smaller = {(entry.name, size): 1.0 for entry in claim.suite for size in FIRST}
            after = scaled(found, {**smaller, **(factors_in_samples(again) or {})}, "", alpha, seed)
    explanation = after.explanation.replace("those that were listed it is", "smaller ones it is")
    if after.outcome is Outcome.BIASED and "smaller ones" not in explanation:
        explanation = f"{explanation}; in smaller ones it is: {why}"
    return also_sampled(replace(after, explanation=explanation), larger)
