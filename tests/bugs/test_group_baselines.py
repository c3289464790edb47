"""The best and the median of a group as baselines: their expectation derived, and a deviation of the whole batch."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from bug_problems import THREE_ARMS, each_batch

from pgverify import SoftmaxPolicy, exact
from pgverify.bugs import get
from pgverify.bugs.compositions import Composition
from pgverify.bugs.group_baselines import over_batch_std
from pgverify.problem import Problem

STEP = 1e-6


def expected(problem: Problem, statistic: Callable[[np.ndarray], float], size: int) -> float:
    """Return E of a statistic of the rewards of so many draws from the bandit, by adding up all of them."""
    rewards, chances = problem.mdp.reward[0, :, 0], problem.policy.probabilities()[0]
    draws = (list(each) for each in product(range(len(rewards)), repeat=size))
    return float(sum(chances[each].prod() * statistic(rewards[each]) for each in draws))


def slope(problem: Problem, statistic: Callable[[np.ndarray], float], size: int) -> np.ndarray:
    """Return its gradient, by central differences."""
    theta = problem.policy.parameters
    moved = (STEP * row for row in np.eye(theta.size))
    ends = [(problem.with_parameters(theta + each), problem.with_parameters(theta - each)) for each in moved]
    return np.array([(expected(a, statistic, size) - expected(b, statistic, size)) / (2 * STEP) for a, b in ends])


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    ("slug", "statistic", "size"),
    [
        ("best-of-group-baseline", np.max, 2),
        ("best-of-group-baseline", np.max, 3),
        ("median-baseline", np.median, 3),
        ("midrange-baseline", lambda rewards: 0.5 * (rewards.max() + rewards.min()), 3),
    ],
)
def test_it_estimates_the_gradient_less_a_share_of_the_baselines(
    slug: str, statistic: Callable[[np.ndarray], float], size: int
) -> None:
    """E (1/n) Σ Ψ_i (R_i − b) = ∇J − (1/n) ∇E b for whatever b the returns determine in any order."""
    assert isinstance(THREE_ARMS.policy, SoftmaxPolicy)
    batch, chances = exact.enumerate_trajectories(THREE_ARMS)
    estimates, weights = each_batch(get(slug).implementation, batch, chances, size)
    derived = exact.gradient(THREE_ARMS) - slope(THREE_ARMS, statistic, size) / size
    np.testing.assert_allclose(weights @ estimates, derived, atol=1e-9)
    right, weights = each_batch(get(slug).correct, batch, chances, size)
    np.testing.assert_allclose(weights @ right, exact.gradient(THREE_ARMS), atol=1e-12)
    assert np.abs(weights @ estimates - exact.gradient(THREE_ARMS)).max() > 1e-3


def test_a_deviation_of_the_batch_is_by_hand() -> None:
    """Groups (1, 3) and (10, 20): less their means −1, 1, −5, 5, over the deviation of 1, 3, 10, 20."""
    batch, _ = exact.enumerate_trajectories(THREE_ARMS)
    four = batch.select([0, 1, 2, 0])
    grouped = type(four)(**{**vars(four), "group": np.array([0, 0, 1, 1])})
    values = np.array([1.0, 3.0, 10.0, 20.0])
    expected = np.array([-1.0, 1.0, -5.0, 5.0]) / np.sqrt(((values - 8.5) ** 2).sum() / 3)
    np.testing.assert_allclose(over_batch_std(grouped, values, 0.0), expected, rtol=1e-12)
    # One start state is one group, and the deviation is its own: group-std.
    plain, one = Composition((), "batch-std"), Composition((), "group-std")
    np.testing.assert_allclose(plain(four), one(four), rtol=1e-12)
