"""What does not fit is refused in one sentence: the argument, what was found, what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from policies_by_hand import MaskedSoftmax

import pgverify as pgv
from pgverify import KL, AverageReward, Discounted, Entropy, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, exact
from pgverify.baselines import AverageReturn
from pgverify.errors import InvalidEstimator, InvalidInput, InvalidObjective, InvalidPolicy, InvalidSampling
from pgverify.estimators import GeneralizedAdvantage, RewardToGo, StandardizedReturn, TotalReturn

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # the code's own refusals

RNG = np.random.default_rng(71)
MDP = TabularMDP([0.5, 0.5], RNG.dirichlet(np.ones(2), size=(2, 2)), RNG.normal(size=(2, 2)))
ENDED = TabularMDP([0.5, 0.5], [[[0.5, 0.5], [0.2, 0.8]], [[0.0, 1.0]] * 2], [[1.0, 2.0], [0.0, 0.0]], [False, True])
POLICY = SoftmaxPolicy(RNG.normal(size=(2, 2)))
OTHER = SoftmaxPolicy(RNG.normal(size=(2, 2)))
FINITE = Problem(MDP, POLICY, FiniteHorizon(3))
ENDLESS = Problem(MDP, POLICY, Discounted(0.9))
AVERAGE = Problem(MDP, POLICY, AverageReward())
NEVER = MaskedSoftmax(np.zeros((2, 2)), np.array([[True, True], [False, True]]))
AWAY = np.array([3.0, -3.0])
WRONG_SHAPE = SoftmaxPolicy(np.zeros((2, 3)))


class Broken(SoftmaxPolicy):
    """A policy whose probabilities are none."""

    def probabilities(self) -> np.ndarray:
        return np.array([[0.5, 0.5], [np.nan, 1.0]])


class Unnormalised(SoftmaxPolicy):
    """A policy whose probabilities do not sum to one."""

    def probabilities(self) -> np.ndarray:
        return np.full((2, 2), 0.6)


ACTING: dict[str, tuple[Any, str]] = {
    "no support": (NEVER, r"acting has probability 0 at state 1, action 0, must be above 0 where .* policy has 0\.\d+"),
    "another shape": (WRONG_SHAPE, r"acting has probabilities of shape \(2, 3\), must be \[S, A\] = \(2, 2\)"),
    "an object": (object(), "acting is object, must be a policy with parameters"),
    "a class": (SoftmaxPolicy, "acting is the class SoftmaxPolicy, must be a policy"),
    "an array": (np.full((2, 2), 0.5), "acting is ndarray, must be a policy"),
    "a name": ("uniform", "acting is str, must be a policy"),
    "not a number": (Broken(np.zeros((2, 2))), "acting has probability nan at state 1, action 0, must be finite"),
    "not one": (Unnormalised(np.zeros((2, 2))), "acting has probability 0.6 at state 0, .* sum to 1 over the actions"),
}


@pytest.mark.parametrize("name", ACTING)
@pytest.mark.parametrize("call", ["sample", "enumerate", "moments", "count"])
def test_acting_policies_that_do_not_fit(call: str, name: str) -> None:
    acting, message = ACTING[name]
    calls: dict[str, Callable[[], object]] = {
        "sample": lambda: pgv.sample(FINITE, 4, acting=acting),
        "enumerate": lambda: exact.enumerate_trajectories(FINITE, acting=acting),
        "moments": lambda: exact.moments(RewardToGo(), FINITE, acting=acting),
        "count": lambda: exact.count_trajectories(FINITE, acting=acting),
    }
    assert_refused(calls[call], InvalidPolicy, message)


def assert_refused(call: Callable[[], object], error: type[InvalidInput], message: str) -> None:
    with pytest.raises(error, match=message) as refusal:
        call()
    said = str(refusal.value)
    assert "\n" not in said
    assert ". " not in said


def test_support_is_not_asked_of_terminal_states() -> None:
    """Nobody acts there: the same policy is fine where state 1 is terminal."""
    batch = pgv.sample(Problem(ENDED, POLICY, FiniteHorizon(3)), 4, acting=NEVER)
    assert batch.acting is NEVER


def test_an_acting_policy_may_do_more() -> None:
    target = Problem(MDP, NEVER, FiniteHorizon(2))
    assert pgv.sample(target, 4, acting=POLICY).acting is POLICY


MORE: dict[str, tuple[Callable[[], object], type[InvalidInput], str]] = {
    "beyond the horizon": (
        lambda: pgv.sample(FINITE, 4, max_steps=4),
        InvalidSampling,
        "max_steps is 4, must be at most the horizon 3",
    ),
    "listing beyond the horizon": (
        lambda: exact.enumerate_trajectories(FINITE, max_steps=9),
        InvalidSampling,
        "max_steps is 9, must be at most the horizon 3",
    ),
    "no step": (
        lambda: pgv.sample(FINITE, 4, max_steps=0),
        InvalidSampling,
        "max_steps is 0, must be an integer",
    ),
    "half a step": (lambda: exact.rollout(ENDLESS, 1.5), InvalidSampling, "max_steps is 1.5, must be an integer"),
    "endless listing": (
        lambda: exact.enumerate_trajectories(ENDLESS),
        InvalidObjective,
        r"objective is Discounted\(.*\), must be FiniteHorizon\(\.\.\.\), or max_steps be given",
    ),
    "average without steps": (
        lambda: exact.rollout(AVERAGE),
        InvalidSampling,
        "max_steps is None, must be an integer of at least 1",
    ),
    "average off-policy": (
        lambda: pgv.sample(AVERAGE, 4, max_steps=3, acting=OTHER),
        InvalidSampling,
        r"acting is another policy than the problem's, must be left out under AverageReward\(\)",
    ),
    "average off-policy moments": (
        lambda: exact.moments(RewardToGo(), AVERAGE, max_steps=3, acting=OTHER),
        InvalidSampling,
        "acting is another policy than the problem's, must be left out",
    ),
    "total return off-policy": (
        lambda: exact.moments(TotalReturn(), Problem(MDP, POLICY, Discounted(0.1)), acting=OTHER),
        InvalidEstimator,
        r"estimator weights whole trajectories, must have episodes of bounded length .* pass max_steps=",
    ),
    "standardised off-policy": (
        lambda: StandardizedReturn()(pgv.sample(FINITE, 4, acting=OTHER)),
        InvalidEstimator,
        "estimator is StandardizedReturn.*, must weight other people.s actions",
    ),
    "infinite variance": (
        lambda: exact.moments(RewardToGo(), ENDLESS, acting=SoftmaxPolicy(POLICY.logits + AWAY)),
        InvalidPolicy,
        "acting makes the variance infinite: .* must die out; cut episodes",
    ),
    "bonus by name": (
        lambda: FiniteHorizon(3, bonus="entropy"),
        InvalidObjective,
        "bonus is 'entropy', must be",
    ),
    "bonus as a number": (lambda: Discounted(0.9, 0.1), InvalidObjective, "bonus is 0.1, must be Entropy"),
    "bonus as a class": (lambda: AverageReward(Entropy), InvalidObjective, "bonus is <class .*>, must be Entropy"),
    "NaN": (lambda: Entropy(np.nan), InvalidObjective, "coefficient is nan, must be a number in"),
    "infinite": (lambda: KL(OTHER, np.inf), InvalidObjective, "coefficient is inf, must be a number in"),
    "a word": (lambda: Entropy("0.1"), InvalidObjective, "coefficient is '0.1', must be a number in"),
    "true": (lambda: Entropy(True), InvalidObjective, "coefficient is True, must be a number in"),
    "no reference": (lambda: KL(None, 1.0), InvalidObjective, "reference is NoneType, must be a policy"),
    "class as reference": (
        lambda: KL(SoftmaxPolicy, 1.0),
        InvalidObjective,
        "reference is the class SoftmaxPolicy, must be a policy",
    ),
    "other way round": (lambda: KL(0.5, OTHER), InvalidObjective, "coefficient is SoftmaxPolicy.*, must be a number"),
    "reference of another shape": (
        lambda: Problem(MDP, POLICY, FiniteHorizon(3, bonus=KL(WRONG_SHAPE, 1.0))),
        InvalidObjective,
        r"reference of the KL bonus has probabilities of shape \(2, 3\), must be \[S, A\] = \(2, 2\)",
    ),
    "reference of probability zero": (
        lambda: Problem(MDP, POLICY, Discounted(0.9, KL(NEVER, 1.0))),
        InvalidObjective,
        r"reference of the KL bonus has probability 0 at state 1, action 0, must be above 0 wherever the policy's is",
    ),
    "reference not a number": (
        lambda: Problem(MDP, POLICY, AverageReward(KL(Broken(np.zeros((2, 2))), 1.0))),
        InvalidObjective,
        "reference of the KL bonus has probability nan at state 1, action 0",
    ),
    "class as policy": (
        lambda: Problem(MDP, SoftmaxPolicy, FiniteHorizon(3)),
        InvalidPolicy,
        "policy is the class SoftmaxPolicy, must offer parameters",
    ),
    "group of none": (
        lambda: pgv.sample(FINITE, 4, group_size=0),
        InvalidSampling,
        "group_size is 0, must be an integer",
    ),
    "group of a half": (
        lambda: pgv.sample(FINITE, 4, group_size=2.0),
        InvalidSampling,
        "group_size is 2.0, must be",
    ),
    "broken groups": (
        lambda: pgv.sample(FINITE, 5, group_size=2),
        InvalidSampling,
        "num_trajectories is 5, must be a multiple of group_size = 2",
    ),
    "broken groups, exactly": (
        lambda: exact.batch_moments(RewardToGo(), FINITE, 5, group_size=2),
        InvalidSampling,
        "batch_size is 5, must be a multiple of group_size = 2",
    ),
    "alone": (
        lambda: exact.batch_moments(RewardToGo(AverageReturn(True)), FINITE, 4, group_size=1),
        InvalidSampling,
        "group_size is 1, must be an integer of at least 2",
    ),
    "alone in a batch": (
        lambda: RewardToGo(AverageReturn(True))(pgv.sample(FINITE, 4, group_size=1)),
        InvalidEstimator,
        "a group of the batch has 1 trajectory, must have at least 2 to leave one out",
    ),
    "group of zero, exactly": (
        lambda: exact.batch_moments(RewardToGo(), FINITE, 4, group_size=0),
        InvalidSampling,
        "group_size is 0, must be an integer of at least 1",
    ),
    "group of another length": (
        lambda: replace(pgv.sample(FINITE, 4), group=np.zeros(3, dtype=np.int64)),
        InvalidSampling,
        r"group has shape \(3,\), must be \[n\] = \(4,\)",
    ),
    "critic of too few rows": (
        lambda: exact.moments(
            GeneralizedAdvantage(0.5, pgv.baselines.TimeStateValue(np.zeros((2, 2)))), FINITE, max_steps=2
        ),
        InvalidEstimator,
        r"critic has 2 rows, must have T\+1 = 3",
    ),
}


@pytest.mark.parametrize("name", MORE)
def test_one_sentence(name: str) -> None:
    call, error, message = MORE[name]
    assert_refused(call, error, message)
