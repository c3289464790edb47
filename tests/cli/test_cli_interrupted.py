"""Ctrl-C: one sentence with what there is so far, exit code 130, and nothing left running, at any time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are where they are")

SLOW = """
import time
from pathlib import Path
import pgverify as pgv

def estimate(batch):
    Path("called").touch()
    time.sleep(0.3)
    return pgv.estimators.RewardToGo()(batch)
"""


def used(process: psutil.Process) -> float:
    """Return the processor time of a process, and of the children that have ended."""
    return sum(process.cpu_times()[:4])


@pytest.fixture(scope="module")
def started() -> float:
    """Seconds of processor time after which an interpreter has started for sure, however slow the machine."""
    before = used(psutil.Process())
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return 4.0 * (used(psutil.Process()) - before)


def interrupted(folder: Path, once: str, after: float = float("inf")) -> tuple[int, str]:
    """Interrupt a check when a file is there, or after so many seconds of its own processor time.

    Whatever the load, the interpreter must have started by then. Returned are its exit code and what it said.
    """
    (folder / "slow.py").write_text(SLOW)
    command = [sys.executable, "-m", "pgverify", "check", "slow.py:estimate"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 60.0
    while not (folder / once).exists() and time.monotonic() < until:
        time.sleep(0.005)
        if used(psutil.Process(process.pid)) > after:
            break
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120.0)
    assert out == ""
    assert not psutil.wait_procs(children, timeout=30.0)[1]
    return process.returncode, err


def test_in_a_call_it_says_how_far_it_came(tmp_path: Path) -> None:
    code, said = interrupted(tmp_path, "called")
    assert code == 130
    assert said.startswith("pgverify: interrupted after ")
    assert "problem coin, 1 of 13 problems begun; no verdict yet" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("seconds", [0.15, *(pytest.param(more, marks=pytest.mark.slow) for more in (0.2, 0.3, 0.5))])
def test_in_the_first_second_too(seconds: float, tmp_path: Path, started: float) -> None:
    code, said = interrupted(tmp_path, "nothing", after=max(seconds, started))
    assert code == 130
    assert said.startswith("pgverify: interrupted")
    assert "Traceback" not in said
