"""Resuming, failing, dying: what a run promises whatever happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from tiny_studies import computed, write_study

from pgverify.errors import InvalidInput
from pgverify.running import (
    Pool,
    Run,
    SerialExecutor,
    Workload,
    make_workload,
    open_store,
    process_pool,
    run_workloads,
    serial_pool,
)
from pgverify.running.execute import failures
from pgverify.running.fingerprint import package_digest
from pgverify.studies import load_study


def workload_of(path: Path, seed: int = 0, quick: bool = False) -> Workload:
    return make_workload(*load_study(str(path)), seed=seed, quick=quick)


def run_all(out: Path, path: Path, pool: Pool | None = None, **options: Any) -> tuple[Run, list[dict[str, Any]]]:
    with open_store(out) as store:
        (run,) = run_workloads([workload_of(path, **options)], store, pool or serial_pool())
        return run, store.rows(run)


class Backwards(SerialExecutor):
    """Computes the last submitted cell first: nothing may rest on the order of completion."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Any, tuple[Any, ...]]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ARG002
        future: Future[Any] = Future()
        self.waiting.append((future, fn, args))
        if len(self.waiting) == 3:
            for waiting, function, given in reversed(self.waiting):
                waiting.set_result(function(*given))
            self.waiting.clear()
        return future


