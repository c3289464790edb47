"""Whoever types a command that takes long sees within a second that it has begun: measured on a real terminal."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("pty")

SECONDS = 1.0
ATTEMPTS = 3
"""A machine that is busy with others may be slow once."""

COMMANDS = (
    "variance frozen-lake-4x4 --horizon 30 --discount 0.95",
    "check losses.py:estimate",
    "study run zero-mean-score --quick --out out",
    "report out",
)


def seconds_to_first_word(folder: Path, typed: str) -> float:
    """Return when the first byte of a command reaches the terminal, and stop the command; infinite without one."""
    code = "import sys; sys.argv[0] = 'pgverify'; from pgverify.__main__ import main; main()"
    reading, writing = os.openpty()
    begun = time.monotonic()
    process = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", f"import os; os.chdir({str(folder)!r}); {code}", *typed.split()],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1), (os.POSIX_SPAWN_DUP2, writing, 2)],
    )
    os.close(writing)
    try:
        ready, _, _ = select.select([reading], [], [], 10.0 * SECONDS)
        taken = time.monotonic() - begun
        said = os.read(reading, 1 << 12) if ready else b""
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(reading)
    return taken if said.strip() else float("inf")


def seconds_of_numpy() -> float:
    """Return how long a Python that imports NumPy takes: a sign that comes before is none of a slow program."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", "import numpy"], check=True)
    return time.monotonic() - begun


@pytest.mark.parametrize("typed", COMMANDS, ids=lambda typed: typed.split()[0])
def test_it_begins_within_a_second(typed: str, tmp_path: Path) -> None:
    taken = (seconds_to_first_word(tmp_path, typed) for _ in range(ATTEMPTS))
    assert any(seconds < SECONDS or seconds < seconds_of_numpy() for seconds in taken)


def test_silence_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a terminal on which nothing is ready says so, however long one would wait."""
    waited: list[object] = []

    def nothing(*asked: object) -> tuple[list[int], list[int], list[int]]:
        waited.append(asked[-1])
        return [], [], []

    monkeypatch.setattr(select, "select", nothing)
    assert seconds_to_first_word(tmp_path, "study list --help") == float("inf")
    assert waited == [10.0 * SECONDS]
