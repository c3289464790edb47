"""When and from what a conclusion was made: date, commit, and how long its cells took."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

PATIENCE = 5.0
"""Seconds for Git, which is asked for a commit and no more."""


@dataclass(frozen=True)
class Made:
    """When and from what a conclusion was made.

    Attributes
    ----------
    date : str
        UTC, to the minute; empty where it is not known.
    commit : str
        Of the folder of the study's file, "+" behind it where something there was not committed; empty without Git.
    seconds : float, optional
        For which cells were computed last, on the wall.
    cells : int
        How many these were.
    """

    date: str = ""
    commit: str = ""
    seconds: float | None = None
    cells: int = 0

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


UNKNOWN = Made()
"""Of a conclusion that an earlier version kept."""


def made_from(data: Mapping[str, Any]) -> Made:
    """Return what `as_data` has written; what is missing is not known."""
    seconds = data.get("seconds")
    return Made(
        str(data.get("date", "")),
        str(data.get("commit", "")),
        None if seconds is None else float(seconds),
        int(data.get("cells", 0)),
    )


def made_now(study_file: Path, seconds: float | None = None, cells: int = 0) -> Made:
    """Return what is to be kept of a conclusion that is made now, for the study in a file."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Made(now, commit_of(study_file.parent), seconds, cells)


def commit_of(folder: Path) -> str:
    """Return the commit of a folder, with "+" where tracked files differ from it; empty where there is none."""
    said = [_git(folder, "rev-parse", "--short=12", "HEAD"), _git(folder, "status", "--porcelain", "-uno")]
    if said[0] is None:
        return ""
    return said[0] + ("+" if said[1] else "")


def _git(folder: Path, *words: str) -> str | None:
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return found.stdout.strip() if found.returncode == 0 else None


@dataclass
class Clock:
    """Listens to the progress of a command, and knows for how long the cells of each study were computed."""

    begun: dict[str, tuple[float, int]] = field(default_factory=dict)
    latest: dict[str, tuple[float, int]] = field(default_factory=dict)

    def __call__(self, study: str, done: int, total: int) -> None:  # noqa: ARG002, as a listener is called
        """Take note of how far a study is."""
        self.begun.setdefault(study, (monotonic(), done))
        self.latest[study] = (monotonic(), done)

    def spent(self, study: str) -> tuple[float | None, int]:
        """Return (seconds, cells) of a study; no seconds where nothing was computed."""
        if study not in self.begun:
            return None, 0
        (begin, before), (end, after) = self.begun[study], self.latest[study]
        return (end - begin, after - before) if after > before else (None, 0)
