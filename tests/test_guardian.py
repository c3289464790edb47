"""What no exception can be made of, C's `exit` or a signal, ends a process: another one, which is left, says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_studies import write_study

from pgverify.guardian import runs_foreign_code

pytestmark = pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="signals cannot be waited for here")

WAYS = {
    "C exit": "import ctypes; ctypes.CDLL(None).exit(0)",
    "C _exit": "import ctypes; ctypes.CDLL(None)._exit(0)",
    "killed": "import os; os.kill(os.getpid(), 9)",
}
ENDS = {"C exit": "with exit code 0", "C _exit": "with exit code 0", "killed": "by signal 9"}
DOING = {
    "def decide(": "while the claims of study tiny were decided",
    "def figures(": "while the figures of study tiny were drawn",
    "def cells(": "while the grid of study tiny was made",
    "import": "was imported",
}
QUICK = {("C exit", "import"), ("killed", "import")}


def study_that_ends(folder: Path, where: str, code: str) -> Path:
    study = write_study(folder, count=1)
    lines = study.read_text().splitlines()
    if where == "import":
        lines = [code, *lines]
    else:
        lines.insert(next(index for index, line in enumerate(lines) if line.startswith(where)) + 1, f"    {code}")
    study.write_text("\n".join(lines) + "\n")
    return study


def run(study: Path, *options: str) -> subprocess.CompletedProcess[str]:
    out = study.parent.parent / "out"
    command = [sys.executable, "-m", "pgverify", "study", "run", str(study), "--workers", "1", "--out", str(out)]
    return subprocess.run([*command, *options], capture_output=True, text=True, timeout=120.0)


@pytest.mark.parametrize(
    ("way", "where"),
    [
        (way, where) if (way, where) in QUICK else pytest.param(way, where, marks=pytest.mark.slow)
        for way in WAYS
        for where in DOING
    ],
)
def test_a_study_that_ends_the_process_is_told_and_fails(way: str, where: str, tmp_path: Path) -> None:
    done = run(study_that_ends(tmp_path, where, WAYS[way]))
    assert done.returncode == 1, done.stderr
    told = [line for line in done.stderr.splitlines() if "the process ended" in line]
    assert len(told) == 1
    assert DOING[where] in told[0]
    assert ENDS[way] in told[0]
    if where in ("def decide(", "def figures("):
        assert (tmp_path / "out" / "index.html").exists()
        page = next((tmp_path / "out" / "tiny").glob("*.html")).read_text()
        assert "the process ended in the middle of it" in page
        assert ("The mean is" in page) is (where == "def figures(")  # the claims are known by then
    else:
        assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_right_study_says_nothing_of_it(tmp_path: Path) -> None:
    """Negative control, and resumption: what ended the first time is decided the second time."""
    done = run(study_that_ends(tmp_path, "def decide(", WAYS["C exit"]))
    assert done.returncode == 1
    mended = write_study(tmp_path, count=1)
    done = run(mended)
    assert (done.returncode, "the process ended" in done.stderr) == (0, False), done.stderr
    assert "2 of 2 claims hold" in done.stdout
    assert "in the middle of it" not in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["__import__('os')._exit", "__import__('ctypes').CDLL(None)._exit"])
def test_an_exit_code_is_not_changed_at_the_end(way: str, tmp_path: Path) -> None:
    study = study_that_ends(tmp_path, "def decide(", f"import atexit; atexit.register({way}, 0)")
    study.write_text(study.read_text().replace('"0.1", True', '"0.1", False'))
    done = run(study)
    assert done.returncode == 1, done.stderr
    assert "FAILS mean" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_guardian_reaches_the_command(number: signal.Signals, tmp_path: Path) -> None:
    code = "import time, pathlib; pathlib.Path(__file__).with_name('here').touch(); time.sleep(60)"
    study = study_that_ends(tmp_path, "import", code)
    command = [sys.executable, "-m", "pgverify", "study", "run", str(study), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60.0
    while not study.with_name("here").exists() and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(process.pid, number)
    assert "interrupted" in process.communicate(timeout=60.0)[1]
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("typed", "guarded"),
    [
        ("study run x", True),
        ("study list", True),
        ("report out --trust", True),
        ("variance --env FrozenLake-v1", True),
        ("variance --env=FrozenLake-v1", True),
        ("report out", False),
        ("variance two-rooms", False),
        ("check x:f", False),  # which has a process of its own for the function
        ("study run --help", False),
        ("study status out", False),
        ("", False),
    ],
)
def test_only_commands_that_run_code_of_others_are_guarded(typed: str, guarded: bool) -> None:
    assert runs_foreign_code(typed.split()) is guarded
