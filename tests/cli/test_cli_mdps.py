"""`pgverify mdps`: the zoo as a table, as JSON, and all about one problem."""

from __future__ import annotations

import json

import pytest
from cli_calls import call, refused

import pgverify as pgv


def test_the_zoo_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "mdps")
    assert (code, err) == (0, "")
    for name in pgv.mdps.names():
        assert name in out.split()


def test_the_zoo_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "mdps", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["name"] for row in rows] == pgv.mdps.names()
    for row in rows:
        mdp = pgv.mdps.get(row["name"])
        assert (row["states"], row["actions"]) == (mdp.num_states, mdp.num_actions)


def test_one_problem_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "mdps", "river-swim")
    assert code == 0
    assert out.startswith("river-swim")
    assert pgv.mdps.entry("river-swim").source in out


def test_a_near_miss_names_the_problem(capsys: pytest.CaptureFixture[str]) -> None:
    assert "the nearest known are river-swim" in refused(capsys, "mdps", "rivr-swim")


def test_a_distant_name_suggests_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "mdps", "cartpole")
    assert "nearest" not in said
    assert "unknown MDP 'cartpole'" in said
