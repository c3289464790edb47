"""Actions that hardly ever happen and pay accordingly: where they are clamped, the suite cannot show it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pgverify as pgv
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes", "as_many_as_for_users")
Function = Callable[[pgv.Trajectories], np.ndarray]


@pytest.fixture
def small_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the standard suite be three of its problems: what is rare is beyond it."""
    from pgverify.checking import oracle

    kept = [each for each in pgv.suites.get("standard") if each.name in ("bandit", "early-stop", "three-starts")]
    monkeypatch.setattr(oracle, "chosen_suite", lambda *_: kept)


def probability(batch: pgv.Trajectories) -> np.ndarray:
    return np.asarray(batch.policy.probabilities()[batch.states[:, :-1], batch.actions])


def clamped(least: float) -> Function:
    """As the gradient of log π clamped from below: it is zero under the clamp."""
    return lambda batch: batch.score_weighted(np.where(probability(batch) > least, RewardToGo().weights(batch), 0.0))


def stabilised(small: float) -> Function:
    """As the gradient of log(π + small)."""

    def function(batch: pgv.Trajectories) -> np.ndarray:
        chance = probability(batch)
        return batch.score_weighted(RewardToGo().weights(batch) * chance / (chance + small))

    return function


@pytest.mark.parametrize("least", [np.exp(-8.0), 1e-5, 1e-6])
def test_actions_below_a_clamp_are_missed(least: float) -> None:
    if least < 3e-4:  # negative control: on the suite no action is as rare
        assert pgv.check(clamped(least), explore=0).outcome is pgv.Outcome.CORRECT
    report = pgv.check(clamped(least))
    assert report.outcome is pgv.Outcome.BIASED
    assert "explored[" in report.explanation


@pytest.mark.usefixtures("small_suite")
def test_a_clamp_below_single_precision_is_no_fault_of_single_precision() -> None:
    """torch's Categorical raises probabilities to 1.2e-7: none of the problems may have one that it reaches."""
    report = pgv.check(lambda batch: clamped(2.0**-23)(batch).astype(np.float32))
    assert report.outcome is pgv.Outcome.CORRECT
    report = pgv.check(lambda batch: clamped(1e-6)(batch).astype(np.float32))
    assert report.outcome is pgv.Outcome.BIASED  # negative control: in single precision it shows, too


@pytest.mark.usefixtures("small_suite")
def test_a_stabilised_logarithm_is_told_from_a_wrong_one() -> None:
    assert pgv.check(stabilised(1e-8)).outcome is pgv.Outcome.CORRECT
    assert pgv.check(stabilised(1e-6)).outcome is pgv.Outcome.BIASED
