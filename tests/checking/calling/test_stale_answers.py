"""Answers from memory are called stale, not random; what is random, or remembers content, is not called stale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.checking.calling.alarm import Alarm
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.calling.stale_answers import remembers_objects
from pgverify.checking.calling.time_spent import Deadline
from pgverify.estimators import RewardToGo
from pgverify.exact import enumerate_trajectories

RIGHT = RewardToGo()
PROBLEMS = named("bandit", "early-stop")


def remembering(key: Callable[[pgv.Trajectories], Any], mean: bool) -> Callable[[pgv.Trajectories], np.ndarray]:
    known: dict[Any, np.ndarray] = {}

    def function(batch: pgv.Trajectories) -> np.ndarray:
        number = key(batch)
        if number not in known:
            known[number] = RIGHT(batch).mean(axis=0) if mean else RIGHT(batch)
        return known[number]

    return function


@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("key", [id, lambda b: id(b.rewards)], ids=["id", "of"])
def test_a_cache_by_object_is_stale(key: Callable[[pgv.Trajectories], Any], mean: bool) -> None:
    report = pgv.check(remembering(key, mean), problems=PROBLEMS)
    assert report.outcome in (pgv.Outcome.INVALID, pgv.Outcome.BIASED)
    assert "stale" in f"{report.explanation} {report.warnings}", str(report)
    assert "random" not in report.explanation


def test_a_cache_by_content_is_right() -> None:
    """Negative control."""

    def content(batch: pgv.Trajectories) -> tuple[bytes, ...]:
        arrays = (batch.states, batch.actions, batch.rewards, batch.lengths)
        return (str(batch.problem.mdp.start.tolist()).encode(), *(array.tobytes() for array in arrays))

    assert pgv.check(remembering(content, mean=False), problems=PROBLEMS).outcome is pgv.Outcome.CORRECT


@pytest.mark.slow
def test_chance_is_not_stale() -> None:
    """Negative control: the same object has another answer each time."""
    rng = np.random.default_rng(0)
    report = pgv.check(lambda b: -RIGHT(b) * (1.0 + 0.1 * rng.normal()), problems=PROBLEMS)
    assert "stale" not in str(report)


def test_a_constant_is_not_stale() -> None:
    """Negative control: the content does not matter, on whatever object."""
    report = pgv.check(lambda b: np.ones(b.policy.parameters.size), problems=PROBLEMS)
    assert report.outcome is pgv.Outcome.BIASED
    assert "stale" not in str(report)


def rows_left_out(rng: np.random.Generator) -> Callable[[pgv.Trajectories], np.ndarray]:
    return lambda b: RIGHT(b) * (rng.random(len(b)) < 0.5)[:, None] / 0.5


def one_row_alone(rng: np.random.Generator) -> Callable[[pgv.Trajectories], np.ndarray]:
    return lambda b: RIGHT(b)[rng.integers(len(b))]


def all_or_nothing(rng: np.random.Generator) -> Callable[[pgv.Trajectories], np.ndarray]:
    return lambda b: RIGHT(b) * (2.0 if rng.random() < 0.5 else 0.0)


def steps_left_out(rng: np.random.Generator) -> Callable[[pgv.Trajectories], np.ndarray]:
    return lambda b: RIGHT(b) * (rng.random(b.lengths.max()) < 0.5).mean() * 2.0


@pytest.mark.parametrize("made", [rows_left_out, one_row_alone, all_or_nothing, steps_left_out])
def test_chance_with_few_outcomes_is_not_stale(
    made: Callable[[np.random.Generator], Callable[[pgv.Trajectories], np.ndarray]],
) -> None:
    """Four answers in a row are zero by chance in one attempt of some eight; 16 times in a row they are not."""
    batch, _ = enumerate_trajectories(named("coin")[0])
    with Alarm(10.0) as alarm:
        for seed in range(5):
            random = LimitedFunction(made(np.random.default_rng(seed)), False, alarm, Deadline.after(60.0))
            assert not remembers_objects(random, batch), seed


def test_a_memory_is_asked_again_and_stays_one() -> None:
    """Negative control."""
    batch, _ = enumerate_trajectories(named("bandit")[0])
    with Alarm(10.0) as alarm:
        stale = LimitedFunction(remembering(id, mean=True), False, alarm, Deadline.after(60.0))
        assert remembers_objects(stale, batch)
