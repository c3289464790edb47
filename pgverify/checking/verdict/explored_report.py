"""The report after the search beyond the suite: what was found there can only lower a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pgverify.checking.exhaustive.exploration import Different, Explored
from pgverify.checking.exhaustive.explored_case import BOOTSTRAPPED, CUT_OFF
from pgverify.checking.verdict.explored_judgement import SuiteVerdict
from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.next_steps import next_step
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.precision import deviation
from pgverify.checking.verdict.report import Report

COULD_BE_LOWERED = (Outcome.CORRECT, Outcome.SCALED, Outcome.OTHER_TARGET)
"""Verdicts that one more problem can take back; those that name a fault stand."""

AT_THE_CUT = (
    "where episodes are cut (batch.truncated) the expectation is the gradient of the return until the cut; "
    "add γ^T V(s_T) to estimate that of the whole return"
)

WHAT_IS_SAID: Mapping[str, str] = {
    "slow": "of the further problems only {} were tried, for the calls take long",
    "late": "the total time limit passed when {} further problems were tried",
    "undefined": "not judged on {}: it is not said what the target is there",
    "rounding": "not judged on {}: rounding could hide a bias of 0.001 there",
}

MOST_NAMES = 3


def report_after(report: Report, explored: Explored, verdict: SuiteVerdict) -> Report:
    """Return the report on the suite with what the search beyond it has shown.

    Parameters
    ----------
    report : Report
        On the suite.
    explored : Explored
    verdict : SuiteVerdict
        What was looked for.
    """
    notes = [_sentence(kind, names) for kind, names in explored.notes.items() if kind != "undefined"]
    if explored.names.get("cut") == frozenset({CUT_OFF}):
        notes.append(AT_THE_CUT)
    if explored.failed is not None:
        case, failure = explored.failed
        return replace(
            _without_name(report),
            outcome=Outcome.INVALID,
            explanation=f"on problem {case.explored.name}, beyond the suite, it {failure}",
            warnings=(_rebuilt(case.explored.as_code()), *report.warnings, *notes),
            next_step="call it on the input above",
        )
    if explored.different is not None:
        return _biased(report, explored.different, verdict, notes)
    report = replace(report, warnings=(*report.warnings, *notes))
    if explored.count:
        same = f"; the same on {explored.count} of a sequence of random problems"
        report = replace(report, error_rate=report.error_rate + same)
    if explored.unclear:
        return replace(
            _without_name(report),
            outcome=Outcome.INCONCLUSIVE,
            explanation=f"{report.explanation}, but {explored.unclear}",
            next_step="give that problem, or one like it, as problems=",
        )
    return report


def _biased(report: Report, different: Different, verdict: SuiteVerdict, notes: list[str]) -> Report:
    case, compared = different.case, different.compared
    explored = case.explored
    name = min(different.names, key=lambda name: _gap(different, verdict, name))
    wanted = compared.targets[name]
    finding = Finding(
        "expectation",
        explored.name,
        compared.found.batch_size,
        tuple(map(float, wanted)),
        tuple(map(float, compared.found.mean)),
        _gap(different, verdict, name),
        False,
        trajectories=len(case.batch),
    )
    # On the suite all was as the verdict said; what it was no more than that for is the new finding.
    others = tuple(replace(old, holds=True) if old.check == "expectation" else old for old in report.findings)
    what = {
        Outcome.CORRECT: "equals the target on the suite",
        Outcome.SCALED: "is a multiple of the target on the suite",
        Outcome.OTHER_TARGET: f"equals {' and '.join(verdict.names)} on the suite",
    }[verdict.outcome]
    but = "the first terms of the gradient nor the gradient of the return until the cut"
    if {BOOTSTRAPPED, CUT_OFF} == set(different.names):
        there = f"where episodes are cut it is neither {but} (problem {explored.name})"
    elif different.names & {BOOTSTRAPPED, CUT_OFF}:
        there = f"where episodes are cut it is now one thing and now another (problem {explored.name})"
    else:
        there = f"not on problem {explored.name}"
    return replace(
        _without_name(report),
        outcome=Outcome.BIASED,
        explanation=f"the exact expectation {what}, but {there}",
        findings=(finding, *others),
        warnings=(_rebuilt(explored.as_code()), *report.warnings, *notes),
        next_step=next_step(Outcome.BIASED, "exhaustive"),
    )


def _gap(different: Different, verdict: SuiteVerdict, name: str) -> float:
    return deviation(different.compared.found, different.compared.targets[name], verdict.precision)


def _without_name(report: Report) -> Report:
    """Return the report without the diagnosis, which went with the verdict on the suite."""
    return replace(report, diagnosis=None, matches=(), cause="", cure="", source=())


def _rebuilt(code: str) -> str:
    return f"the problem can be built again: {code}"


def _sentence(kind: str, names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if names[MOST_NAMES:] else "")
    if kind in WHAT_IS_SAID:
        return WHAT_IS_SAID[kind].format(shown)
    return f"{kind}: not judged on {shown}"
