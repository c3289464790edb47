"""kill -9 at any moment: no committed row is lost, nothing finished is computed twice, and the last bits are the same.

Measured with the slow test: 100 kills (40 of the main process and 30 of workers while computing, 30 while drawing or
writing reports). It prints its figures: pytest -s -m slow tests/running/test_running_kills.py
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_studies import computed, write_study

from pgverify.errors import InvalidFile
from pgverify.running import open_store

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds workers in /proc")
DEADLINE = 120.0
"""Seconds for one step, on a machine that does much else."""


PACED = """    time.sleep(0.02)
    pace = FOLDER / "pace.txt"
    while pace.exists() and len((FOLDER / "ran.txt").read_text().split()) > int(pace.read_text()):
        time.sleep(0.01)"""


def study_to_kill(folder: Path, count: int) -> Path:
    """Write a study that leaves a mark when it begins to draw, and then takes its time.

    Its cells wait for us: it must not be finished where we are kept from looking for a second.
    """
    path = write_study(folder, count=count, body=PACED)
    text = path.read_text(encoding="utf-8")
    mark = "    with (FOLDER / 'drew.txt').open('a') as file:\n        file.write('0\\n')\n    time.sleep(0.3)\n"
    path.write_text(text.replace("def figures(table):\n", f"def figures(table):\n{mark}"), encoding="utf-8")
    return path


def let_compute(path: Path, cells: int) -> None:
    """Let so many cells be computed in all, repeats included, and a few more that are under way."""
    (path.parent / "pace.new").write_text(str(cells))
    (path.parent / "pace.new").replace(path.parent / "pace.txt")


def started(path: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pgverify", "study", "run", str(path), "--workers", "2", "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for(process: subprocess.Popen[bytes], happened: Callable[[], bool]) -> bool:
    """Whether something happened before the process ended, or while it did."""
    deadline = time.monotonic() + DEADLINE
    while process.poll() is None:
        if happened():
            return True
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return happened()


def marks(path: Path) -> int:
    record = path.parent / "drew.txt"
    return len(record.read_text().split()) if record.exists() else 0


def children_of(number: int | str) -> list[str]:
    try:
        return Path(f"/proc/{number}/task/{number}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def worker_of(process: subprocess.Popen[bytes]) -> int | None:
    """Return a child that computes, not the one that counts shared resources."""
    children = [below for child in children_of(process.pid) for below in children_of(child)]  # of the guarded process
    for child in children:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    return None


def kept(out: Path) -> set[int]:
    """Return the cells in the store: what `report` would read after the kill."""
    try:
        with open_store(out, create=False) as store:
            (run,) = store.runs()
            assert not run.failures
            assert not run.damaged
            return {row["n"] for row in store.rows(run)}
    except InvalidFile as refusal:
        assert "holds no results.sqlite" in str(refusal)  # noqa: PT017, killed before there was one
        return set()
    except ValueError:  # killed before the run was begun
        return set()


def kill_until_finished(tmp_path: Path, mains: int, workers: int, drawings: int) -> dict[str, int]:
    """Kill at moments drawn at random, so many times, then let the run finish; return the figures."""
    rng = random.Random(0)
    count = 8 * (mains + workers) + 30
    path, out = study_to_kill(tmp_path, count), tmp_path / "out"
    so_far: set[int] = set()
    killed = {"main": 0, "worker": 0, "drawing": 0}
    let_compute(path, 0)
    try:
        process = started(path, out)
        for victim in victims(mains, workers):
            if process.poll() is not None:
                process = started(path, out)
            goal = len(computed(path)) + rng.randint(1, 5)
            let_compute(path, goal)
            assert wait_for(process, lambda goal=goal: len(computed(path)) >= goal)  # type: ignore[misc]
            time.sleep(rng.uniform(0.0, 0.03))
            worker = worker_of(process)
            if victim == "worker" and worker is not None:
                os.kill(worker, signal.SIGKILL)
            else:
                victim = "main"
                process.send_signal(signal.SIGKILL)
                process.wait()
                now = kept(out)
                assert now >= so_far  # no committed row is lost
                so_far = now
            killed[victim] += 1
    finally:
        let_compute(path, 10**9)  # what a failed test leaves behind comes to its end
    for _ in range(drawings):
        if process.poll() is not None:
            process = started(path, out)
        before = marks(path)
        assert wait_for(process, lambda before=before: marks(path) > before)  # type: ignore[misc]
        time.sleep(rng.uniform(0.0, 0.6))  # drawing, keeping what was drawn, or writing the reports
        killed["drawing"] += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert kept(out) == set(range(count))
        forget_drawings(out)
    last = started(path, out)
    assert last.wait(DEADLINE) == 0
    recomputed = len(computed(path)) - count
    whole = tmp_path / "undisturbed"
    assert started(path, whole).wait(DEADLINE) == 0
    for name in ("results.csv", "claims.csv", "figures/values.png"):
        assert (out / "tiny" / name).read_bytes() == (whole / "tiny" / name).read_bytes()
    left, undisturbed = (
        {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} for folder in (out, whole)
    )
    assert left == undisturbed  # nothing half-written stays beside them
    assert left >= {"index.html", "results.sqlite", "tiny/index.html", "tiny/results.csv", "tiny/claims.csv"}
    return {**killed, "cells": count, "cells computed twice": recomputed}


def victims(mains: int, workers: int) -> list[str]:
    """Return who is killed, in turn: a run gives up after twelve dead workers, so none sees more than a few."""
    turns = max(mains, workers)
    return [victim for n in range(turns) for victim, most in (("worker", workers), ("main", mains)) if n < most]


def forget_drawings(out: Path) -> None:
    """Take the claims and figures out of the store, so that the next run draws again."""
    with open_store(out) as store:
        store._connection.execute("DELETE FROM conclusions")


def test_a_handful_of_kills_costs_nothing(tmp_path: Path) -> None:
    figures = kill_until_finished(tmp_path, mains=1, workers=1, drawings=1)
    # In flight at a kill: two cells for each of two workers, and one that each holds.
    assert figures["cells computed twice"] <= 6 * (figures["main"] + figures["worker"])


@pytest.mark.slow
def test_a_hundred_kills_cost_nothing(tmp_path: Path) -> None:
    scale = float(os.environ.get("KILLS", "100")) / 100
    figures = kill_until_finished(tmp_path, mains=int(40 * scale), workers=int(30 * scale), drawings=int(30 * scale))
    print(figures)
    assert figures["cells computed twice"] <= 6 * (figures["main"] + figures["worker"])
