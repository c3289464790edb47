"""What changed between two surveys, so that one can be run against each new release."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from pgverify.errors import InvalidFile
from pgverify.survey.judged import COLUMNS, Verdict

LATER = ("factor", "variance", "variance_on")
"""Columns that earlier tables do not have."""


def read_table(path: Path) -> list[Verdict]:
    """Return the verdicts of a published `survey.csv`.

    Raises
    ------
    InvalidFile
        When it is no such file.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            there = [name for name in COLUMNS if name in (reader.fieldnames or ())]
            if not {*COLUMNS} - {*LATER} <= {*there}:
                raise KeyError
        return [Verdict(**{name: row[name] for name in there}) for row in rows]
    except OSError as reason:
        raise InvalidFile(f"{path} cannot be read ({reason.strerror}), must be a survey.csv") from None
    except (KeyError, TypeError, UnicodeDecodeError, csv.Error):
        raise InvalidFile(
            f"{path} is no table of a survey, must be a survey.csv as `pgverify survey` writes it"
        ) from None


def with_the_others(verdicts: Sequence[Verdict], path: Path) -> list[Verdict]:
    """Return the verdicts and those that a table has of other libraries, in its order; no others where there is none.

    Raises
    ------
    InvalidFile
        When there is a file that is no such table.
    """
    before = read_table(path) if path.exists() else []
    judged = {verdict.library for verdict in verdicts}
    whole = [*verdicts, *(verdict for verdict in before if verdict.library not in judged)]
    places = dict.fromkeys(verdict.library for verdict in (*before, *verdicts))
    return [verdict for library in places for verdict in whole if verdict.library == library]


def changes(earlier: Iterable[Verdict], later: Sequence[Verdict]) -> list[str]:
    """Return a line for each function that is new, gone, or judged otherwise."""
    before = {(verdict.library, verdict.function): verdict for verdict in earlier}
    lines = []
    for verdict in later:
        old = before.pop((verdict.library, verdict.function), None)
        name = f"{verdict.library} {verdict.function}"
        if old is None:
            lines.append(f"new: {name}: {said(verdict)}, {verdict.version}")
        elif said(old) != said(verdict):
            versions = old.version if old.version == verdict.version else f"{old.version} → {verdict.version}"
            lines.append(f"changed: {name}: {said(old)} → {said(verdict)}, {versions}")
    surveyed = {verdict.library for verdict in later}
    return lines + [f"gone: {library} {name}" for library, name in before if library in surveyed]


def said(verdict: Verdict) -> str:
    """Return the outcome of a verdict, with its fault."""
    return f"{verdict.outcome} ({verdict.diagnosis})" if verdict.diagnosis else verdict.outcome
