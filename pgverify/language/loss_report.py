"""The verdict on a loss: what it estimates, by name and formula, and within which scope."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import FaultyImplementation
from pgverify.kinds import PATH, instance_of, known_arguments
from pgverify.language.invariants import InvariantResult
from pgverify.language.loss_scope import LossScope
from pgverify.language.shown_loss import angle_in_words

SCHEMA = "pgverify-loss-report"
SCHEMA_VERSION = 1

ONE = 1e-6
"""Difference from 1 of a factor that is not told: an ε in a denominator makes it."""

NAME = instance_of(str, expected="a string, what was judged, as its title says")


@dataclass(frozen=True)
class Estimand:
    """What a loss estimates.

    Attributes
    ----------
    words, formula, effect, source : str
        In words, as a formula, what following it does, and where it is derived.
    factor : float
        The ascent direction is this multiple of it.
    """

    words: str
    formula: str
    effect: str = ""
    source: str = ""
    factor: float = 1.0

    @property
    def named(self) -> str:
        """Formula and words, without where it is derived."""
        times = "" if abs(self.factor - 1.0) < ONE else f"{self.factor:.6g} × "
        return f"{times}{self.formula}: {self.words}"

    def __str__(self) -> str:
        return self.named + (f" ({self.source})" if self.source else "")


@known_arguments
@dataclass(frozen=True)
class LossReport:
    """The verdict on a loss, what it rests on, and what to do next.

    Attributes
    ----------
    outcome : Outcome
    explanation : str
        One sentence: what was found.
    target : str
        What was claimed, as a formula.
    evidence : "exhaustive" or "sampled"
    error_rate : str
        The rounding bound, or the total error rate.
    estimand : Estimand or None
        What the loss estimates; None where it has no name here.
    angle : float or None
        Between the ascent direction and ∇J, in degrees: the largest of any tree.
    diagnosis : str or None
        Slug of the fault, several joined by " + "; None where none is known.
    cause, cure : str
    source : tuple of str
    findings : tuple of Finding
        One a tree.
    invariants : tuple of InvariantResult
        What changes the result though it should not, or does not.
    warnings, notes : tuple of str
    next_step : str
    scope : LossScope or None
        None where nothing could be tried.
    """

    outcome: Outcome
    explanation: str
    target: str
    evidence: str
    error_rate: str
    estimand: Estimand | None = None
    angle: float | None = None
    diagnosis: str | None = None
    cause: str = ""
    cure: str = ""
    source: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    invariants: tuple[InvariantResult, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    next_step: str = ""
    scope: LossScope | None = None

    def raise_if_faulty(self) -> None:
        """Raise `FaultyImplementation` unless the outcome is CORRECT or CONSISTENT."""
        if not self.outcome.good:
            raise FaultyImplementation(str(self))

    def __str__(self) -> str:
        lines = [
            f"{self.outcome.value}: {self.explanation}",
            f"  target {self.target}; {self.evidence} evidence; {self.error_rate}",
        ]
        if self.estimand is not None:
            lines.append(f"  it estimates {self.estimand}")
            if self.estimand.effect:
                lines.append(f"  which {self.estimand.effect}")
        if self.angle is not None:
            lines.append(f"  angle to ∇J: {angle_in_words(self.angle)}")
        if self.diagnosis is not None:
            said = f" — {self.cause}" if self.cause else ", as proposed there"
            lines.append(f"  {'likely cause' if self.cause else 'it is'}: {self.diagnosis}{said}")
            lines += [f"  cure: {self.cure}"] if self.cure else []
            lines.append(f"  seen in: {', '.join(self.source)}")
        if self.example is not None:
            lines += [
                f"  for instance {self.example.problem}, off by {self.example.deviation:.3g}",
                f"    expected {_vector(self.example.expected)}",
                f"    found    {_vector(self.example.found)}",
            ]
        if self.scope is not None:
            lines.append(f"  scope: {self.scope}")
        lines += [f"  warning: {warning}" for warning in self.warnings]
        lines += [f"  note: {note}" for note in self.notes]
        if self.next_step:
            lines.append(f"  next: {self.next_step}")
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return everything as a JSON document with a schema name and version."""
        body: dict[str, Any] = asdict(self)
        body["outcome"] = self.outcome.value
        return json.dumps({"schema": SCHEMA, "version": SCHEMA_VERSION, **body}, ensure_ascii=False, indent=2)

    @property
    def estimated(self) -> str:
        """What it estimates, and what following that does; empty where it has no name."""
        if self.estimand is None:
            return ""
        return self.estimand.named + (f", which {self.estimand.effect}" if self.estimand.effect else "")

    @property
    def example(self) -> Finding | None:
        """The comparison in which a fault shows most; None where none fails."""
        failed = (found for found in self.findings if not found.holds and found.found)
        return max(failed, key=lambda found: found.deviation, default=None)

    def to_html(self, path: str | PathLike[str], name: str = "") -> None:
        """Write the report as a page that needs nothing else, for a browser or for print.

        Parameters
        ----------
        path : str or path
        name : str
            What was judged, as its title says.

        Raises
        ------
        InvalidFile
            When the file cannot be written.
        """
        from pgverify.drawing.pages import write_whole
        from pgverify.language.loss_page import loss_page

        PATH.require("path", path)
        NAME.require("name", name)
        write_whole(Path(path), loss_page(self, name))

    def to_markdown(self, name: str = "") -> str:
        """Return the same content as Markdown, for a code host; text from outside stays text.

        Parameters
        ----------
        name : str
            What was judged, as its title says.
        """
        from pgverify.language.loss_markdown import loss_markdown

        NAME.require("name", name)
        return loss_markdown(self, name)

    def _repr_html_(self) -> str:
        from pgverify.language.loss_page import loss_fragment

        return loss_fragment(self)


def _vector(numbers: tuple[float, ...]) -> str:
    return f"[{', '.join(f'{x:.6g}' for x in numbers)}]"
