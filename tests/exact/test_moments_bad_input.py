"""What exact moments refuse, and what the refusal tells to do instead."""

from __future__ import annotations

import numpy as np
import pytest

from pgverify import AverageReward, Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, Trajectories, exact
from pgverify.baselines import AverageReturn, StateValue, TimeStateValue
from pgverify.errors import InvalidEstimator, InvalidSampling, TooLarge
from pgverify.estimators import (
    GeneralizedAdvantage,
    NStepAdvantage,
    RewardToGo,
    StandardizedAdvantage,
    StandardizedReturn,
    TotalReturn,
)
from pgverify.policies import LinearSoftmaxPolicy


def problem(objective: object = None) -> Problem:
    rng = np.random.default_rng(0)
    mdp = TabularMDP([0.5, 0.5, 0.0], rng.dirichlet(np.ones(3), (3, 2)), rng.normal(size=(3, 2)))
    return Problem(mdp, SoftmaxPolicy(rng.normal(size=(3, 2))), objective or FiniteHorizon(4, 0.9))


class OwnBaseline:
    """A baseline that is not known to be a function of state and time."""

    def evaluate(self, batch: Trajectories) -> np.ndarray:
        return np.where(batch.ongoing, batch.rewards[:, :1], 0.0)


@pytest.mark.parametrize(
    "kind", [TotalReturn, RewardToGo, lambda b: GeneralizedAdvantage(0.5, b), lambda b: NStepAdvantage(2, b)]
)
@pytest.mark.parametrize("function", [exact.moments, exact.variance_shares, exact.optimal_baseline])
def test_a_baseline_or_critic_of_the_wrong_shape(kind: object, function: object) -> None:
    with pytest.raises(InvalidEstimator, match=r"values has shape \(4,\), must be \[S\] = \(3,\) of the problem"):
        function(kind(StateValue(np.zeros(4))), problem())
    with pytest.raises(
        InvalidEstimator, match=r"values has shape \(3, 3\), must be \[T, S\] = \(4, 3\) or \[T\+1, S\] = \(5, 3\)"
    ):
        function(kind(TimeStateValue(np.zeros((3, 3)))), problem())
    with pytest.raises(InvalidEstimator, match=r"must be a function of state and time alone .* sample, or enumerate"):
        function(kind(OwnBaseline()), problem())


def test_a_baseline_by_time_needs_a_bound_on_time() -> None:
    with pytest.raises(InvalidEstimator, match=r"values depend on time, must be \[S\] \(StateValue\)"):
        exact.moments(RewardToGo(TimeStateValue(np.zeros((4, 3)))), problem(Discounted(0.5)))


@pytest.mark.parametrize(
    "estimator",
    [GeneralizedAdvantage(0.5, TimeStateValue(np.zeros((4, 3)))), NStepAdvantage(2, TimeStateValue(np.zeros((4, 3))))],
)
def test_a_critic_at_a_cut_needs_the_last_row(estimator: object) -> None:
    """A finite horizon ends there and [T, S] is enough; a cut looks the last state up."""
    assert exact.moments(estimator, problem()).trace > 0
    with pytest.raises(InvalidEstimator, match=r"critic has 4 rows, must have T\+1 = 5: the last state of a truncated"):
        exact.moments(estimator, problem(Discounted(0.9)), max_steps=4)
    assert exact.moments(RewardToGo(TimeStateValue(np.zeros((4, 3)))), problem(Discounted(0.9)), max_steps=4).trace > 0


@pytest.mark.parametrize("function", [exact.moments, exact.variance_shares, exact.optimal_baseline])
@pytest.mark.parametrize(
    "estimator", [StandardizedReturn(), StandardizedAdvantage(), lambda batch: RewardToGo()(batch)]
)
def test_an_estimator_without_a_recursion_is_told_the_alternatives(function: object, estimator: object) -> None:
    message = (
        r"must declare its recursion for exact moments; otherwise sample it \(pgverify\.sample, "
        r"pgverify\.stats\.Moments\) or enumerate \(exact\.enumerated_moments\)"
    )
    with pytest.raises(InvalidEstimator, match=message):
        function(estimator, problem())


@pytest.mark.parametrize("function", [exact.moments, exact.variance_shares])
def test_coupled_rows_are_told_where_to_go(function: object) -> None:
    with pytest.raises(InvalidEstimator, match=r"contributions depend on each other.* use exact\.batch_moments\("):
        function(TotalReturn(AverageReturn(leave_one_out=True)), problem())


def test_a_matrix_too_large_is_refused_with_its_size() -> None:
    size = 5_001
    features = np.random.default_rng(0).normal(size=(1, 2, size))
    mdp = TabularMDP([1.0], np.ones((1, 2, 1)), [[1.0, 0.0]])
    wide = Problem(mdp, LinearSoftmaxPolicy(features, np.zeros(size)), FiniteHorizon(2))
    message = r"policy has d = 5,001 parameters, at most 5,000 for a \[d, d\] matrix \(0\.2 GB\)"
    with pytest.raises(TooLarge, match=message):
        exact.moments(RewardToGo(), wide)
    for form in ("diagonal", "trace"):
        found = exact.moments(RewardToGo(), wide, form)
        assert found.covariance is None
        assert found.trace > 0.0


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("form", ["covariance", "", None, "FULL"])
def test_a_form_that_does_not_exist(form: object) -> None:
    with pytest.raises(InvalidEstimator, match=rf"form is {form!r}, must be 'full', 'diagonal' or 'trace'"):
        exact.moments(RewardToGo(), problem(), form)


def test_steps_are_asked_for_and_refused_as_by_the_sampler() -> None:
    with pytest.raises(
        InvalidSampling, match=r"max_steps is None, must be an integer of at least 1 step under AverageR"
    ):
        exact.moments(RewardToGo(), problem(AverageReward()))
    with pytest.raises(InvalidSampling, match=r"max_steps is 5, must be at most the horizon 4 of the problem"):
        exact.moments(RewardToGo(), problem(), max_steps=5)
    with pytest.raises(InvalidSampling, match=r"max_steps is 0, must be an integer of at least 1 step"):
        exact.moments(RewardToGo(), problem(Discounted(0.5)), max_steps=0)
