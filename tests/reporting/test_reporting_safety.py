"""Reports are whole or as they were; names are not paths; reading a folder runs nobody's code."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tiny_studies import write_study

from pgverify.errors import InvalidFile, InvalidInput
from pgverify.names import require_distinct_names, require_name
from pgverify.reporting import output, staging
from pgverify.reporting.concluding import conclude, conclude_anew
from pgverify.reporting.output import write_reports
from pgverify.running import make_workload, open_store, run_workloads, serial_pool
from pgverify.running.tables import read, write
from pgverify.studies import Claim, load_study


def run_study(out: Path, path: Path, **options: Any) -> None:
    workloads = [make_workload(*load_study(str(path)), **options)]
    with open_store(out) as store:
        run_workloads(workloads, store, serial_pool())
        conclude(store, workloads)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".sqlite"
    }


@pytest.mark.parametrize(
    "broken", ["write_rows", "write_claims", "render_study", "render_index", "fsync", "replace nothing"]
)
def test_a_failed_report_leaves_what_was_there(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    run_study(out, write_study(tmp_path))
    write_reports(out)
    before = contents(out)

    def full(*args: Any, **kwargs: Any) -> None:
        if broken.startswith("write"):  # a table cut in half
            args[-1].write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    if broken == "fsync":
        monkeypatch.setattr(staging.os, "fsync", full)
    elif broken == "replace nothing":
        monkeypatch.setattr(Path, "write_bytes", full)
    else:
        monkeypatch.setattr(output, broken, full)
    run_study(out, write_study(tmp_path / "b", "other"))
    with pytest.raises(InvalidFile, match=r"cannot be written to .*No space left on device.*as it was"):
        write_reports(out)
    assert contents(out) == before
    monkeypatch.undo()
    assert len(write_reports(out)) == 2
    assert contents(out).keys() > before.keys()


def test_what_a_killed_report_left_is_swept_away(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_study(out, write_study(tmp_path))
    write_reports(out)
    before = contents(out)
    (out / "tiny" / ".results.csv.999999999.part").write_text("half")
    write_reports(out)
    assert contents(out) == before


@pytest.mark.parametrize(
    "name",
    ["../../x", "/tmp/x", "a/b", "a\\b", "..", ".", "", ".hidden", "x ", "x.", "a\0b", "a\nb", "\ud800", "x" * 201,
     "C:x", "index.html", "results.sqlite-wal", "Results.SQLite", "what?", 3, None, "​"],
)  # fmt: skip
def test_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(InvalidInput, match=r"study is called|name of a study"):
        require_name("study", name)


@pytest.mark.parametrize("name", ["tiny", "zero-mean-score", "γ = 0.9", "a.b", "x_1", "(1) [2] {3}", "ä", "x" * 200])
def test_names_that_are_names_pass(name: str) -> None:
    assert require_name("study", name) == name


def test_names_differ_in_more_than_capitals() -> None:
    require_distinct_names("figure", ["a", "b"])
    with pytest.raises(InvalidInput, match="more than capitals"):
        require_distinct_names("figure", ["Law", "law"])


def test_claims_and_studies_are_named_once_and_for_all(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="a claim is called"):
        Claim("../x", "s", "exact", "1", "1", True, "e")
    path = write_study(tmp_path)
    path.write_text(path.read_text().replace("'tiny'", "'../../x'"))
    with pytest.raises(InvalidInput, match="a study is called"):
        load_study(str(path))


def test_a_figure_that_is_called_like_a_path_is_a_trouble_and_writes_nothing(tmp_path: Path) -> None:
    path, out = write_study(tmp_path), tmp_path / "out"
    path.write_text(path.read_text().replace('{"values": figure}', '{"../up": figure}'))
    run_study(out, path)
    (judged,) = write_reports(out)
    assert judged.broken
    assert "a figure is called '../up'" in judged.troubles[0]
    assert not list(tmp_path.rglob("up*"))


def test_a_store_from_elsewhere_writes_nowhere_else(tmp_path: Path) -> None:
    """Names in the file, sound by their checksums: somebody made it so."""
    out = tmp_path / "deep" / "out"
    run_study(out, write_study(tmp_path))
    with sqlite3.connect(out / "results.sqlite") as connection:
        (row,) = read(connection, "runs").fetchall()
        for table in ("runs", "runs_again"):
            write(connection, table, (row[0], "../../evil", *row[2:-1]))
    connection.close()
    with pytest.raises(InvalidFile, match="holds no run"):
        write_reports(out)
    with sqlite3.connect(out / "results.sqlite") as connection:
        for table in ("runs", "runs_again"):
            write(connection, table, row[:-1])
        *_, figure = read(connection, "conclusions").fetchall()
        write(connection, "conclusions", (figure[0], "../up", *figure[2:-1]))
    connection.close()
    (judged,) = write_reports(out)
    assert not judged.figures
    (out / "tiny").rename(tmp_path / "elsewhere")
    (out / "tiny").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidFile, match="leads out of"):
        write_reports(out)
    assert not [path for path in tmp_path.rglob("*") if path.name in ("evil", "up.png")]


def test_reading_runs_no_code_unless_it_is_trusted(tmp_path: Path) -> None:
    path, out = write_study(tmp_path), tmp_path / "out"
    run_study(out, path)
    path.write_text("from pathlib import Path\nPath(__file__).with_name('ran-foreign-code').touch()\nraise SystemExit")
    (judged,) = write_reports(out)
    assert (len(judged.claims), list(judged.figures)) == (2, ["values"])
    assert not (path.parent / "ran-foreign-code").exists()
    with open_store(out) as store, pytest.raises((SystemExit, InvalidInput)):
        conclude_anew(store)
    assert (path.parent / "ran-foreign-code").exists()  # the control: it would have


def test_rows_are_shown_before_anything_is_decided(tmp_path: Path) -> None:
    path, out = write_study(tmp_path), tmp_path / "out"
    with open_store(out) as store:
        run_workloads([make_workload(*load_study(str(path)))], store, serial_pool())
    (judged,) = write_reports(out)
    assert (judged.claims, len(judged.rows)) == ((), 18)
    assert "`pgverify report --trust`" in judged.troubles[0]


def test_each_seed_has_its_own_folder_and_the_whole_grid_comes_first(tmp_path: Path) -> None:
    path, out = write_study(tmp_path), tmp_path / "out"
    run_study(out, path, quick=True)
    assert [judged.label for judged in write_reports(out)] == [""]
    run_study(out, path)
    write_reports(out)
    first = (out / "tiny" / "results.csv").read_bytes()
    run_study(out, path, seed=1)
    assert [judged.label for judged in write_reports(out)] == ["", "quick", "seed-1"]
    assert (out / "tiny" / "results.csv").read_bytes() == first
    assert (out / "tiny" / "seed-1" / "results.csv").read_bytes() != first


def test_a_mix_of_kernels_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = write_study(tmp_path), tmp_path / "out"
    run_study(out, path)
    assert not write_reports(out)[0].troubles  # the control
    with open_store(out) as store:
        workload = make_workload(*load_study(str(path)))
        store.begin(workload)
        store.put(workload, 0, store.rows(store.current(workload))[:3])
    (judged,) = write_reports(out)
    assert "computed with different linear algebra" in judged.troubles[0]
    assert len(judged.claims) == 2
