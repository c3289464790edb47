"""Suites by name: what there is, and what is said of a name that there is not."""

from __future__ import annotations

import pytest

import pgverify as pgv
from pgverify.checking import SuiteProblem, standard_suite


def test_the_standard_suite_has_a_name() -> None:
    assert pgv.suites.names()[0] == "standard"
    assert pgv.suites.get("standard") is standard_suite()
    assert all(isinstance(entry, SuiteProblem) for entry in pgv.suites.get("standard"))


def test_every_name_gives_a_suite() -> None:
    """At least three problems, each with a name and a reason of its own."""
    for name in pgv.suites.names():
        suite = pgv.suites.get(name)
        assert len(suite) >= 3
        assert len({entry.name for entry in suite}) == len({entry.reason for entry in suite}) == len(suite)


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(pgv.errors.UnknownName, match="unknown suite 'standart': the nearest known are standard"):
        pgv.suites.get("standart")
