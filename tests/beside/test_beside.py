"""Modules beside a study: imported by it alone, counted in its fingerprint, and sent along with its cells."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tiny_studies import write_study

from pgverify.beside import dependencies
from pgverify.errors import InvalidFile
from pgverify.running import Pool, SerialExecutor, make_workload, open_store, process_pool, run_workloads, serial_pool
from pgverify.running.source import WrongWorker, sent_source, study_of
from pgverify.studies import load_study

USES = "    import helper\n    return [{'n': n, 'factor': helper.FACTOR}]"


def with_helper(folder: Path, factor: int, name: str = "tiny") -> Path:
    path = write_study(folder, name, body=USES, count=2)
    (path.parent / "helper.py").write_text(f"FACTOR = {factor}\n")
    return path


def factors(out: Path, *paths: Path, pool: Pool | None = None) -> list[list[int]]:
    workloads = [make_workload(*load_study(str(path))) for path in paths]
    with open_store(out) as store:
        runs = run_workloads(workloads, store, pool or serial_pool())
        assert [run.failures for run in runs] == [()] * len(runs)
        return [[row["factor"] for row in store.rows(run)] for run in runs]


def test_two_studies_each_find_their_own_helper(tmp_path: Path) -> None:
    paths = with_helper(tmp_path, 3, "one"), with_helper(tmp_path, 5, "two")
    before, path_before = set(sys.modules), [*sys.path]
    assert factors(tmp_path / "a", *paths) == [[3, 3], [5, 5]]
    assert factors(tmp_path / "b", *paths, pool=process_pool(1)) == [[3, 3], [5, 5]]
    assert factors(tmp_path / "c", *paths, pool=Pool(SerialExecutor, 1, sends_files=True)) == [[3, 3], [5, 5]]
    assert "helper" not in set(sys.modules) - before
    assert sys.path == path_before


def test_an_edited_helper_is_another_run_and_never_mixed(tmp_path: Path) -> None:
    path, out = with_helper(tmp_path, 3), tmp_path / "out"
    assert factors(out, path) == [[3, 3]]
    (path.parent / "helper.py").write_text("FACTOR = 4\n")  # of the same length, within the same second
    assert factors(out, path) == [[4, 4]]
    workload = make_workload(*load_study(str(path)))
    (path.parent / "helper.py").write_text("FACTOR = 5\n")
    with open_store(tmp_path / "late") as store:
        (run,) = run_workloads([workload], store, serial_pool())
    assert "helper.py was changed during the run" in run.failures[0].error


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("import helper", {"helper.py"}),
        ("import helper as h, json", {"helper.py"}),
        ("from helper import x", {"helper.py"}),
        ("def run():\n    import helper", {"helper.py"}),
        ("import importlib\nimportlib.import_module('helper')", {"helper.py"}),
        ("import runpy\nrunpy.run_path('helper.py')", {"helper.py"}),
        ("import chain", {"chain.py", "helper.py"}),
        ("from package import part", {"package/__init__.py", "package/part.py", "package/inner/deep.py", "helper.py"}),
        ("import package.inner.deep", {"package/__init__.py", "package/part.py", "package/inner/deep.py", "helper.py"}),
        ("import numpy, unrelated_nowhere", set()),
        ("NAME = 'log.txt'", set()),
        ("# import helper", set()),
        ("import pgverify", set()),
    ],
)
def test_what_a_study_depends_on_is_read_from_its_text(text: str, files: set[str], tmp_path: Path) -> None:
    (tmp_path / "package" / "inner").mkdir(parents=True)
    for name, content in {
        "helper.py": "", "chain.py": "import helper", "unrelated.py": "", "log.txt": "", "pgverify.py": "",
        "package/__init__.py": "", "package/part.py": "from . import inner", "package/inner/deep.py": "import helper",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(content)
    study = tmp_path / "study.py"
    study.write_text(text)
    found = dependencies(study)
    assert found.files[0][0] == "study.py"
    assert {name for name, _ in found.beside} == files


def test_what_was_imported_elsewhere_is_not_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_already.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    import mine_already  # type: ignore[import-not-found]

    path = tmp_path / "study.py"
    write_study(tmp_path, "s", body="    import mine_already").rename(path)
    factors_study, _ = load_study(str(path))
    (tmp_path / "s").mkdir(exist_ok=True)
    factors_study.run({"n": 0}, 0)
    assert sys.modules.pop("mine_already") is mine_already


def test_files_that_travel_are_checked_by_digest_and_versions_by_name(tmp_path: Path) -> None:
    path = with_helper(tmp_path, 7)
    needs = dependencies(path)
    source = sent_source(path, needs)
    for file in path.parent.glob("*.py"):
        file.unlink()  # the worker sees none of it
    assert study_of(source).run({"n": 1}, 0) == [{"n": 1, "factor": 7}]
    other = {**source.needed, "numpy": "1.0"}
    with pytest.raises(WrongWorker, match=r"worker .* has numpy .* where 1\.0 is needed"):
        study_of(type(source)(source.path + "x", source.files, source.packed, other))
    damaged = ((source.packed[0][0], source.packed[1][1]), *source.packed[1:])
    with pytest.raises(InvalidFile, match="arrived damaged"):
        study_of(type(source)(source.path, source.files, damaged, source.needed))


def test_linear_algebra_has_one_thread_in_any_executor(tmp_path: Path) -> None:
    pytest.importorskip("threadpoolctl")
    body = (
        "    import threadpoolctl\n"
        "    return [{'threads': max(pool['num_threads'] for pool in threadpoolctl.threadpool_info())}]"
    )
    path = write_study(tmp_path, body=body, count=2)
    with open_store(tmp_path / "out") as store:
        (run,) = run_workloads([make_workload(*load_study(str(path)))], store, serial_pool())
        assert store.rows(run) == [{"threads": 1}] * 2
        assert all("1 thread" in name for name in run.machines)
