"""`pgverify estimators`: a table, JSON, the page; and targets named on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_calls import call, refused

import pgverify as pgv


def test_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "estimators")
    assert (code, err) == (0, "")
    for name in ("GPOMDP", "VTrace", "RewardToGo", "SelfNormalized"):
        assert any(line.startswith(name) for line in out.splitlines())
    assert "Espeholt et al. 2018" in out


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "estimators", "--json")
    rows = json.loads(out)
    assert code == 0
    assert {row["estimator"] for row in rows} <= set(pgv.estimators.__all__)
    assert set(rows[0]) == {
        "estimator", "target_name", "equation", "expectation", "assumptions", "moments", "source",
    }  # fmt: skip
    assert all(all(row.values()) for row in rows)


def test_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "estimators", "--markdown")
    assert code == 0
    assert out == (Path(__file__).parents[2] / "docs" / "estimators.md").read_text(encoding="utf-8")


def test_two_forms_at_once_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--json and --markdown were both given" in refused(capsys, "estimators", "--json", "--markdown")
