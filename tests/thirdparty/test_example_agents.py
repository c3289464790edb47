"""The examples of other libraries' agents, wherever these are: as they are, and with their normalisation taken out."""

from __future__ import annotations

from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
from thirdparty_loading import load

import pgverify as pgv
from pgverify import Outcome

load("torch")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def judged(example: dict[str, Any]) -> Any:
    return pgv.check(example["update"], kind="agent", problems=example["PROBLEMS"], time_limit=300.0)


def test_skrl_normalises_and_is_right_without(monkeypatch: pytest.MonkeyPatch) -> None:
    load("skrl")
    example = run_path(str(EXAMPLES / "skrl_agent.py"))
    assert judged(example).diagnosis == "normalised-in-the-batch-unbiased"
    found = example["a2c"].compute_gae

    def plain(**given: Any) -> Any:
        returns, _ = found(**given)
        return returns, returns - given["values"]

    monkeypatch.setattr(example["a2c"], "compute_gae", plain)
    report = judged(example)
    assert report.outcome is Outcome.CORRECT, report


def test_tianshou_follows_the_gradient_of_its_window() -> None:
    load("tianshou")
    report = judged(run_path(str(EXAMPLES / "tianshou_agent.py")))
    assert report.outcome is Outcome.CORRECT, report
