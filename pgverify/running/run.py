"""A run as the store knows it: what was asked, how far it has come, what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgverify.kinds import known_arguments


@dataclass(frozen=True)
class FailedCell:
    """A cell that could not be computed, and why, in one sentence."""

    index: int
    parameters: dict[str, Any]
    error: str


@known_arguments
@dataclass(frozen=True)
class Run:
    """One run of one study, as the store knows it.

    Attributes
    ----------
    number : int
        Runs are numbered in the order in which they were begun.
    study, fingerprint, path, source : str
        As in the workload.
    seed : int
    quick : bool
    versions : dict
        Of everything a number may depend on, by name.
    total, done : int
        Cells in the grid, cells finished.
    question, published : str
        What the study asks, and where its claim was published.
    reported : bool
        Whether claims were decided and all reports written since the last cell was computed.
    failures : sequence of FailedCell
        Cells that raised; they are tried again when the run is resumed.
    damaged : int
        Number of cells whose rows no longer are what was written; they are computed again when the run is resumed.
    machines : mapping
        Kernel and threads: number of cells computed with them.
    """

    number: int
    study: str
    fingerprint: str
    path: str
    source: str
    seed: int
    quick: bool
    versions: dict[str, str]
    total: int
    question: str
    published: str
    reported: bool
    done: int = 0
    failures: Sequence[FailedCell] = ()
    damaged: int = 0
    machines: Mapping[str, int] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether every cell is."""
        return self.done == self.total
