"""Other machines through Dask: the same bits without a shared folder, nothing lost with a worker, versions checked."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_studies import write_study

from pgverify.errors import InvalidInput
from pgverify.running import Pool, cluster, dask_pool, make_workload, open_store, process_pool, run_workloads
from pgverify.studies import load_study

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed; make test-thirdparty has it")

BODY = """
    import helper
    time.sleep(0.1)
    while n == 5 and (FOLDER / "wait").exists():
        time.sleep(0.02)
    return [{"n": n, "x": helper.hard(seed)}]"""


@pytest.fixture(scope="module")
def workers() -> Iterator[Any]:
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as local:
        yield local


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 120)  # a busy machine is not a scheduler that does not answer


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = write_study(tmp_path / "study", body=BODY, count=12)
    text = "import numpy as np\ndef hard(seed):\n    a = np.random.default_rng(seed).normal(size=(40, 40))\n"
    (path.parent / "helper.py").write_text(f"{text}    return float(np.linalg.inv(a).sum())\n")
    return path


def rows_of(out: Path, path: Path, pool: Pool, progress: Any = None) -> list[dict[str, Any]]:
    with open_store(out) as store:
        (run,) = run_workloads([make_workload(*load_study(str(path)))], store, pool, progress)
        assert run.failures == ()
        assert run.finished
        return store.rows(run)


def test_the_same_bits_on_a_cluster_and_after_a_worker_died(study: Path, tmp_path: Path, workers: Any) -> None:
    wanted = rows_of(tmp_path / "here", study, process_pool(2))
    address = workers.scheduler_address
    assert rows_of(tmp_path / "there", study, dask_pool(address)) == wanted

    def kill_one(name: str, done: int, total: int) -> None:
        if done == 3:
            os.kill(next(iter(workers.workers.values())).pid, signal.SIGKILL)

    assert rows_of(tmp_path / "killed", study, dask_pool(address), kill_one) == wanted


def test_workers_need_none_of_our_files(study: Path, tmp_path: Path, workers: Any) -> None:
    """The study writes beside itself: on a worker that is where its files were unpacked."""
    with distributed.Client(workers.scheduler_address) as client:
        body = "    return [{'place': __file__}]"
        path = write_study(tmp_path, "where", body=body, count=2)
        rows = rows_of(tmp_path / "out", path, dask_pool(client))
        assert client.status == "running"  # the caller's stays open
    assert all(not row["place"].startswith(str(tmp_path)) for row in rows)


def test_other_versions_are_refused_by_name(
    study: Path, tmp_path: Path, workers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = cluster.here()
    monkeypatch.setattr(cluster, "wanted_here", lambda: {**here, "numpy": "0.1"})
    with pytest.raises(InvalidInput, match=r"worker tcp://.* has numpy .* where 0\.1 is needed"):
        rows_of(tmp_path / "out", study, dask_pool(workers.scheduler_address))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "http://127.0.0.1:1"])
def test_a_scheduler_that_does_not_answer_is_named(
    address: str, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    with pytest.raises(InvalidInput, match="no Dask scheduler answers at"):
        rows_of(tmp_path / "out", study, dask_pool(address))
