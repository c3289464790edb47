"""Shipped facts of the standard suite are those computed: `make catalogue-means` after a change of the suite."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import pgverify as pgv
from pgverify.checking.exhaustive import kept_facts
from pgverify.checking.exhaustive.kept_facts import kept_or_computed
from pgverify.checking.exhaustive.listed_problem import COMPUTED, reference_trace
from pgverify.checking.exhaustive.write_kept_facts import computed, write
from pgverify.problem import Problem
from pgverify.suites.standard import standard_suite

PROBLEMS = {entry.name: entry.problem for entry in standard_suite()}
ROUNDING = 1e-11
TINY = 1e-9
"""A variance that is this small, or none, may be what cancellation has left: nothing is said of its digits."""


def refused(_: Problem) -> float:
    raise RuntimeError("it is kept, and need not be computed")


def wrong(name: str, factor: float = 1.0) -> list[str]:
    """Which facts of a problem are not those computed; one that is not kept raises."""
    anew = computed(PROBLEMS[name])
    kept = {fact: factor * kept_or_computed(fact, PROBLEMS[name], refused) for fact in COMPUTED}
    return [fact for fact in COMPUTED if abs(kept[fact] - anew[fact]) > ROUNDING * max(TINY, abs(anew[fact]))]


@pytest.mark.parametrize("name", PROBLEMS)
def test_they_are_what_is_computed(name: str) -> None:
    assert wrong(name) == []
    telling = [fact for fact, compute in COMPUTED.items() if compute(PROBLEMS[name]) > TINY]
    assert wrong(name, factor=1.0 + 1e-9) == telling
    assert telling or name == "constant-reward"


def test_nothing_else_is_kept() -> None:
    assert set(kept_facts._kept()) == set(PROBLEMS)


def test_of_other_problems_they_are_computed() -> None:
    coin = PROBLEMS["coin"]
    moved = replace(coin, policy=pgv.SoftmaxPolicy([[0.1, 0.2]]))
    with pytest.raises(RuntimeError, match="need not be computed"):
        kept_or_computed("optimal trace", moved, refused)
    assert reference_trace(moved) != reference_trace(coin)


@pytest.mark.parametrize("content", [None, "", "{"])
def test_without_a_file_that_can_be_read_everything_is_computed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "facts.json"
    if content is not None:
        file.write_text(content)
    monkeypatch.setattr(kept_facts, "FILE", file)
    monkeypatch.setattr(kept_facts, "_kept", kept_facts._kept.__wrapped__)
    assert kept_or_computed("optimal trace", PROBLEMS["coin"], lambda _: 7.0) == 7.0


def test_writing_them_anew_changes_nothing(tmp_path: Path) -> None:
    assert write(tmp_path / "facts.json") == len(PROBLEMS)
    anew, kept = (json.loads(file.read_text()) for file in (tmp_path / "facts.json", kept_facts.FILE))
    assert {name: list(facts) for name, facts in anew.items()} == {name: list(facts) for name, facts in kept.items()}
