"""What a page asks of a report on a loss. The report knows its page, so the page may not know the report's class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.outcome import Outcome
from pgverify.language.invariants import InvariantResult
from pgverify.language.loss_scope import LossScope, TreeScope


@runtime_checkable
class ShownLoss(Protocol):
    """A report, as `pgverify.language.LossReport` documents it."""

    @property
    def outcome(self) -> Outcome:
        """The verdict."""
        ...

    @property
    def explanation(self) -> str:
        """One sentence: what was found."""
        ...

    @property
    def target(self) -> str:
        """What was claimed."""
        ...

    @property
    def evidence(self) -> str:
        """Exhaustive or sampled."""
        ...

    @property
    def error_rate(self) -> str:
        """The rounding bound, or the total error rate."""
        ...

    @property
    def estimated(self) -> str:
        """What it estimates, in words; empty where it has no name."""
        ...

    @property
    def angle(self) -> float | None:
        """The largest to ∇J, in degrees."""
        ...

    @property
    def diagnosis(self) -> str | None:
        """Slug of the fault."""
        ...

    @property
    def cause(self) -> str:
        """Why it is wrong."""
        ...

    @property
    def cure(self) -> str:
        """What mends it."""
        ...

    @property
    def source(self) -> Sequence[str]:
        """Where it was seen."""
        ...

    @property
    def findings(self) -> Sequence[Finding]:
        """One a tree."""
        ...

    @property
    def example(self) -> Finding | None:
        """The one in which a fault shows most."""
        ...

    @property
    def invariants(self) -> Sequence[InvariantResult]:
        """What changes the result, or does not."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """What to look at."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What else was seen."""
        ...

    @property
    def next_step(self) -> str:
        """What to do."""
        ...

    @property
    def scope(self) -> LossScope | None:
        """What was tried."""
        ...


@dataclass(frozen=True)
class ShownTree:
    """A tree of tokens on the page: what was compared on it, and what was tried; one of both may be missing."""

    finding: Finding
    tree: TreeScope | None


def shown_trees(report: ShownLoss) -> list[ShownTree]:
    """Return the comparisons, each beside the scope of its tree."""
    tried = {} if report.scope is None else {tree.problem: tree for tree in report.scope.trees}
    return [ShownTree(finding, tried.get(finding.problem)) for finding in report.findings]


def angle_in_words(angle: float) -> str:
    """Spell an angle in degrees; one that is rounding is none."""
    return "0°" if angle < 1e-4 else f"{angle:.2g}°" if angle < 10 else f"{angle:.0f}°"
