"""A survey of some libraries keeps what its files have of the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgverify.errors import InvalidFile
from pgverify.survey.published import publish
from pgverify.survey.since import read_table, with_the_others

RECORD = Path(__file__).parents[2] / "reports" / "survey.csv"


def test_others_are_kept_where_they_stood(tmp_path: Path) -> None:
    """The twelfth library judged anew, with one row less: all others as before, in the same order."""
    before = read_table(RECORD)
    libraries = list(dict.fromkeys(verdict.library for verdict in before))
    anew = [replace(verdict, date="2030-01-01") for verdict in before if verdict.library == libraries[11]][1:]
    publish(with_the_others(anew, RECORD), tmp_path)
    after = read_table(tmp_path / "survey.csv")
    assert [verdict for verdict in after if verdict.library != libraries[11]] == [
        verdict for verdict in before if verdict.library != libraries[11]
    ]
    assert [verdict for verdict in after if verdict.library == libraries[11]] == anew
    assert list(dict.fromkeys(verdict.library for verdict in after)) == libraries


def test_a_library_that_is_new_comes_last_and_without_a_table_there_are_no_others(tmp_path: Path) -> None:
    before = read_table(RECORD)
    new = [replace(before[0], library="another")]
    assert with_the_others(new, RECORD) == [*before, *new]
    assert with_the_others(new, tmp_path / "survey.csv") == new


def test_what_is_no_table_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "survey.csv").write_text("mine\n1\n", encoding="utf-8")
    with pytest.raises(InvalidFile, match="is no table of a survey"):
        with_the_others([], tmp_path / "survey.csv")
