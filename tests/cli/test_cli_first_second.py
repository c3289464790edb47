"""On a terminal a command that takes long says so before anything slow is imported, and writes over it afterwards."""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path

import pytest

pty = pytest.importorskip("pty")

STARTING = "pgverify: starting …\r".encode()


def said_first(folder: Path, *command: str) -> bytes:
    """Return what a command writes to a terminal until it ends."""
    code = "import sys; sys.argv[0] = 'pgverify'; from pgverify.__main__ import main; main()"
    reading, writing = os.openpty()
    process = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", code, *command],
        {**os.environ, "COLUMNS": "120"},
        file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1), (os.POSIX_SPAWN_DUP2, writing, 2)],
    )
    os.close(writing)
    said, until = b"", time.monotonic() + 60.0
    while time.monotonic() < until and select.select([reading], [], [], 60.0)[0]:
        try:
            piece = os.read(reading, 1 << 16)
        except OSError:  # nobody has the terminal open any more
            break
        if not piece:
            break
        said += piece
    os.close(reading)
    os.waitpid(process, 0)
    return said


@pytest.mark.parametrize(
    "command",
    [
        "check nowhere:f",
        *(
            pytest.param(f"{command} nowhere", marks=pytest.mark.slow)
            for command in ("report", "variance", "study run")
        ),
    ],
)
def test_the_start_is_told(command: str, tmp_path: Path) -> None:
    said = said_first(tmp_path, *command.split())
    assert said.startswith(STARTING)
    assert b"nowhere" in said[len(STARTING) :]


@pytest.mark.parametrize(
    "command",
    [*(pytest.param(command, marks=pytest.mark.slow) for command in ("mdps river-swim", "study")), "check --help"],
)
def test_what_answers_at_once_has_no_such_line(command: str, tmp_path: Path) -> None:
    """Negative control."""
    assert b"starting" not in said_first(tmp_path, *command.split())
