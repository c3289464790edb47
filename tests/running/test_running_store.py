"""The store gives back every bit, and refuses files that are none of ours."""

from __future__ import annotations

import math
import sqlite3
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_studies import write_study

from pgverify.errors import InvalidData, InvalidFile, InvalidInput
from pgverify.running import make_workload, open_store
from pgverify.running.rows import from_json, plain_rows, to_json
from pgverify.studies import load_study


def bits(number: float) -> bytes:
    return struct.pack("<d", number)


@given(st.floats(allow_nan=False))
def test_floats_come_back_bit_for_bit(number: float) -> None:
    (row,) = from_json(to_json(plain_rows([{"x": np.float64(number)}])))
    assert bits(row["x"]) == bits(number)


def test_special_values_come_back() -> None:
    rows = plain_rows(
        [{"a": float("nan"), "b": -float("inf"), "c": -0.0, "d": np.bool_(True), "e": None, "f": np.array(2)}]
    )
    (row,) = from_json(to_json(rows))
    assert math.isnan(row["a"])
    assert row["b"] == -math.inf
    assert bits(row["c"]) == bits(-0.0)
    assert row["d"] is True
    assert row["e"] is None
    assert type(row["f"]) is int


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("text", "returned str"),
        (3, "returned int"),
        ([3], "a row is int"),
        ([{3: 1}], "the column 3"),
        ([{"x": np.zeros(2)}], "column 'x' of a row holds ndarray"),
        ([{"x": 1j}], "holds complex"),
    ],
)
def test_what_no_table_holds_is_refused(rows: object, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        plain_rows(rows)


def test_each_cell_is_committed_at_once(tmp_path: Path) -> None:
    workload = make_workload(*load_study(str(write_study(tmp_path))))
    with open_store(tmp_path / "out") as store:
        assert store.begin(workload) == set()
        store.put(workload, 4, [{"x": 0.1}])
        with open_store(tmp_path / "out", create=False) as other:  # as another process would see it
            assert other.begin(workload) == {4}
        assert not store.finish(workload)


def test_a_missing_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"holds no results\.sqlite"), open_store(tmp_path, create=False):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.sqlite").write_text("not a database, but long enough to be looked at" * 20)
    with pytest.raises(InvalidFile, match=r"is no SQLite file .* must be a store of pgverify"), open_store(tmp_path):
        pass


def test_another_layout_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "results.sqlite") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(InvalidFile, match="has layout 99, must be 2"), open_store(tmp_path):
        pass


def test_an_output_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(InvalidFile, match="cannot be written to"), open_store(tmp_path / "out"):
        pass


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seeds_out_of_range_are_refused(tmp_path: Path, seed: int) -> None:
    with pytest.raises(InvalidInput, match=f"seed is {seed}"):
        make_workload(*load_study(str(write_study(tmp_path))), seed=seed)


def test_a_study_without_cells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="needs at least one cell"):
        make_workload(*load_study(str(write_study(tmp_path, count=0))))
