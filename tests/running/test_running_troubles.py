"""Full disks, locks, folders that cannot be written to, cells that raise what they should not: one sentence each."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_studies import computed, write_study

from pgverify.errors import InvalidFile, InvalidInput
from pgverify.running import Run, make_workload, open_store, opening, process_pool, run_workloads, serial_pool
from pgverify.running.executors import processors
from pgverify.running.store_errors import StoreFailure
from pgverify.running.tables import ROOM
from pgverify.studies import load_study


def run_all(out: Path, path: Path, **options: Any) -> tuple[Run, list[dict[str, Any]]]:
    with open_store(out) as store:
        (run,) = run_workloads([make_workload(*load_study(str(path)))], store, serial_pool(), **options)
        return run, store.rows(run)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("    return [{'x': '\\ud800'}]", "InvalidData: a row holds text that is no Unicode"),
        ("    return [{'\\ud800': 1}]", "InvalidData: a row holds text that is no Unicode"),
        ("    return [{'x': 10**5000}]", "InvalidData: a row cannot be written down: Exceeds the limit"),
        ("    raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("    raise SystemExit(0)", "SystemExit: 0"),
        ("    raise GeneratorExit", "GeneratorExit"),
        ("    import asyncio\n    raise asyncio.CancelledError", "CancelledError"),
        ("    raise ValueError('\\ud800' + chr(0))", "ValueError: \\ud800\\0"),
        ("    raise ValueError('x' * 10**6)", "ValueError: xxx"),
        ("    class Mute(Exception):\n        def __str__(self): raise OSError\n    raise Mute", "Mute"),
        ("    return [{'x': b'1'}]", "InvalidData: column 'x' of a row holds bytes"),
        ("    return iter(())", "InvalidData: the cell returned tuple_iterator"),
    ],
)
def test_one_bad_cell_is_one_failed_cell(body: str, reason: str, tmp_path: Path) -> None:
    path = write_study(
        tmp_path, count=4, body="    if n == 1:\n" + body.replace("    ", "        ", 1).replace("\n    ", "\n        ")
    )
    run, rows = run_all(tmp_path / "out", path)
    (failure,) = run.failures
    assert failure.index == 1
    assert failure.error.startswith(reason)
    assert len(failure.error) <= 2000
    assert sorted({row["n"] for row in rows}) == [0, 2, 3]


def test_a_keyboard_interrupt_raised_in_a_worker_is_the_cells(tmp_path: Path) -> None:
    path = write_study(tmp_path, count=3, body="    if n == 1:\n        raise KeyboardInterrupt")
    with open_store(tmp_path / "out") as store:
        (run,) = run_workloads([make_workload(*load_study(str(path)))], store, process_pool(1))
    assert [failure.error for failure in run.failures] == ["KeyboardInterrupt"]


def test_a_ctrl_c_in_this_process_ends_the_run(tmp_path: Path) -> None:
    """The control: the same exception, but somebody pressed the key."""
    path = write_study(tmp_path, body="    if n == 3:\n        signal.raise_signal(signal.SIGINT)")
    with open_store(tmp_path / "out") as store, pytest.raises(KeyboardInterrupt):
        run_workloads([make_workload(*load_study(str(path)))], store, serial_pool())
    with open_store(tmp_path / "out", create=False) as store:
        assert [(run.done, run.failures) for run in store.runs()] == [(3, ())]


def test_a_full_disk_is_one_sentence_and_costs_no_row(tmp_path: Path) -> None:
    """No file may grow beyond 40 kB, as on a disk with so much room."""
    body = "    return [{'n': n, 'x': 'x' * 3000}]"
    path, out = write_study(tmp_path, count=40, body=body), tmp_path / "out"
    script = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
from pgverify.cli import main
import pgverify.running.executors as executors, pgverify.running as running
running.process_pool = lambda workers: running.serial_pool()
main(["study", "run", {str(path)!r}, "--out", {str(out)!r}])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("pgverify: ")
    assert "Traceback" not in done.stderr
    assert "full" in last
    with open_store(out, create=False) as store:
        (run,) = store.runs()
        before = run.done
        assert 0 < before < 40
        assert len(store.rows(run)) == before
    run, rows = run_all(out, path)
    assert run.finished
    assert len(computed(path)) <= 40 + 2  # what was being written when the disk was full
    assert [row["n"] for row in rows] == list(range(40))
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_lock_held_by_another_program_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "PATIENCE", 0.1)
    path, out = write_study(tmp_path), tmp_path / "out"
    before = run_all(out, path)
    other = sqlite3.connect(out / "results.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for create in (True, False):
        with pytest.raises(StoreFailure, match="is locked by another program"), open_store(out, create=create):
            pass
    other.execute("COMMIT")
    other.close()
    assert run_all(out, path) == before


def test_a_lock_taken_during_a_run_ends_it_and_costs_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "PATIENCE", 0.1)
    path, out = write_study(tmp_path), tmp_path / "out"
    other: list[sqlite3.Connection] = []

    def lock(study: str, done: int, total: int) -> None:
        if done == 3:
            other.append(sqlite3.connect(out / "results.sqlite", isolation_level=None))
            other[0].execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreFailure, match="is locked by another program"):
        run_all(out, path, progress=lock)
    other[0].close()
    run, _ = run_all(out, path)
    assert run.finished
    assert computed(path) == [0, 1, 2, 3, 3, 4, 5]


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    with open_store(tmp_path):
        code = f"from pgverify.running import open_store\nwith open_store({str(tmp_path)!r}): pass"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "is being written to by another run" in done.stderr.splitlines()[-1]
    with open_store(tmp_path):  # and free again
        pass
    assert [place.name for place in tmp_path.iterdir()] == ["results.sqlite"]


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidFile, match="cannot be written to"), open_store(tmp_path / "file" / "out"):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write")
def test_a_read_only_folder_can_be_read_although_a_log_was_left(tmp_path: Path) -> None:
    path, out = write_study(tmp_path), tmp_path / "out"
    run_all(out, path)
    connection = sqlite3.connect(out / "results.sqlite")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE extra (x)")
    connection.commit()
    data = {place.name: place.read_bytes() for place in out.iterdir() if not place.name.endswith("-shm")}
    connection.close()
    left = tmp_path / "left"
    left.mkdir()
    for name, content in data.items():
        (left / name).write_bytes(content)
    assert (left / "results.sqlite-wal").exists()
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(0o755)
    left.chmod(0o555)
    process = os.fork()
    if not process:
        try:
            os.setuid(65534)
            with open_store(left, create=False) as store:
                os._exit(0 if store.runs()[0].done == 6 else 1)
        except BaseException:
            os._exit(2)
    assert os.waitpid(process, 0)[1] == 0


def test_rows_that_were_changed_are_computed_again(tmp_path: Path) -> None:
    path, out = write_study(tmp_path), tmp_path / "out"
    _, before = run_all(out, path)
    with sqlite3.connect(out / "results.sqlite") as connection:
        connection.execute("UPDATE cells SET rows = replace(rows, '0.', '1.') WHERE key = ?", (ROOM + 2,))
    connection.close()
    with open_store(out, create=False) as store:
        (run,) = store.runs()
        assert (run.done, run.damaged, run.finished) == (5, 1, False)
        assert {row["n"] for row in store.rows(run)} == {0, 1, 3, 4, 5}
    run, rows = run_all(out, path)
    assert rows == before
    assert computed(path) == [0, 1, 2, 3, 4, 5, 2]


def test_another_seed_is_kept_beside_the_first(tmp_path: Path) -> None:
    path, out = write_study(tmp_path), tmp_path / "out"
    _, first = run_all(out, path)
    with open_store(out) as store:
        run_workloads([make_workload(*load_study(str(path)), seed=1)], store, serial_pool())
        second, one = store.runs()
        assert (one.seed, second.seed) == (0, 1)
        assert store.rows(one) == first != store.rows(second)


def test_a_mix_of_kernels_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = write_study(tmp_path), tmp_path / "out"
    workload = make_workload(*load_study(str(path)))
    monkeypatch.setattr("pgverify.running.cell.machine", lambda: "openblas Prescott, 1 thread")
    with open_store(out) as store, pytest.raises(InterruptedError):

        def stop(study: str, done: int, total: int) -> None:
            if done == 2:
                raise InterruptedError

        run_workloads([workload], store, serial_pool(), stop)
    monkeypatch.undo()
    run, _ = run_all(out, path)
    assert run.finished  # reported, not refused
    assert len(run.machines) == 2
    assert run.machines["openblas Prescott, 1 thread"] == 2


@pytest.mark.parametrize("workers", [10**20, 10**5, 0, -3, True])
def test_numbers_of_workers_that_make_no_sense_are_refused(workers: Any) -> None:
    with pytest.raises(InvalidInput, match="workers is"):
        process_pool(workers)


def test_a_pool_says_what_it_uses() -> None:
    here = processors()
    assert process_pool().said.startswith(f"{here} worker process")
    assert process_pool(4 * here).said.startswith(f"{4 * here} worker processes on {here} processor")
