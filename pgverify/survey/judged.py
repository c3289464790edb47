"""Verdicts on the rows of a library as plain records, and what may be said of them beside their controls."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace

from pgverify.checking.verdict.outcome import Outcome
from pgverify.errors import InvalidFile, one_sentence
from pgverify.survey.entry import Role, Survey, SurveyRow
from pgverify.survey.spread import variance_of

PASSING = (Outcome.CORRECT.value, Outcome.CONSISTENT.value)
FAILED = "NOT RUN"
WITHDRAWN = "CONTROL FAILED"

MULTIPLE = re.compile(r"expectation is (.+?) times ")
"""The factor in a report's sentence, with its law: numbers alone would lose it."""


@dataclass(frozen=True)
class Verdict:
    """What the oracle said of one row.

    Attributes
    ----------
    library, version, function, claim, called, role, of, remark : str
        As the entry has them.
    outcome : str
        That of the report; NOT RUN when the call failed, CONTROL FAILED when no accusation may be made.
    diagnosis : str
        The slug of the fault; empty without one.
    target : str
        What the function was compared with.
    explanation : str
        The report's sentence, or the reason of a failure.
    weights : str
        The weights of the steps, where they have a name.
    factor : str
        The multiple of the target that it estimates, with its law; empty without one.
    variance, variance_on : str
        Relative to the best baseline, and the problem on which it is measured; without one, the reason. See
        `pgverify.survey.spread`.
    recorded : str
        The outcome when the row was written.
    date : str
        The day, in UTC.
    """

    library: str
    version: str
    function: str
    claim: str
    called: str
    role: str
    of: str
    remark: str
    outcome: str
    diagnosis: str = ""
    target: str = ""
    explanation: str = ""
    weights: str = ""
    factor: str = ""
    variance: str = ""
    variance_on: str = ""
    recorded: str = ""
    date: str = ""


COLUMNS = tuple(field.name for field in fields(Verdict))


def judged(survey: Survey, row: SurveyRow) -> Verdict:
    """Return the verdict on a row; a call that fails is a row that says so, and no other row's business."""
    blank = Verdict(
        survey.library,
        survey.version,
        row.function,
        row.claim,
        row.called,
        row.role.value,
        row.of,
        row.remark,
        FAILED,
        recorded=row.recorded.value,
        date=dt.datetime.now(dt.UTC).date().isoformat(),
    )
    try:
        report = row.judge()
    except Exception as reason:
        return replace(blank, explanation=one_sentence(reason))
    if report.outcome is Outcome.INVALID and "time limit" in report.explanation:  # load makes no verdict
        return replace(blank, explanation=report.explanation)
    variance, variance_on = variance_of(report)
    multiple = MULTIPLE.search(report.explanation) if report.outcome is Outcome.SCALED else None
    return replace(
        blank,
        factor=multiple.group(1) if multiple else "",
        variance=variance,
        variance_on=variance_on,
        outcome=report.outcome.value,
        diagnosis=report.diagnosis or "",
        target=report.target,
        explanation=report.explanation,
        weights=", ".join(getattr(report, "weights", ())),  # a loss has none
    )


def with_controls(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return the verdicts as they may be published.

    A function is accused only where each of its controls did what it is there for, in the same run: those that must
    pass have passed, and no planted fault has. Elsewhere the outcome is CONTROL FAILED, with the control's name.
    """
    every = list(verdicts)
    failed: dict[tuple[str, str], str] = {}
    for verdict in every:
        if verdict.role == Role.RIGHT.value and verdict.outcome not in PASSING:
            failed[verdict.library, verdict.of] = verdict.function
        if verdict.role == Role.PLANTED.value and verdict.outcome in (*PASSING, FAILED):
            failed[verdict.library, verdict.of] = verdict.function
    published = []
    for verdict in every:
        control = failed.get((verdict.library, verdict.function))
        if verdict.role == Role.FUNCTION.value and control and verdict.outcome not in (*PASSING, FAILED):
            reason = f"nothing is said, for the control {control!r} did not do what it is there for"
            verdict = replace(verdict, outcome=WITHDRAWN, diagnosis="", explanation=reason)
        published.append(verdict)
    return published


def written(verdict: Verdict) -> str:
    """Return a verdict as one line of JSON."""
    return json.dumps(asdict(verdict), ensure_ascii=False)


def read(text: str, where: str) -> list[Verdict]:
    """Return the verdicts of a file of such lines; a last line that was cut off is left out.

    Raises
    ------
    InvalidFile
        When another line is no verdict.
    """
    lines = text.split("\n")
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
            found.append(Verdict(**{name: str(data[name]) for name in COLUMNS}))
        except (ValueError, TypeError, KeyError):
            if number < len(lines):  # written whole, and still no verdict
                raise InvalidFile(
                    f"line {number} of {where} is no verdict of a survey; remove the file and run the survey again"
                ) from None
    return found