def test_every_cell_is_computed_once_and_in_the_order_of_the_grid(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    run, rows = run_all(tmp_path / "out", path)
    assert run.finished
    assert (run.done, run.total) == (6, 6)
    assert computed(path) == [0, 1, 2, 3, 4, 5]
    assert [row["n"] for row in rows] == [n for n in range(6) for _ in range(3)]


def test_rows_do_not_depend_on_workers_or_order(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    _, serial = run_all(tmp_path / "a", path)
    _, one = run_all(tmp_path / "b", path, process_pool(1))
    _, two = run_all(tmp_path / "c", path, process_pool(2))
    run, backwards = run_all(tmp_path / "d", path, Pool(Backwards, 3))
    assert run.finished
    assert serial == one == two == backwards
    _, other = run_all(tmp_path / "e", path, seed=1)
    assert [row["value"] for row in other] != [row["value"] for row in serial]


def test_workers_have_one_thread_for_linear_algebra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    body = "    return [{'threads': os.environ[k]} for k in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS')]"
    _, rows = run_all(tmp_path / "out", write_study(tmp_path, body=body), process_pool(1), quick=True)
    assert [row["threads"] for row in rows] == ["1", "1"] * 2
    assert os.environ["OMP_NUM_THREADS"] == "7"  # put back


def test_a_killed_run_resumes_where_it_stood(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    whole, rows = run_all(tmp_path / "whole", path)
    (path.parent / "ran.txt").unlink()

    # The same study in another folder hangs in cell 3, until a file tells it not to.
    stuck = write_study(
        tmp_path / "stuck",
        body="    while n == 3 and not (FOLDER / 'go').exists():\n        time.sleep(0.02)",
    )
    out = tmp_path / "out"
    script = f"""
from pathlib import Path
from pgverify.running import *
from pgverify.studies import load_study
with open_store({str(out)!r}) as store:
    run_workloads([make_workload(*load_study({str(stuck)!r}))], store, serial_pool())
"""
    process = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 120
    while computed(stuck)[-1:] != [3] and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert computed(stuck) == [0, 1, 2, 3]
    with open_store(out, create=False) as store:
        (halted,) = store.runs()
        assert (halted.done, halted.finished) == (3, False)

    (stuck.parent / "go").touch()
    package_digest.cache_clear()  # the other process read the package's files just now, this one long ago
    resumed, again = run_all(out, stuck)
    assert computed(stuck) == [0, 1, 2, 3, 3, 4, 5]  # only what was missing
    assert resumed.finished
    assert again == rows
    assert whole.done == resumed.done


def test_a_finished_run_is_computed_again_only_when_asked(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    for again, times in ((False, 1), (False, 1), (True, 2), (False, 2)):
        with open_store(tmp_path / "out") as store:
            (run,) = run_workloads([workload_of(path)], store, serial_pool(), again=again)
            assert len(store.rows(run)) == 18
            assert len(store.runs()) == 1
        assert computed(path) == [0, 1, 2, 3, 4, 5] * times


def test_a_quick_run_between_does_not_cost_an_interrupted_long_one(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    with open_store(tmp_path / "out") as store:
        workload = workload_of(path)
        store.begin(workload)
        store.put(workload, 0, [{"n": 0}])
    run_all(tmp_path / "out", path, quick=True)
    run, rows = run_all(tmp_path / "out", path)
    assert computed(path) == [0, 1, 1, 2, 3, 4, 5]
    assert rows[0] == {"n": 0}
    assert run.finished


def test_another_seed_or_text_shares_nothing(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    workloads = [workload_of(path), workload_of(path, seed=1), workload_of(path, quick=True)]
    other = write_study(tmp_path / "b", holds=False)
    workloads.append(workload_of(other))
    assert len({workload.fingerprint for workload in workloads}) == 4
    assert workload_of(path).fingerprint == workloads[0].fingerprint


def test_a_cell_that_raises_is_named_and_the_others_finish(tmp_path: Path) -> None:
    body = (
        "    if n == 2 and not (FOLDER / 'mended').exists():\n        raise ValueError('two is\\ntoo much')\n"
        "    if n == 4 and not (FOLDER / 'mended').exists():\n        raise SystemExit(5)"
    )
    path = write_study(tmp_path, body=body)
    run, rows = run_all(tmp_path / "out", path)
    assert not run.finished
    assert failures([run]) == [
        "study 'tiny', cell 2 (n=2, kind='even'): ValueError: two is too much",
        "study 'tiny', cell 4 (n=4, kind='even'): SystemExit: 5",
    ]
    assert sorted({row["n"] for row in rows}) == [0, 1, 3, 5]
    (path.parent / "mended").touch()
    mended, rows = run_all(tmp_path / "out", path)
    assert computed(path)[6:] == [2, 4]
    assert mended.finished
    assert not mended.failures
    assert len(rows) == 18


def test_rows_that_no_table_holds_are_a_failure(tmp_path: Path) -> None:
    path = write_study(tmp_path, body="    return [{'nested': [1]}] if n else {'n': 1}")
    run, _ = run_all(tmp_path / "out", path, quick=True)
    assert [failure.error for failure in run.failures] == [
        "InvalidData: the cell returned dict, must return a list of flat dictionaries",
        "InvalidData: column 'nested' of a row holds list, must be a string, number, boolean or None",
    ]


def test_a_worker_that_dies_once_costs_nothing(tmp_path: Path) -> None:
    body = (
        "    if n == 1 and not (FOLDER / 'died').exists():\n"
        "        (FOLDER / 'died').touch()\n        os.kill(os.getpid(), signal.SIGKILL)"
    )
    path = write_study(tmp_path, body=body)
    run, rows = run_all(tmp_path / "out", path, process_pool(2))
    assert run.finished
    assert (path.parent / "died").exists()
    assert [row["n"] for row in rows] == [n for n in range(6) for _ in range(3)]


def test_a_cell_that_always_kills_its_worker_is_named_and_the_others_finish(tmp_path: Path) -> None:
    path = write_study(tmp_path, body="    if n == 1:\n        os._exit(3)", count=4)
    run, rows = run_all(tmp_path / "out", path, process_pool(1))
    (failure,) = run.failures
    assert failure.parameters == {"n": 1, "kind": "odd"}
    assert failure.error == "its worker died 3 times: killed, out of memory, or crashed"
    assert sorted({row["n"] for row in rows}) == [0, 2, 3]


def test_a_machine_on_which_every_worker_dies_is_given_up(tmp_path: Path) -> None:
    from concurrent.futures.process import BrokenProcessPool

    class Broken(SerialExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ARG002
            raise BrokenProcessPool("no worker starts")

    run, rows = run_all(tmp_path / "out", write_study(tmp_path, count=20), Pool(Broken, 2))
    assert rows == []
    assert len(run.failures) == 20
    assert {failure.error for failure in run.failures if failure.index > 10} == {
        "given up: workers died 12 times in this run; use fewer workers"
    }


def test_what_the_executor_raises_is_a_failure_of_the_cell(tmp_path: Path) -> None:
    class Lost(SerialExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ARG002
            future: Future[Any] = Future()
            future.set_exception(OSError("the cluster is gone"))
            return future

    run, _ = run_all(tmp_path / "out", write_study(tmp_path), Pool(Lost, 4), quick=True)
    assert [failure.error for failure in run.failures] == ["OSError: the cluster is gone"] * 2


def test_a_study_edited_during_the_run_is_refused(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    workload = workload_of(path)
    path.write_text(path.read_text() + "\n# edited\n")
    with open_store(tmp_path / "out") as store:
        (run,) = run_workloads([workload], store, serial_pool())
    assert len(run.failures) == 6
    assert "was changed during the run" in run.failures[0].error


def test_progress_counts_every_study(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    workloads = [workload_of(write_study(tmp_path, name), quick=True) for name in ("one", "two")]
    with open_store(tmp_path / "out") as store:
        run_workloads(workloads, store, serial_pool(), lambda *event: seen.append(event))
    assert seen == [("one", 0, 2), ("two", 0, 2), ("one", 1, 2), ("one", 2, 2), ("two", 1, 2), ("two", 2, 2)]


def test_two_studies_of_one_name_are_refused(tmp_path: Path) -> None:
    workloads = [workload_of(write_study(tmp_path / folder)) for folder in "ab"]
    with (
        open_store(tmp_path / "out") as store,
        pytest.raises(InvalidInput, match="two studies are called 'tiny'"),
    ):
        run_workloads(workloads, store, serial_pool())


@pytest.mark.parametrize("workers", [0, -1])
def test_a_pool_needs_a_worker(workers: int) -> None:
    with pytest.raises(InvalidInput, match=f"workers is {workers}, must be an integer of at least 1"):
        process_pool(workers)
