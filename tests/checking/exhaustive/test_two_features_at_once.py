"""Faults that need two features at once: an action after itself, late and at a small discount, a place far down.

Each takes the weight of some steps away. The suite holds no such step; the sequence does, so that the same function is
CORRECT without it. What couples its trajectories meets many actions on problems where all but two are forbidden.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pgverify as pgv
from pgverify.baselines import AverageReturn
from pgverify.estimators import RewardToGo, TotalReturn

pytestmark = pytest.mark.usefixtures("unchecked_shapes", "as_many_as_for_users")
Outcome = pgv.Outcome
Where = Callable[[pgv.Trajectories], np.ndarray]
LEAVE_ONE_OUT = TotalReturn(AverageReturn(leave_one_out=True))


def late(batch: pgv.Trajectories, step: int) -> np.ndarray:
    return np.broadcast_to(np.arange(batch.num_steps) >= step, batch.mask.shape)


def again(batch: pgv.Trajectories, action: int) -> np.ndarray:
    taken = batch.actions == action
    return taken & np.concatenate([np.zeros((len(batch), 1), dtype=bool), taken[:, :-1]], axis=1)


def place(batch: pgv.Trajectories) -> np.ndarray:
    return batch.states[:, :-1] * batch.policy.probabilities().shape[1] + batch.actions


STEPS: dict[str, Where] = {
    "an action 5 after a 5": lambda batch: again(batch, 5),
    "an action 7 after a 7": lambda batch: again(batch, 7),
    "a state kept from step 4 on": lambda batch: (batch.states[:, 1:] == batch.states[:, :-1]) & late(batch, 4),
    "γ below ½ from step 8 on": lambda batch: late(batch, 8) & (batch.discount < 0.5),
    "a place from 48 on": lambda batch: place(batch) >= 48,
    "an action from 6 on, late": lambda batch: (batch.actions >= 6) & late(batch, 4),
    "a cut with many actions": lambda batch: batch.truncated[:, None] & (batch.policy.probabilities().shape[1] > 4),
}

QUICK = ("a state kept from step 4 on",)
"""That all are held somewhere is asked in a moment by the test of the crossings of features."""

COUPLED = ("an action from 6 on, late", "a place from 48 on")


def without(where: Where, estimator: RewardToGo | TotalReturn) -> Callable[[pgv.Trajectories], np.ndarray]:
    return lambda batch: batch.score_weighted(np.where(where(batch), 0.0, estimator.weights(batch)))


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in STEPS]
)
def test_steps_without_weight_are_missed_by_the_suite_and_seen_beyond_it(name: str) -> None:
    function = without(STEPS[name], RewardToGo())
    assert pgv.check(function, explore=0).outcome is Outcome.CORRECT
    assert pgv.check(function).outcome is Outcome.BIASED


@pytest.mark.slow
@pytest.mark.parametrize("name", COUPLED)
def test_many_actions_are_met_by_what_couples_its_trajectories(name: str) -> None:
    function = without(STEPS[name], LEAVE_ONE_OUT)
    assert pgv.check(function, explore=0).outcome is Outcome.CORRECT
    report = pgv.check(function)
    assert report.outcome is Outcome.BIASED


def longer_than(steps: int) -> Callable[[pgv.Trajectories], np.ndarray]:
    def function(batch: pgv.Trajectories) -> np.ndarray:
        paid = np.where(batch.mask, batch.rewards, 0.0).any(axis=1)
        weights = RewardToGo().weights(batch)
        return batch.score_weighted(weights + (batch.mask & (~paid & (batch.lengths > steps))[:, None]))

    return function


@pytest.mark.slow
@pytest.mark.parametrize("steps", [3, 9])
def test_long_episodes_that_pay_nothing_are_no_baseline(steps: int) -> None:
    """One more on each of their steps: whether an episode pays is up to its actions, so that the mean is moved."""
    assert pgv.check(longer_than(steps), explore=0).outcome is Outcome.CORRECT
    assert pgv.check(longer_than(steps)).outcome is Outcome.BIASED


@pytest.mark.slow
def test_a_logarithm_of_what_is_forbidden_is_no_failure() -> None:
    """log π of all actions has no number where one is forbidden: by our choice of the problem, not by a fault."""

    def function(batch: pgv.Trajectories) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            probabilities = batch.policy.probabilities()
            log_probabilities = np.log(probabilities)
            nothing = 0.0 * (probabilities * log_probabilities).sum()
        return np.asarray(LEAVE_ONE_OUT(batch)) + nothing

    report = pgv.check(function)
    assert report.outcome is Outcome.CORRECT
    assert "explored[7]" in str(report.scope)
