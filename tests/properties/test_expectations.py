"""Every exact expectation on every small problem that Hypothesis thinks of, and faulty estimators it sees through."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from reference import expectation, feature_size, relative_error, weight_scale

from pgverify import Problem, Trajectories, exact
from pgverify.baselines import StateValue, TimeStateValue
from pgverify.estimators import Estimator, GeneralizedAdvantage, RewardToGo, TotalReturn
from pgverify.estimators.discounted_sum import discounted_sum
from pgverify.strategies import problems

TOLERANCE = 1e-11
LISTED = problems(max_horizon=3, max_actions=2, objectives=("finite",), extreme=True)
LARGEST_BASELINE = 10.0
SEARCH = settings(max_examples=100, phases=[Phase.generate])
"""Look for an example and leave it as it is."""


def bias(estimator: Estimator, problem: Problem) -> float:
    """Return |E g − ∇J| relative to the terms that were added up."""
    batch, probabilities = exact.enumerate_trajectories(problem)
    error = expectation(estimator(batch), probabilities) - exact.gradient(problem)
    return float(np.abs(error).max() / weight_scale(batch, probabilities, LARGEST_BASELINE))


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@given(problem=LISTED, data=st.data())
def test_unbiased_estimators_are_unbiased(problem: Problem, data: st.DataObject) -> None:
    states, horizon = problem.mdp.num_states, problem.objective.horizon
    entries = st.integers(-10, 10).map(float)
    by_state = StateValue(data.draw(st.lists(entries, min_size=states, max_size=states)))
    rows = st.lists(entries, min_size=states, max_size=states)
    by_time = TimeStateValue(data.draw(st.lists(rows, min_size=horizon, max_size=horizon)))
    for estimator in (
        TotalReturn(),
        TotalReturn(by_time),
        RewardToGo(),
        RewardToGo(by_state),
        RewardToGo(StateValue()),
        GeneralizedAdvantage(1.0, by_time),
        GeneralizedAdvantage(0.5),
    ):
        assert bias(estimator, problem) <= TOLERANCE


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@given(problem=problems(4, 3, extreme=True))
def test_the_routes_to_the_gradient_agree(problem: Problem) -> None:
    """On all objectives; the thousand random problems of tests/exact say the same of rougher numbers."""
    truth = exact.gradient(problem)
    size = np.abs(exact.probability_gradient(problem)).max() + np.abs(exact.values(problem).advantage).max()
    size *= 1.0 + 100.0 * feature_size(problem.policy)
    for route in (exact.gradient_by_complex_step, exact.gradient_by_value_derivative):
        found = route(problem)
        # Equal to ten digits; where the truth is 0 up to cancellation, to fourteen digits of what cancels.
        close = np.abs(found - truth).max() <= 1e-14 * size
        assert close or relative_error(found, truth) <= 1e-10


def dropped_discount(batch: Trajectories) -> np.ndarray:
    return RewardToGo(discount_weighting=False)(batch)


def wrong_sign(batch: Trajectories) -> np.ndarray:
    return -RewardToGo()(batch)


def shifted_reward(batch: Trajectories) -> np.ndarray:
    """Leave out the reward that the action itself earns."""
    to_go = discounted_sum(batch.rewards, batch.discount)
    return batch.score_weighted(batch.discount_powers * (to_go - batch.rewards))


def action_dependent_baseline(batch: Trajectories) -> np.ndarray:
    """Subtract a number that depends on the action."""
    to_go = discounted_sum(batch.rewards, batch.discount)
    return batch.score_weighted(batch.discount_powers * (to_go - batch.actions))


def critic_of_the_next_state(batch: Trajectories) -> np.ndarray:
    """Subtract V(s_{t+1}) in place of V(s_t)."""
    to_go = discounted_sum(batch.rewards, batch.discount)
    return batch.score_weighted(batch.discount_powers * (to_go - batch.values[:, 1:]))


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    "estimator",
    [
        dropped_discount,
        wrong_sign,
        shifted_reward,
        action_dependent_baseline,
        critic_of_the_next_state,
        GeneralizedAdvantage(0.5, StateValue([5.0, 0.0, -5.0])),
    ],
    ids=lambda e: getattr(e, "__name__", "wrong critic"),
)
def test_a_faulty_estimator_is_found_out(estimator: Estimator) -> None:
    """Negative control: the same strategy finds a problem on which the same measure is far above rounding."""
    three = problems(3, 2, min_states=3, max_horizon=3, objectives=("finite",))
    problem = find(three, lambda p: bias(estimator, p) > 1e-3, settings=SEARCH)
    assert problem.mdp.num_actions == 2  # with one action there is no gradient to miss


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_correct_estimator_is_not_found_out() -> None:
    """Control of the control: the search comes back empty-handed."""
    with pytest.raises(NoSuchExample):
        find(LISTED, lambda p: bias(RewardToGo(), p) > TOLERANCE, settings=SEARCH)
