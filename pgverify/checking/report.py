"""The report: a verdict as data, that raises in exactly one place."""

from __future__ import annotations

import html
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from pgverify.checking.diagnosis import Match
from pgverify.checking.outcome import Outcome

SCHEMA = "pgverify-report"
SCHEMA_VERSION = 1


class FaultyImplementation(AssertionError):
    """Raised by `Report.raise_if_faulty` for every outcome but CORRECT and CONSISTENT."""


@dataclass(frozen=True)
class Finding:
    """What one check on one problem has shown.

    Attributes
    ----------
    check : str
        "expectation", or the name of an invariant.
    problem : str
        Name of the problem.
    batch_size : int
    expected, found : tuple of float
        The target, and the exact expectation.
    deviation : float
        Relative to the size of the estimates.
    holds : bool
    variance : float or None
        tr Cov of one trajectory's contribution.
    variance_ratio : float or None
        The same relative to reward-to-go without baseline.
    """

    check: str
    problem: str
    batch_size: int
    expected: tuple[float, ...]
    found: tuple[float, ...]
    deviation: float
    holds: bool
    variance: float | None = None
    variance_ratio: float | None = None


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
        The rounding bound, or the total error rate.
    diagnosis : str or None
        Slug of the one catalogued fault that has the same expectation; None when there is none or more than one.
    matches : tuple of Match
        All of them.
    findings : tuple of Finding
    warnings : tuple of str
    cause, cure, source : str
        Of the diagnosis; empty without one.
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
    source: tuple[str, ...] = field(default=())

    def raise_if_faulty(self) -> None:
        """Raise `FaultyImplementation` unless the outcome is CORRECT or CONSISTENT."""
        if not self.outcome.good:
            raise FaultyImplementation(str(self))

    def __str__(self) -> str:
        lines = [
            f"{self.outcome.value}: {self.explanation}",
            f"  target {self.target}; {self.evidence} evidence; {self.error_rate}",
        ]
        worst = max(
            (f for f in self.findings if not f.holds), key=lambda f: -len(f.found) * 0 + f.deviation, default=None
        )
        if worst is not None and not self.outcome.good:
            smallest = next(f for f in self.findings if not f.holds)
            lines += [
                f"  smallest problem that shows it: {smallest.problem} (batch of {smallest.batch_size})",
                f"    expected {_vector(smallest.expected)}",
                f"    found    {_vector(smallest.found)}",
            ]
        if self.diagnosis is not None:
            lines += [
                f"  likely cause: {self.diagnosis} — {self.cause}",
                f"  cure: {self.cure}",
                f"  seen in: {', '.join(self.source)}",
            ]
        elif self.matches:
            lines.append(f"  same expectation as: {', '.join(match.slug for match in self.matches)}")
        ratios = [f.variance_ratio for f in self.findings if f.variance_ratio is not None]
        if ratios:
            lines.append(
                f"  variance: {min(ratios):.3g} to {max(ratios):.3g} times that of reward-to-go without baseline"
            )
        lines += [f"  warning: {warning}" for warning in self.warnings]
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return everything, without loss, as a JSON document with a schema name and version."""
        body: dict[str, Any] = asdict(self)
        body["outcome"] = self.outcome.value
        return json.dumps({"schema": SCHEMA, "version": SCHEMA_VERSION, **body}, ensure_ascii=False, indent=2)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def _vector(numbers: tuple[float, ...], most: int = 6) -> str:
    shown = ", ".join(f"{x:.6g}" for x in numbers[:most])
    return f"[{shown}{', …' if len(numbers) > most else ''}]"
