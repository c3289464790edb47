"""The report after the search beyond the suite: what was found there can only lower a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pgverify.checking.exhaustive.exploration import Different, Explored
from pgverify.checking.exhaustive.explored_case import BOOTSTRAPPED, CUT_OFF
from pgverify.checking.verdict.explored_judgement import SuiteVerdict
from pgverify.checking.verdict.explored_scope import ExploredScope, LeftOut
from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.next_steps import next_step, one_batch
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.precision import deviation
from pgverify.checking.verdict.report import Report
from pgverify.checking.verdict.scope import Scope

COULD_BE_LOWERED = (Outcome.CORRECT, Outcome.SCALED, Outcome.OTHER_TARGET)
"""Verdicts that one more problem can take back; those that name a fault stand."""

AT_THE_CUT = (
    "where episodes are cut (batch.truncated) the expectation is the gradient of the return until the cut; "
    "add γ^T V(s_T) to estimate that of the whole return"
)

LATE = "the total time limit passed when {} further problems were tried"

WHY_LEFT_OUT: Mapping[str, str] = {
    "undefined": "it is not said what the target is there",
    "rounding": "rounding could hide a bias of 0.001 there",
}

TOO_COARSE = "rewards of all sizes are too much for so few bits"

NOTHING_LISTED = Scope((), 0, 0, 0, 0, (), ())


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
    late = tuple(LATE.format(names[0]) for kind, names in explored.notes.items() if kind == "late")
    notes = [f"{why}: {where[0]}" for why, where in explored.excused.items()]
    if explored.names.get("cut") == frozenset({CUT_OFF}):
        notes.append(AT_THE_CUT)
    left_out = tuple(
        LeftOut(WHY_LEFT_OUT.get(kind, kind), names) for kind, names in explored.notes.items() if kind != "late"
    )
    report = _with_beyond(report, ExploredScope(explored.count, left_out))
    report = replace(report, warnings=(*report.warnings, *late), notes=(*report.notes, *notes))
    if explored.failed is not None:
        case, failure = explored.failed
        return replace(
            _without_name(report),
            outcome=Outcome.INVALID,
            explanation=f"on problem {case.explored.name}, beyond the suite, it {failure}",
            warnings=(rebuilt(case.explored.as_code()), *report.warnings),
            next_step="call it on the input above",
        )
    if explored.different is not None:
        return _biased(report, explored.different, verdict)
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


def not_explored(report: Report) -> Report:
    """Return the report on code of a coarse precision, which is not looked for beyond the suite."""
    return _with_beyond(report, ExploredScope(0, (LeftOut(TOO_COARSE),)))


def _with_beyond(report: Report, beyond: ExploredScope) -> Report:
    scope = report.scope if report.scope is not None else NOTHING_LISTED
    return replace(report, scope=replace(scope, beyond=beyond))


def _biased(report: Report, different: Different, verdict: SuiteVerdict) -> Report:
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
        warnings=(rebuilt(explored.as_code()), *report.warnings),
        next_step=next_step(Outcome.BIASED, "exhaustive", one_batch(finding.batch_size)),
    )


def _gap(different: Different, verdict: SuiteVerdict, name: str) -> float:
    return deviation(different.compared.found, different.compared.targets[name], verdict.precision)


def _without_name(report: Report) -> Report:
    """Return the report without the diagnosis, which went with the verdict on the suite."""
    return replace(report, diagnosis=None, matches=(), cause="", cure="", source=())


def rebuilt(code: str) -> str:
    """Return the sentence that says how a problem can be built again."""
    return f"the problem can be built again: {code}"
