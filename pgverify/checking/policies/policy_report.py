"""The report on a policy: what was compared with what, which comparison failed, and the likely cause."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import FaultyImplementation
from pgverify.kinds import known_arguments


@dataclass(frozen=True)
class PolicyFinding:
    """What one comparison has shown.

    Attributes
    ----------
    check : str
        What has to hold, as in "the mean score is zero".
    holds : bool
    deviation, bound : float
        The largest deviation, and the one that is allowed: both relative to the size of what is compared. Of a sampled
        check, the p-value and the one below which it fails.
    evidence : "exact" or "sampled"
    where : str
        State and action, or entry, of the largest deviation.
    """

    check: str
    holds: bool
    deviation: float
    bound: float
    evidence: str = "exact"
    where: str = ""

    def __str__(self) -> str:
        said = f"{'holds' if self.holds else 'FAILS'}  {self.check}"
        if self.evidence == "sampled":
            return f"{said} (p = {self.deviation:.2g}, fails below {self.bound:.1g})"
        place = f" at {self.where}" if self.where and not self.holds else ""
        return f"{said} (off by {self.deviation:.2g}{place})"


@known_arguments
@dataclass(frozen=True)
class PolicyReport:
    """The verdict on a policy.

    Attributes
    ----------
    outcome : Outcome
        CORRECT where all that was compared agrees exactly; CONSISTENT where some of it was sampled; SCALED where a
        density is a constant multiple of the right one; BIASED where something disagrees; INVALID where a door failed.
    explanation : str
        One sentence.
    findings : tuple of PolicyFinding
    diagnosis : str or None
        Slug of the fault in the catalogue, where it is known.
    cause, cure : str
    source : tuple of str
    notes : tuple of str
        What was not tried, and how derivatives were taken.
    """

    outcome: Outcome
    explanation: str
    findings: tuple[PolicyFinding, ...] = ()
    diagnosis: str | None = None
    cause: str = ""
    cure: str = ""
    source: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def raise_if_faulty(self) -> PolicyReport:
        """Return the report itself, or raise `FaultyImplementation` unless the outcome is CORRECT or CONSISTENT."""
        if not self.outcome.good:
            raise FaultyImplementation(str(self))
        return self

    def to_json(self) -> str:
        """Return the report as a JSON document."""
        body: dict[str, Any] = asdict(self)
        return json.dumps({**body, "outcome": self.outcome.value}, indent=2, ensure_ascii=False)

    def __str__(self) -> str:
        lines = [f"{self.outcome.value}: {self.explanation}", *(f"  {finding}" for finding in self.findings)]
        if self.diagnosis:
            lines += [f"  likely cause: {self.diagnosis} — {self.cause}", f"  cure: {self.cure}"]
        if self.source:
            lines.append(f"  seen in: {', '.join(self.source)}")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])
