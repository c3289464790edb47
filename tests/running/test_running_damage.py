"""Damaged stores: read as far as they go, refused in one sentence where they are none, never made worse."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_studies import write_study

from pgverify.errors import InvalidFile
from pgverify.running import Workload, make_workload, open_store
from pgverify.running.conclusion import Conclusion, Drawing
from pgverify.studies import Claim, load_study

CELLS = 40
Rows = list[dict[str, Any]]


def rows_of(index: int) -> Rows:
    """Return rows of some 2 kB, so that cells spread over many pages."""
    return [{"n": index, "k": k, "value": (index + 0.1) / (k + 3)} for k in range(50)]


@pytest.fixture(scope="module")
def workload(tmp_path_factory: pytest.TempPathFactory) -> Workload:
    return make_workload(*load_study(str(write_study(tmp_path_factory.mktemp("study"), count=CELLS))))


@pytest.fixture(scope="module")
def whole(workload: Workload, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a sound store: a whole run with its claims and a figure."""
    out = tmp_path_factory.mktemp("whole")
    with open_store(out) as store:
        store.begin(workload)
        for index in range(CELLS):
            store.put(workload, index, rows_of(index))
        claim = Claim("one", "It holds.", "exact", "1", "1", True, "exact")
        store.conclude(store.current(workload), Conclusion([claim], {"f": Drawing("w", 5, b"x" * 9000)}, (), False))
    assert [path.name for path in out.iterdir()] == ["results.sqlite"]  # one plain file: no log, no lock
    return (out / "results.sqlite").read_bytes()


def cut(size: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(len(data) * size)]


def flipped(*places: float) -> Callable[[bytes], bytes]:
    """Flip all bits of one byte at each place, given as a share of the file."""

    def flip(data: bytes) -> bytes:
        changed = bytearray(data)
        for place in places:
            changed[int(len(data) * place)] ^= 0xFF
        return bytes(changed)

    return flip


def zeroed(start: int, end: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:start] + bytes(end - start) + data[end:]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut to nothing": cut(0.0),
    "cut within the header": lambda data: data[:60],
    "cut after the first page": lambda data: data[:4096],
    "cut within the second page": lambda data: data[:6000],
    "cut to a quarter": cut(0.25),
    "cut to a half": cut(0.5),
    "cut to three quarters": cut(0.75),
    "cut by one page": lambda data: data[:-4096],
    "cut by one byte": lambda data: data[:-1],
    "flipped early": flipped(0.11),
    "flipped in the middle": flipped(0.5),
    "flipped late": flipped(0.93),
    "flipped in ten places": flipped(*(k / 11 + 0.03 for k in range(1, 11))),
    "flipped in the schema": lambda data: data.replace(b"CREATE TABLE cells", b"CREATE TABLE cellz", 1),
    "flipped in the magic": flipped(0.0),
    "flipped in a value": lambda data: data.replace(b'"value":0.', b'"value":1.', 1),
    "flipped in the name of the study": lambda data: data.replace(b"tiny", b"tinx", 1),
    "zeros over the second page": zeroed(4096, 8192),
    "zeros over a page of cells": zeroed(8 * 4096, 9 * 4096),
    "zeros over many pages": zeroed(5 * 4096, 15 * 4096),
    "a text file": lambda _: b"results so far: none\n" * 50,
    "a short text": lambda _: b"none",
    "another SQLite file": lambda _: other_file("CREATE TABLE t (x)"),
    "a newer layout": lambda _: other_file("PRAGMA user_version=99"),
    "our layout, other tables": lambda _: other_file("CREATE TABLE runs (x); PRAGMA user_version=2"),
    "random bytes after the header": lambda data: data[:100] + bytes((k * 167 + 13) % 256 for k in range(8092)),
}


def other_file(script: str) -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.executescript(script)
    data = connection.serialize()
    connection.close()
    return bytes(data)


def test_there_are_24_kinds_of_damage() -> None:
    assert len(DAMAGES) >= 24


def put_down(out: Path, data: bytes) -> Path:
    out.mkdir()
    path = out / "results.sqlite"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("damage", DAMAGES)
def test_reading_gives_rows_as_they_were_or_one_sentence(
    damage: str, whole: bytes, workload: Workload, tmp_path: Path
) -> None:
    data = DAMAGES[damage](whole)
    path = put_down(tmp_path / "out", data)
    try:
        with open_store(path.parent, create=False) as store:
            for run in store.runs():
                rows = store.rows(run)
                assert rows == [row for index in sorted({row["n"] for row in rows}) for row in rows_of(index)]
                assert run.done + run.damaged <= CELLS
    except InvalidFile as refusal:
        assert "\n" not in str(refusal)
        assert str(path.parent) in str(refusal)
    assert path.read_bytes() == data
    assert [place.name for place in path.parent.iterdir()] == ["results.sqlite"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_goes_on_from_what_can_be_read_and_throws_nothing_away(
    damage: str, whole: bytes, workload: Workload, tmp_path: Path
) -> None:
    data = DAMAGES[damage](whole)
    path = put_down(tmp_path / "out", data)
    try:
        with open_store(path.parent) as store:
            done = store.begin(workload)
            aside = [place for place in path.parent.iterdir() if ".damaged-" in place.name]
            assert bool(aside) == bool(store.notes)
            if aside:
                assert aside[0].read_bytes() == data
                assert str(aside[0].name) in store.notes[0]
            for index in set(range(CELLS)) - done:
                store.put(workload, index, rows_of(index))
            run = store.current(workload)
            assert run.finished
            assert store.rows(run) == [row for index in range(CELLS) for row in rows_of(index)]
    except InvalidFile as refusal:
        assert "\n" not in str(refusal)
        assert path.read_bytes() == data


@pytest.mark.parametrize(
    ("damage", "least"),
    [
        ("cut to three quarters", 15),
        ("cut to a half", 5),
        ("cut by one page", 30),
        ("cut by one byte", 30),
        ("flipped in the middle", 36),
        ("flipped late", 36),
        ("flipped in a value", 39),
        ("flipped in the name of the study", 40),
        ("zeros over a page of cells", 30),
    ],
)
def test_most_cells_survive_a_local_damage(damage: str, least: int, whole: bytes, tmp_path: Path) -> None:
    """Measured; a store that gave up at the first damaged page would keep none."""
    path = put_down(tmp_path / "out", DAMAGES[damage](whole))
    with open_store(path.parent, create=False) as store:
        (run,) = store.runs()
        assert run.done >= least


def test_every_single_byte_may_be_damaged(whole: bytes, workload: Workload, tmp_path: Path) -> None:
    """A sample of bytes over the whole file: rows come back as they were, or not at all."""
    path = put_down(tmp_path / "out", whole)
    refused = 0
    for place in range(7, len(whole), len(whole) // 60):
        path.write_bytes(flipped(place / len(whole))(whole))
        try:
            with open_store(path.parent, create=False) as store:
                for run in store.runs():
                    rows = store.rows(run)
                    assert rows == [row for index in sorted({row["n"] for row in rows}) for row in rows_of(index)]
        except InvalidFile:
            refused += 1
    assert refused <= 3  # the first page alone: without it SQLite knows no table


def test_a_directory_in_its_place_is_refused(tmp_path: Path, workload: Workload) -> None:
    (tmp_path / "results.sqlite").mkdir()
    for create in (False, True):
        with pytest.raises(InvalidFile, match=r"results\.sqlite"), open_store(tmp_path, create=create):
            pass
