"""Updates read as differences of weights in single precision: their rounding is no bias, and no bias passes for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking import Outcome

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

NAMES = ("early-stop", "delayed-reward")
PROBLEMS = [entry for entry in pgv.suites.get("standard") if entry.name in NAMES]


def loop(step: Callable[[np.ndarray, np.ndarray], np.ndarray], horizon: float = 1.0) -> Any:
    """Return REINFORCE whose gradient [S, A] is read off by `step` (logits, gradient); `horizon` multiplies γ."""

    def update(world: Any) -> np.ndarray:
        logits, gamma = np.array(world.problem.policy.logits), horizon * world.problem.objective.discount
        pi = world.problem.policy.probabilities()
        (state, _), done, rows = world.env.reset(), False, []
        while not done:
            action = world.choose(pi[state])
            following, reward, terminated, truncated, _ = world.env.step(action)
            rows.append((state, action, reward))
            state, done = following, terminated or truncated
        gradient, to_go = np.zeros_like(logits), 0.0
        for t, (s, a, reward) in reversed(list(enumerate(rows))):
            to_go = reward + gamma * to_go
            gradient[s] -= gamma**t * to_go * pi[s]
            gradient[s, a] += gamma**t * to_go
        return step(logits, gradient).ravel()

    return update


def difference(rate: float, dtype: Any = np.float32, factor: float = 1.0) -> Any:
    """Return a step of an optimiser, as what it did to the weights over its learning rate."""

    def step(logits: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        before = logits.astype(dtype)
        after = before + dtype(rate) * (factor * gradient).astype(dtype)
        return np.asarray((after - before) / dtype(rate))

    return step


def judged(update: Any) -> Any:
    return pgv.check(update, kind="agent", policy=lambda world: world.problem.policy, problems=PROBLEMS)


@pytest.mark.parametrize(
    ("rate", "outcome"), [(0.1, Outcome.CORRECT), (2e-3, Outcome.CORRECT), (3e-4, Outcome.INCONCLUSIVE)]
)
def test_rounding_is_no_bias(rate: float, outcome: Outcome) -> None:
    """With a rate of 3e-4 weights of 0.6 know an update to 1e-4: too little for a verdict, and the report says so."""
    report = judged(loop(difference(rate)))
    assert report.outcome is outcome, report
    if outcome is Outcome.INCONCLUSIVE:
        assert "rounding could hide a bias" in report.explanation
    assert any("raise the learning rate" in each for each in report.warnings) is (rate < 0.1)


@pytest.mark.parametrize("rate", [1e-6, 3e-8])
def test_where_rounding_takes_most_nothing_is_said(rate: float) -> None:
    """A right update was biased there: with 3e-8 weights move by one step of single precision, or not at all."""
    report = judged(loop(difference(rate)))
    assert report.outcome is Outcome.INCONCLUSIVE, report
    assert "raise the learning rate" in report.next_step


def test_fractions_that_no_rounding_made_are_judged() -> None:
    """Negative control: with all actions alike and rewards of 0 and 1, every number is a multiple of a quarter."""
    mdp = pgv.TabularMDP([1.0], [[[1.0], [1.0]]], [[1.0, 0.0]])
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy([[0.5, 0.5]]), pgv.FiniteHorizon(4, 1.0))
    off = np.array([1.0, 1.25])
    update = loop(lambda _, gradient: gradient * off)
    report = pgv.check(update, kind="agent", policy=lambda world: world.problem.policy, problems=problem)
    assert report.outcome is Outcome.BIASED, report


def test_a_fault_is_seen_beside_the_rounding() -> None:
    report = judged(loop(difference(3e-4), 0.95))
    assert report.outcome is Outcome.BIASED, report


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_small_bias_of_gradients_is_no_rounding(dtype: Any) -> None:
    """Negative control: numbers that are multiples of nothing are as exact as they are."""
    off = np.array([1.0, 1.0002])
    report = judged(loop(lambda _, gradient: (gradient * off).astype(dtype)))
    assert report.outcome is Outcome.BIASED, report
    assert not any("learning rate" in each for each in report.warnings)


def test_an_update_of_nothing_has_no_signal() -> None:
    report = judged(loop(lambda _, gradient: 0.0 * gradient))
    assert report.outcome is Outcome.NO_SIGNAL
    assert report.matches == ()  # nothing equals whatever is nothing
    assert "not one run moves a parameter" in report.next_step
