"""An agent of our own that runs as rows: the same verdict, and a word on what was asked for and does not apply."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from many_runs import PROBLEM, Loop

import pgverify as pgv
from pgverify.agents import AgentWorld
from pgverify.checking import Outcome
from pgverify.checking.agents import expected_update
from pgverify.choices.by_rows import Rows

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


SMALL = replace(PROBLEM, objective=pgv.FiniteHorizon(2, 0.5))
"""2 · 5² = 50 runs."""


class InRows(Loop):
    """REINFORCE that can be run with many environments beside one another."""

    def rows(self, problem: Any) -> Rows:
        """Return how: every row has an environment of its own."""

        def run(worlds: Any) -> np.ndarray:
            found = np.array([self._gradient(AgentWorld(problem, world)) for world in worlds.worlds])
            return worlds.weights() @ found

        return Rows(run, 16)


def test_what_does_not_apply_to_rows_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected_update, "FEW_RUNS", 10)
    said = "neither shared out among processes nor kept"
    plain = pgv.check(InRows(), kind="agent", problems=[SMALL])
    asked = pgv.check(InRows(), kind="agent", problems=[SMALL], processes=2, resume=tmp_path)
    assert plain.outcome is asked.outcome is Outcome.CORRECT
    assert not any(said in note for note in plain.notes)
    assert sum(said in note for note in asked.notes) == 1
    assert not list(tmp_path.iterdir())


def test_an_agent_that_is_run_alone_has_nothing_to_say(tmp_path: Path) -> None:
    report = pgv.check(Loop(), kind="agent", problems=[SMALL], resume=tmp_path)
    assert not any("rows" in note for note in report.notes)
