"""Exponential weights, the best of a batch alone, squares: their expectations derived, and estimates by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from bug_problems import THREE_ARMS

from pgverify import exact
from pgverify.bugs import get

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


@pytest.mark.parametrize(
    ("slug", "utility"), [("exponential-weights", np.exp), ("return-squared", np.square), ("reward-squared", np.square)]
)
def test_it_estimates_the_gradient_of_a_utility(slug: str, utility: Callable[[np.ndarray], np.ndarray]) -> None:
    """∂/∂θ_a of Σ_b π_b u(r_b) with a softmax is π_a (u(r_a) − Σ_b π_b u(r_b))."""
    batch, chances = exact.enumerate_trajectories(THREE_ARMS)
    pi, rewards = THREE_ARMS.policy.probabilities()[0], THREE_ARMS.mdp.reward[0, :, 0]
    derived = pi * (utility(rewards) - pi @ utility(rewards))
    np.testing.assert_allclose(chances @ get(slug).implementation(batch), derived, atol=1e-12)
    assert np.abs(derived - exact.gradient(THREE_ARMS)).max() > 1e-3


def test_the_best_by_hand() -> None:
    """Of three different returns the 70th percentile is above the second (index 1.4): the best alone is kept.

    Of its score the mean over the kept is taken; of the correct one, the mean of all three by their returns.
    """
    batch, _ = exact.enumerate_trajectories(THREE_ARMS)
    rewards = batch.rewards[:, 0]
    assert len(np.unique(rewards)) == 3
    scores = np.eye(3)[batch.actions[:, 0]] - THREE_ARMS.policy.probabilities()[0]
    bug = get("elite-trajectories-alone")
    np.testing.assert_allclose(bug.implementation(batch).mean(axis=0), scores[rewards.argmax()], rtol=1e-12)
    np.testing.assert_allclose(bug.correct(batch).mean(axis=0), (rewards[:, None] * scores).mean(axis=0), rtol=1e-12)


def test_equals_of_the_best_all_count() -> None:
    """Twice the best and once another: the percentile is the best, and both of its rows are kept, a half each."""
    batch, _ = exact.enumerate_trajectories(THREE_ARMS)
    best, worst = int(batch.rewards[:, 0].argmax()), int(batch.rewards[:, 0].argmin())
    three = batch.select([best, worst, best])
    scores = np.eye(3)[three.actions[:, 0]] - THREE_ARMS.policy.probabilities()[0]
    found = get("elite-trajectories-alone").implementation(three).mean(axis=0)
    np.testing.assert_allclose(found, 0.5 * (scores[0] + scores[2]), rtol=1e-12)
