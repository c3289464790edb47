"""Counts and ranges as they are read: one of a thing is no plural, and a range of one number is none."""

from __future__ import annotations

import re

import pandas as pd
import pytest

import pgverify as pgv
from pgverify.checking.verdict.scope import ProblemScope, SampledSize, Scope
from pgverify.counts import counted, spread
from pgverify.estimators import RewardToGo
from pgverify.language.loss_scope import LossScope
from pgverify.variance.accuracy import Accuracy
from pgverify.variance.recommendation import recommend

ONE_OF_MANY = re.compile(r"(?<![\d.,])1 (states|actions|steps|problems|batches|episodes|trajectories|cells)\b")
"""What a text about one thing must not say."""


def test_one_thing_is_no_plural() -> None:
    assert [counted(count, "state") for count in (0, 1, 2, 1234)] == ["0 states", "1 state", "2 states", "1,234 states"]
    assert counted(1, "batch", "batches") == "1 batch"
    assert counted(7, "batch", "batches") == "7 batches"


def test_the_number_that_is_read_decides() -> None:
    assert counted(1.4, "step") == "1 step"
    assert counted(1.4, "step", spelled="1.4") == "1.4 steps"
    assert counted(1.0, "step", spelled="1") == "1 step"


def test_a_range_of_one_number_is_none() -> None:
    assert spread([0.9], "γ") == spread([0.9, 0.9 + 1e-12], "γ") == "γ = 0.9"
    assert spread([1.0, 0.7, 0.9], "γ") == "γ from 0.7 to 1"


def scope(count: int, discounts: tuple[float, ...]) -> str:
    sampled = (SampledSize(3, count, float("inf"), 0.1),)
    each = tuple(ProblemScope(f"p{number}", (1,), sampled) for number in range(count))
    return str(Scope(each, count, count, count, count, ("horizon",), discounts))


def test_the_scope_of_one_small_problem() -> None:
    assert scope(1, (0.9,)) == (
        "1 problem; batches of 1 listed; of 3 sampled, at worst on p0 3 (any bias could hide in 1 batch); at most 1 "
        "step, 1 state, 1 action, 1 start state; ends: horizon; γ = 0.9; no ratio other than 1; exact critic"
    )
    several = scope(2, (0.7, 0.9))
    assert "2 problems" in several
    assert "at most 2 steps, 2 states, 2 actions, 2 start states; ends: horizon; γ from 0.7 to 0.9;" in several


@pytest.mark.parametrize(("prompts", "words"), [(1, "1 prompt a batch"), (2, "2 prompts a batch")])
def test_the_scope_of_a_loss(prompts: int, words: str) -> None:
    assert words in str(LossScope(4, prompts, "same", "numpy", False, False, False, ()))


def test_a_plan_for_what_hardly_varies() -> None:
    """A bandit with one arm has no gradient; one with two nearly equal arms and a wide margin needs one trajectory."""
    bandit = pgv.TabularMDP([1.0], [[[1.0], [1.0]]], [[1.0, 1.001]])
    problem = pgv.Problem(bandit, pgv.SoftmaxPolicy([[0.0, 0.0]]), pgv.FiniteHorizon(1))
    told = str(pgv.plan(RewardToGo(pgv.baselines.StateValue()), problem, 1.0, 0.5))
    assert ONE_OF_MANY.search(told) is None, told
    assert "a trajectory of 1 step;" in told


def test_a_recommendation_of_one_episode() -> None:
    row = {"estimator": "reward-to-go", "trajectories": 1, "environment_steps": 1.0, "relative_bias": 0.0, "note": ""}
    asked = Accuracy(100, 0.5, 0.5)
    told = recommend(pd.DataFrame([row]), None, asked)
    assert told == "reward-to-go: 1 episode (1 environment step) for an error of 50 % with 50 % confidence."
