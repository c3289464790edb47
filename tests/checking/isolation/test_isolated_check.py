"""`check(isolate=True)`: the same report, or the input that did it; functions are found by name, or pickled."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.calling.examination import describe
from pgverify.checking.isolation.limits import GIBIBYTE, GRACE, LARGEST_CROWD, Limits
from pgverify.checking.isolation.noted_function import NotedFunction
from pgverify.checking.isolation.whereabouts import NOTE_BYTES, Doing, Notebook, Whereabouts, read_whereabouts
from pgverify.errors import InvalidInput
from pgverify.suites.standard import standard_suite

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
RIGHT = pgv.estimators.RewardToGo()


@pytest.mark.usefixtures("thorough")  # as the child does, which nothing was patched in
def test_the_report_is_the_same() -> None:
    (coin, *_) = standard_suite()
    assert pgv.check(RIGHT, problems=coin, isolate=True) == pgv.check(RIGHT, problems=coin)


def test_what_cannot_be_found_is_refused_in_one_sentence() -> None:
    with pytest.raises(InvalidInput, match="must be found by its name or pickled: define it at the top"):
        pgv.check(lambda batch: RIGHT(batch), isolate=True)


def test_a_check_within_a_check_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "PGVERIFY_ISOLATED", "x")
    with pytest.raises(InvalidInput, match="__main__"):
        pgv.check(RIGHT, isolate=True)


def test_the_supervising_process_imports_no_numpy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pgverify.cli import main\ntry: main(['check', 'nonsuch.py:f'])\n"
        "except SystemExit as left: print(left.code, 'numpy' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stderr.splitlines()[-1] == "2 False"


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_note_says_what_the_report_would(rows: int, tmp_path: Path) -> None:
    suite = standard_suite()
    (tmp_path / "note").write_bytes(bytes(NOTE_BYTES))
    notebook = Notebook(tmp_path / "note")
    noted = NotedFunction(RIGHT, notebook, suite)
    batch = pgv.sample(suite[2].problem, rows, seed=1)
    noted.begin((batch,), 3.0)
    where = read_whereabouts(tmp_path / "note")
    assert (where.doing, where.problem, where.number, where.of) == (Doing.CALLING, "early-stop", 3, len(suite))
    assert (where.calls, where.limit, where.given) == (1, 3.0, describe(batch))
    noted.end()
    assert read_whereabouts(tmp_path / "note").doing is Doing.JUDGING


def test_a_spoiled_note_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "note").write_bytes(struct.pack("B", 250) * NOTE_BYTES)
    assert read_whereabouts(tmp_path / "note").doing is Doing.STARTING
    assert read_whereabouts(tmp_path / "none").doing is Doing.STARTING


@pytest.mark.parametrize(
    ("wall", "work", "waits", "late"),
    [
        (1.0, 1.0, False, False),  # in the limit
        (1.0 + 2 * GRACE, 1.2, False, True),  # worked for longer
        (1.0 + 2 * GRACE, 0.0, True, True),  # waited for longer
        (1.0 + 2 * GRACE, 0.0, False, False),  # on a machine that stood still
        (5.0, 0.9, True, False),  # on a busy machine
    ],
)
def test_the_time_of_a_call(wall: float, work: float, waits: bool, late: bool) -> None:
    where = Whereabouts(Doing.CALLING, began=100.0, work=7.0, limit=1.0)
    assert bool(Limits(1.0, 600.0).passed(where, 100.0 + wall, 7.0 + work, 99.0, waits)) is late


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be stopped here")
def test_a_machine_that_stands_still_makes_nobody_late(tmp_path: Path) -> None:
    """Both processes are stopped for longer than the limit in the middle of a call, as a virtual machine may be."""
    (tmp_path / "slow.py").write_text(
        "import os, signal, subprocess, numpy as np\n"
        "both = f'{os.getppid()} {os.getpid()}'\n"
        "stop = f'kill -STOP {both}; sleep 2; kill -CONT {both}'\n"
        "once = []\n"
        "def right(batch):\n"
        "    if not once:\n"
        "        once.append(subprocess.Popen(['sh', '-c', stop]))\n"
        "        until = __import__('time').process_time() + 0.1\n"
        "        while __import__('time').process_time() < until: pass\n"
        "    to_go = np.cumsum((batch.discount ** np.arange(batch.num_steps) * batch.rewards)[:, ::-1], 1)[:, ::-1]\n"
        "    return batch.score_weighted(to_go)\n"
    )
    command = [sys.executable, "-m", "pgverify", "check", "slow.py:right", "--time-limit", "1", "--explore", "0"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120.0)
    assert done.returncode == 0, done.stdout


def test_the_memory() -> None:
    limits = Limits(1.0, 600.0, memory_limit=0.5)
    assert limits.exceeded_by(GIBIBYTE // 2) == ""
    assert "took 1.0 GiB of memory, more than the limit of 0.5 GiB" in limits.exceeded_by(GIBIBYTE)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble])
def test_numbers_of_numpy_are_numbers(kind: type) -> None:
    (coin, *_) = standard_suite()
    report = pgv.check(
        RIGHT,
        problems=coin,
        time_limit=kind(5),
        total_time_limit=kind(60),
        tolerance=kind(0.01),
        alpha=kind(1e-3),
        seed=np.int8(3),
        budget=np.int32(10**6),
        explore=np.uint8(0),
    )
    assert report.outcome is pgv.Outcome.CORRECT


def test_a_crowd_is_too_much_from_a_number_on() -> None:
    limits = Limits(1.0, 600.0)
    assert limits.crowded_by(LARGEST_CROWD) == ""
    assert "left 1001 threads and processes behind" in limits.crowded_by(LARGEST_CROWD + 1)
