"""The report: a verdict as data, that raises in exactly one place."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgverify.checking.verdict.bug_match import Match
from pgverify.checking.verdict.finding import Finding, smallest_failure
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.scope import Scope, scope_from
from pgverify.checking.verdict.witness import Witness, witness_from
from pgverify.errors import InvalidInput, shortened
from pgverify.suggestions import suggests_names

if TYPE_CHECKING:  # matplotlib is imported late: checks must stay light
    from matplotlib.figure import Figure

SCHEMA = "pgverify-report"
SCHEMA_VERSION = 2
"""2 has `scope` and `notes`, and says of a match whether its estimates are the same; 1 is read."""

LATER = ("notes", "scope", "witness")
"""What documents of version 1 do not have."""

MOST_WARNINGS = 8
"""Warnings that are printed; the rest are counted."""

WIDEST = 240
"""Characters of a printed line."""


class FaultyImplementation(AssertionError):
    """Raised by `Report.raise_if_faulty` for every outcome but CORRECT and CONSISTENT."""


@suggests_names
@dataclass(frozen=True)
class Report:
    """The verdict on an implementation, what it rests on, and what to do next.

    Attributes
    ----------
    outcome : Outcome
    explanation : str
        One sentence: what was found.
    evidence : "exhaustive" or "sampled"
    target : str
    error_rate : str
        The rounding bound, or the total error rate; and the batch sizes.
    diagnosis : str or None
        Slug of the fault: the one whose estimates are the same on every batch compared, or the only one that has the
        same expectation; several that are composed are joined by " + ". None when there is none, or more than one.
    matches : tuple of Match
        All of them.
    findings : tuple of Finding
    warnings : tuple of str
        What may be a fault though the verdict does not rest on it, and what could not be tried.
    notes : tuple of str
        What is worth knowing and no fault: what the estimate depends on, as right ones may.
    cause, cure, source : str
        Of the diagnosis; empty without one.
    weights : tuple of str
        For kind "weights": which weights these are.
    next_step : str
        What to do now.
    scope : Scope or None
        What was tried: the verdict holds within it. None in documents of version 1.
    witness : Witness or None
        Where the fault shows, on the smallest problem that shows it: a trajectory with its weights beside right ones.
    """

    outcome: Outcome
    explanation: str
    evidence: str
    target: str
    error_rate: str
    diagnosis: str | None = None
    matches: tuple[Match, ...] = ()
    findings: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()
    cause: str = ""
    cure: str = ""
    source: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    next_step: str = ""
    notes: tuple[str, ...] = ()
    scope: Scope | None = None
    witness: Witness | None = None

    def raise_if_faulty(self) -> None:
        """Raise `FaultyImplementation` unless the outcome is CORRECT or CONSISTENT."""
        if not self.outcome.good:
            raise FaultyImplementation(str(self))

    @property
    def smallest_failure(self) -> Finding | None:
        """The failed comparison on the problem with the fewest trajectories, then in the smallest batch."""
        return smallest_failure(self.findings)

    def __str__(self) -> str:
        lines = [
            f"{self.outcome.value}: {self.explanation}",
            f"  target {self.target}; {self.evidence} evidence; {self.error_rate}",
        ]
        if self.weights:
            lines.append(f"  the weights are: {'; or '.join(self.weights)}")
        if (smallest := self.smallest_failure) is not None:
            lines += [
                f"  smallest problem that shows it: {smallest.problem} (batch of {smallest.batch_size}), "
                f"off by {smallest.deviation:.3g} of a gradient estimate",
                f"    expected {_vector(smallest.expected)}",
                f"    found    {_vector(smallest.found)}",
            ]
        if self.diagnosis is not None:
            lines += [
                f"  {self._named(self.diagnosis)} — {self.cause}",
                f"  cure: {self.cure}",
                *([f"  seen in: {', '.join(self.source)}"] if self.source else []),
            ]
        others = [f"{match.slug}{match.times}" for match in self.matches if match.slug != self.diagnosis]
        if others:
            also = "another name of that expectation" if self.diagnosis else "its expectation equals that of"
            lines.append(f"  {also}: {', '.join(others[:6])}{', …' if others[6:] else ''}")
        if (variance := self._variance()) is not None:
            lines.append(f"  variance: {variance}")
        if self.scope is not None:
            lines.append(f"  scope: {self.scope}")
        lines += [f"  warning: {warning}" for warning in self.warnings[:MOST_WARNINGS]]
        if len(self.warnings) > MOST_WARNINGS:
            lines.append(f"  … {len(self.warnings) - MOST_WARNINGS} more warnings")
        lines += [f"  note: {note}" for note in self.notes[:MOST_WARNINGS]]
        if self.next_step:
            lines.append(f"  next: {self.next_step}")
        return "\n".join(line if line.startswith("  scope: ") else shortened(line, WIDEST) for line in lines)

    def _named(self, slug: str) -> str:
        """Return how far a diagnosis goes: to every batch, or to the expectation."""
        match = next((match for match in self.matches if match.slug == slug), None)
        if match is None or match.same:
            return f"likely cause: {slug}{match.times if match else ''}"
        return f"likely cause: its expectation equals that of {slug}{match.times}, not its every estimate"

    def _variance(self) -> str | None:
        """Return the range of variances over the problems, in words; None where none is known."""
        plain = [f.variance_ratio for f in self.findings if f.variance_ratio is not None]
        best = [f.optimal_ratio for f in self.findings if f.optimal_ratio is not None]
        if not plain:
            return None
        least = f", {_span(best)} with the best baseline b(s, t)" if best else ""
        return f"{_span(plain)} times that of reward-to-go without baseline{least}"

    def to_json(self) -> str:
        """Return everything, without loss, as a JSON document with a schema name and version.

        JSON has no infinite numbers; where one occurs it is written as the text "inf", "-inf" or "nan".
        """
        body: dict[str, Any] = asdict(self)
        body["outcome"] = self.outcome.value
        document = _finite({"schema": SCHEMA, "version": SCHEMA_VERSION, **body})
        return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Return the report that `to_json` wrote; equal to the original.

        Raises
        ------
        InvalidInput
            When the text is not such a document, or of a newer version.
        """
        try:
            body = json.loads(text)
            version = body["version"]
            if body["schema"] != SCHEMA or type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
                raise InvalidInput(
                    f"document is {body['schema']!r} version {version!r}, must be {SCHEMA!r} version "
                    f"{SCHEMA_VERSION} or an earlier one"
                )
            known = [f.name for f in fields(cls) if version > 1 or f.name not in LATER]
            values = {name: _read(body[name]) for name in known if name not in ("scope", "witness")}
            values["witness"] = witness_from(body.get("witness"))
            values["scope"] = scope_from(body["scope"] if version > 1 else None)
            values["outcome"] = Outcome(values["outcome"])
            values["matches"] = tuple(Match(**{k: _read(v, k) for k, v in item.items()}) for item in body["matches"])
            values["findings"] = tuple(
                Finding(**{k: _read(v, k) for k, v in item.items()}) for item in body["findings"]
            )
        except (KeyError, TypeError, ValueError) as reason:
            if isinstance(reason, InvalidInput):
                raise
            raise InvalidInput(f"document is no report: {type(reason).__name__}: {reason}") from reason
        return cls(**values)

    def to_html(self, path: str | Path, name: str = "") -> None:
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
        from pgverify.checking.pages.check_page import check_page
        from pgverify.drawing.pages import write_whole

        write_whole(path, check_page(self, name))

    def plot(self) -> Figure:
        """Return a figure: expected against found where they differ, else variances by problem."""
        from pgverify.checking.pages.check_figures import report_figure

        return report_figure(self)

    def _repr_html_(self) -> str:
        from pgverify.checking.pages.check_page import check_fragment

        return check_fragment(self)


NUMBERS = ("deviation", "variance", "variance_ratio", "optimal_ratio", "factor", "expected", "found")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _read(value: Any, name: str = "") -> Any:
    if isinstance(value, list):
        return tuple(_read(item, name) for item in value)
    return float(value) if isinstance(value, str) and name in NUMBERS else value


def _span(ratios: list[float]) -> str:
    low, high = f"{min(ratios):.3g}", f"{max(ratios):.3g}"
    return low if low == high else f"{low} to {high}"


def _vector(numbers: tuple[float, ...], most: int = 6) -> str:
    shown = ", ".join(f"{x:.6g}" for x in numbers[:most])
    return f"[{shown}{', …' if len(numbers) > most else ''}]"
