"""The Hypothesis strategies: inside their bounds, rich enough to matter, and simple when they fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from pgverify import (
    AverageReward,
    Discounted,
    FiniteHorizon,
    LinearSoftmaxPolicy,
    Problem,
    SoftmaxPolicy,
    TabularMDP,
    exact,
)
from pgverify.errors import InvalidInput
from pgverify.strategies import mdps, objectives, policies, problems


@given(mdps(4, 2, min_states=2, max_reward=1.5))
def test_mdps_stay_inside_their_bounds(mdp: TabularMDP) -> None:
    assert 2 <= mdp.num_states <= 4
    assert 1 <= mdp.num_actions <= 2
    assert np.abs(mdp.reward).max() <= 1.5
    assert np.array_equal(mdp.reward * 4, np.round(mdp.reward * 4))
    assert not mdp.reward_noise.any()


@given(mdps(terminal=False, noise=True))
def test_mdps_without_terminal_states(mdp: TabularMDP) -> None:
    assert not mdp.terminal.any()


@given(policies(3, 2, extreme=True))
def test_policies_fit_and_keep_every_action_possible(policy: SoftmaxPolicy | LinearSoftmaxPolicy) -> None:
    assert policy.probabilities().shape == (3, 2)
    assert policy.probabilities().min() > 1e-285


@given(problems(2, 2, max_horizon=2, objectives=("finite",)))
def test_finite_problems_can_be_listed(problem: Problem) -> None:
    assert exact.count_trajectories(problem) <= 2 * 4**2
    assert problem.objective.horizon <= 2


@given(problems(objectives=("average",), extreme=True))
def test_average_reward_problems_have_an_average_reward(problem: Problem) -> None:
    """State 0 is entered with probability 1/13 or more from everywhere, so that no policy makes the chain multichain.

    Only infinite or missing numbers could fail here: `exact.gradient` refuses every other chain.
    """
    assert np.isfinite(exact.gradient(problem)).all()
    assert exact.occupancy(problem)[0] >= 1 / 13 - 1e-12


@settings(max_examples=20)
@given(st.data())
def test_objectives_are_of_the_kinds_asked_for(data: st.DataObject) -> None:
    kinds = {"finite": FiniteHorizon, "discounted": Discounted, "average": AverageReward}
    for name, kind in kinds.items():
        assert isinstance(data.draw(objectives((name,))), kind)
        assert isinstance(data.draw(problems(objectives=(name,))).objective, kind)


FEATURES: dict[str, Callable[[Problem], Any]] = {
    "terminal state": lambda p: p.mdp.terminal.any(),
    "every state terminal": lambda p: p.mdp.terminal.all(),
    "start in a terminal state": lambda p: p.mdp.start @ p.mdp.terminal > 0,
    "impossible transition": lambda p: (p.mdp.transition == 0).any(),
    "branching": lambda p: ((p.mdp.transition > 0).sum(axis=2) > 1).any(),
    "largest size": lambda p: p.mdp.num_states == 3 and p.mdp.num_actions == 3,
    "noise": lambda p: p.mdp.reward_noise.any(),
    "discount between": lambda p: 0 < getattr(p.objective, "discount", 0) < 1,
    "discount zero": lambda p: getattr(p.objective, "discount", 1) == 0,
    "longest horizon": lambda p: getattr(p.objective, "horizon", 0) == 3,
    "tabular": lambda p: isinstance(p.policy, SoftmaxPolicy),
    "linear": lambda p: isinstance(p.policy, LinearSoftmaxPolicy),
    "nearly deterministic": lambda p: p.policy.probabilities().min() < 1e-15,
    "average": lambda p: isinstance(p.objective, AverageReward) and p.mdp.num_states > 1,
}


QUICK = settings(max_examples=300, phases=[Phase.generate])
"""Find an example and leave it as it is."""
SHRINK = settings(max_examples=100)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_is_found(feature: str) -> None:
    """Negative control of every property test: `find` raises NoSuchExample for a case the strategy cannot make."""
    assert FEATURES[feature](find(problems(noise=True, extreme=True), FEATURES[feature], settings=QUICK))


@pytest.mark.slow  # the next test shrinks, too
@pytest.mark.usefixtures("unchecked_shapes")
def test_examples_shrink_to_the_simplest() -> None:
    """The simplest problem: one state, one action, one step, γ = 1, no reward, logit 0."""
    problem = find(problems(), lambda _: True, settings=SHRINK)
    assert (problem.mdp.num_states, problem.mdp.num_actions) == (1, 1)
    assert not problem.mdp.reward.any()
    assert not problem.mdp.terminal.any()
    assert problem.objective == FiniteHorizon(1, 1.0)
    assert problem.policy.parameters.tolist() == [0.0]


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_failing_example_is_small() -> None:
    """What is needed for a gradient that is not zero: two actions of different reward, and nothing more."""
    problem = find(problems(), lambda p: np.abs(exact.gradient(p)).max() > 0.01, settings=SHRINK)
    assert (problem.mdp.num_states, problem.mdp.num_actions) == (1, 2)
    assert (problem.mdp.reward != 0).sum() == 1
    assert np.abs(problem.mdp.reward).max() == 0.25
    assert problem.objective == FiniteHorizon(1, 1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mdps(0), "max_states is 0, must be an integer of at least 1"),
        (lambda: mdps(2, min_states=3), "max_states is 2, must be an integer of at least 3"),
        (lambda: mdps(min_actions=0), "min_actions is 0, must be an integer of at least 1"),
        (lambda: mdps(max_reward=-1.0), "max_reward is -1.0, must be a number in"),
        (lambda: policies(0, 1), "states is 0, must be"),
        (lambda: policies(1, 1, kinds=()), r"kinds is \(\), must be one or more of softmax, linear"),
        (lambda: objectives(max_horizon=0), "max_horizon is 0, must be an integer of at least 1 step"),
        (lambda: objectives(("episodic",)), r"kinds is \('episodic',\), must be one or more of finite, disc"),
        (
            lambda: problems(policies="softmax"),
            "policies is 'softmax', must be one or more of softmax, linear",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_bounds_that_cannot_be_met_are_refused_at_once(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()
