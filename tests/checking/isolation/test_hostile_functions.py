"""Whatever a function does, the command line survives it, names the input, and leaves nothing running.

By default a few of each kind; all of them by `make test-hostile`, or with the other slow tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import hostile_functions as hostile
import hostile_parts
import psutil
import pytest

QUICK = {
    "os_exit_0",
    "c_exit_0",
    "segfault",
    "asleep_with_signals_blocked",
    "keyboard_interrupt",
    "nameless_daemon",
    "closes_and_exits",
    "prints_garbage",
}
LONGEST = 180.0
"""Seconds: a machine may be busy, and a hang has to be seen as one."""

INVALID = hostile.ENDS | hostile.HANGS | hostile.EATS
FILE = INVALID | hostile.OTHERS
ALL = sorted(FILE)


def judged(name: str, folder: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], dict[str, object]]:
    written = folder / "report.json"
    limits = ["--time-limit", "1", "--memory-limit", "1", "--explore", "0"]
    command = [sys.executable, "-m", "pgverify", "check", name, *limits, "--json", str(written), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, cwd=folder, errors="replace")
    return done, json.loads(written.read_text()) if written.exists() else {}


def left_running(folder: Path) -> list[str]:
    """Return what was started in a folder and still sleeps; another worker may be at the same test just now."""
    return [line for process in psutil.process_iter() if "299.125" in (line := _command(process, folder))]


def _command(process: psutil.Process, folder: Path) -> str:
    try:
        return " ".join(process.cmdline()) if process.cwd() == str(folder) else ""
    except psutil.Error:
        return ""


def test_what_is_left_running_is_seen(tmp_path: Path) -> None:
    """Negative control."""
    with subprocess.Popen(["sleep", "299.125"], cwd=tmp_path) as sleeper:
        try:
            assert left_running(tmp_path) == ["sleep 299.125"]
            assert left_running(tmp_path.parent) == []
        finally:
            sleeper.kill()


def test_there_are_many_of_every_kind() -> None:
    assert len(ALL) >= 60
    assert set(ALL) >= QUICK


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in ALL])
def test_the_command_line_survives(name: str, tmp_path: Path) -> None:
    done, report = judged(f"{FILE[name]}:{name}", tmp_path, "--junit", "report.xml")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    outcome = report["outcome"]
    assert outcome == "INVALID" or (name not in INVALID and outcome not in ("CORRECT", "CONSISTENT"))
    assert str(report["explanation"]) in done.stdout or len(str(report["explanation"])) > 200
    if name in INVALID:
        assert "on problem " in str(report["explanation"])
        assert "s=[" in str(report["explanation"])
    assert int(ET.parse(tmp_path / "report.xml").getroot().get("failures", "0")) >= 1
    assert left_running(tmp_path) == []


def test_the_input_is_the_one_that_did_it(tmp_path: Path) -> None:
    done, report = judged(f"{FILE['os_exit_later']}:os_exit_later", tmp_path)
    assert done.returncode == 1
    assert report["explanation"] == (
        "on problem early-stop it ended its process with exit code 0 on the batch "
        "s=[0, 1, 1, 1] a=[1, 1, 1] r=[-0.3, 0.8, 0.8]"
    )


def test_a_right_function_passes(tmp_path: Path) -> None:
    """Negative control: it is not the process of its own that makes functions INVALID."""
    done, report = judged(f"{hostile_parts.__file__}:RIGHT", tmp_path)
    assert (done.returncode, report["outcome"]) == (0, "CORRECT"), report["explanation"]


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("import os; os._exit(0)", 1, "exit code 0 while it was imported"),
        ("import sys; sys.exit(0)", 2, "cannot be imported: SystemExit: 0"),
        ("raise KeyboardInterrupt", 2, "KeyboardInterrupt"),
        ("raise GeneratorExit", 2, "GeneratorExit"),
    ],
)
def test_an_import_may_fail_in_every_way(text: str, code: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(text)
    done, _ = judged("bad.py:f", tmp_path)
    assert done.returncode == code
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
