"""The report after what the function changed around it has been put back: a note, or no verdict at all."""

from __future__ import annotations

from dataclasses import replace

from pgverify.checking.calling.surroundings import Changes
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.errors import shortened

LONGEST = 120
"""Characters of the names that are told."""


def spoiled_by(changes: Changes, target: str, evidence: str = "exhaustive") -> Report | None:
    """Return that there is no verdict where it was computed with functions that were replaced; else None."""
    if not changes.deciding:
        return None
    return Report(
        Outcome.INVALID,
        f"it replaced {_named(changes.deciding)} in a call, with which it is judged; put back since",
        evidence,
        target,
        "one such function is enough",
        next_step="leave the functions of others as they are",
    )


def with_surroundings(report: Report, changes: Changes) -> Report:
    """Return the report with a note of what was changed and put back; INVALID where that has judged."""
    spoiled = spoiled_by(changes, report.target, report.evidence)
    if spoiled is not None or not changes.others:
        return spoiled or report
    note = f"it changed {_named(changes.others)} in a call; put back since"
    return replace(report, notes=(*report.notes, note))


def _named(changes: tuple[str, ...]) -> str:
    return shortened(", ".join(changes), LONGEST)
