"""A function that is random itself is judged on the problems that its budget settles; the others are named."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.noise_controls import controls
from pgverify.estimators import RewardToGo

RIGHT = RewardToGo()
pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Function = Callable[[pgv.Trajectories], np.ndarray]


def noisy(factor: float) -> Function:
    rng = np.random.default_rng(0)
    return lambda batch: RIGHT(batch) * (factor + 1e-4 * rng.normal())


def minibatches() -> Function:
    rng = np.random.default_rng(0)
    return lambda batch: RIGHT(batch)[rng.integers(len(batch), size=max(1, len(batch) // 2))].mean(axis=0)


def test_tiny_noise_is_consistent_and_what_is_open_is_named() -> None:
    report = pgv.check(noisy(1.0), problems=named("coin", "bandit", "near-deterministic"))
    assert report.outcome is pgv.Outcome.CONSISTENT, str(report)
    assert "is open" in report.explanation
    assert any("assumption that no event matters" in warning for warning in report.warnings)


def test_a_bias_of_two_per_cent_shows_beside_it() -> None:
    assert pgv.check(noisy(1.02), problems=named("coin", "bandit")).outcome is pgv.Outcome.BIASED


def test_minibatches_with_replacement_are_consistent() -> None:
    assert pgv.check(minibatches(), problems=named("coin", "bandit")).outcome is pgv.Outcome.CONSISTENT


def test_one_problem_that_is_open_is_no_ground_for_a_word() -> None:
    report = pgv.check(minibatches(), problems=named("near-deterministic"))
    assert report.outcome is pgv.Outcome.INCONCLUSIVE, str(report)


def test_controls_have_the_mean_that_they_are_given() -> None:
    """E c by listing: Σ P(τ) c(τ)."""
    for problem in named("early-stop", "delayed-reward"):
        batch, probability = every_trajectory(problem)
        for control in controls(problem):
            np.testing.assert_allclose(probability @ control.corrections(batch, 1), 0.0, atol=1e-12)
