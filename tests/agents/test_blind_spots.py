"""Faults that the problems at hand could not have shown are said beside a verdict of correct."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from planted_faults import DELTA, LINE, TOTAL, planted

import pgverify as pgv
from pgverify.checking import Outcome

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

STANDARD = {entry.name: entry for entry in pgv.suites.get("standard")}
ONE_STEP = (LINE, LINE.replace("= 3, 1", "= 1, 1"))
TWO_STEPS = (LINE, LINE.replace("= 3, 1", "= 2, 1"))
ON_POLICY = ("0.7 * np.sin", "0.0 * np.sin")


def judged(edits: Any, *names: str) -> Any:
    return pgv.check(planted(edits)["update"], kind="agent", problems=[STANDARD[name] for name in names])


def hidden(report: Any) -> set[str]:
    """Return the faults that a report says it could not have seen."""
    assert report.outcome is Outcome.CORRECT, report
    said = [warning for warning in report.warnings if "would be correct here as well" in warning]
    return set(said[0].partition(": ")[2].partition(";")[0].split(", ")) if said else set()


def test_all_shows_where_episodes_end_in_windows_of_three() -> None:
    assert hidden(judged((), "bandit", "early-stop", "random-end")) == set()


def test_a_window_that_no_episode_ends_in() -> None:
    """`stochastic-chain` goes on for three steps: in windows of two no flag is ever set, and none can be misread."""
    no_end = {"done-ignored", "done-off-by-one", "gae-across-episodes"}
    assert hidden(judged((TWO_STEPS,), "stochastic-chain")) == no_end
    ignored = (TWO_STEPS, (DELTA, DELTA.replace(" * alive", "")), (TOTAL, "gamma * LAMBDA * total"))
    assert hidden(judged(ignored, "stochastic-chain")) == no_end  # it has one of these faults
    assert judged(ignored, "early-stop").outcome is Outcome.BIASED


def test_a_window_of_one_step_knows_no_sum() -> None:
    found = hidden(judged((ONE_STEP,), "early-stop", "random-end"))
    assert found == {"one-step-advantages", "gae-across-episodes", "lambda-missing"}


def test_without_discount_and_with_small_rewards() -> None:
    """Where γ = 1 its powers are 1; rewards of `near-deterministic` are within ±1."""
    problem = STANDARD["near-deterministic"].problem
    assert problem.objective.discount == 1.0
    assert np.abs(problem.mdp.paid).max() <= 1.0
    found = hidden(judged((), "near-deterministic"))
    assert {"discount-missing", "discount-twice", "reward-clipped"} <= found


def test_who_acts_and_is_the_same() -> None:
    assert "ratio-missing" in hidden(judged((ON_POLICY,), "early-stop", "random-end"))


def test_faults_that_a_window_cannot_have_are_not_said() -> None:
    """Without a critic nothing is bootstrapped; with λ = 1 no λ is missing; with λ = 0 nothing is summed."""
    edits = (("return 0.4 * np.cos(1.0 + np", "return 0.0 * np.cos(1.0 + np"), ("critic=critic, ", ""))
    assert hidden(judged((*edits, ("0.9, 0.2", "1.0, 0.2")), "early-stop", "random-end")) == set()
    assert hidden(judged((("0.9, 0.2", "0.0, 0.2"),), "early-stop", "random-end")) == set()


def test_time_limits_that_were_not_tried() -> None:
    said = judged((), "early-stop", "random-end").notes
    assert any("at a time limit was not tried" in note for note in said)
    assert not any("time limit" in note for note in judged((TWO_STEPS,), "stochastic-chain").notes)
