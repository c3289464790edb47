"""What a page asks of a report. The report knows its page, so the page may not know the report's class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from pgverify.checking.verdict.bug_match import Match
from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.scope import Scope
from pgverify.checking.verdict.witness import Witness


@runtime_checkable
class ShownReport(Protocol):
    """A report, as `pgverify.checking.Report` documents it."""

    @property
    def outcome(self) -> Outcome:
        """The verdict."""
        ...

    @property
    def explanation(self) -> str:
        """One sentence: what was found."""
        ...

    @property
    def matches(self) -> Sequence[Match]:
        """Faults that explain it."""
        ...

    @property
    def findings(self) -> Sequence[Finding]:
        """What each check on each problem has shown."""
        ...

    @property
    def scope(self) -> Scope | None:
        """What was tried."""
        ...

    @property
    def witness(self) -> Witness | None:
        """Where the fault shows."""
        ...

    @property
    def smallest_failure(self) -> Finding | None:
        """The failed comparison on the smallest problem."""
        ...
