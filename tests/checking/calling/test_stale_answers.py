"""Answers from memory are called stale, not random; what is random, or remembers content, is not called stale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.estimators import RewardToGo

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
