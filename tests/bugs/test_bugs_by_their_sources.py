"""Entries against the numbers that were seen in the libraries they come from: rewards 1, 10, 100, γ = 1."""

from __future__ import annotations

import numpy as np
import pytest

from pgverify import FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, Trajectories, exact
from pgverify.bugs import get


def three_steps() -> Trajectories:
    """Return three equal episodes on a line of states 0 → 1 → 2; both actions are as likely, and the first is taken."""
    transition = np.zeros((3, 2, 3))
    transition[0, :, 1] = transition[1, :, 2] = transition[2, :, 2] = 1.0
    mdp = TabularMDP([1.0, 0.0, 0.0], transition, [[1.0, 1.0], [10.0, 10.0], [100.0, 100.0]])
    batch, _ = exact.enumerate_trajectories(Problem(mdp, SoftmaxPolicy(np.zeros((3, 2))), FiniteHorizon(3)))
    first = np.flatnonzero((batch.actions == 0).all(axis=1))
    return batch.select(np.repeat(first, 3))


@pytest.mark.parametrize(
    ("slug", "weights"),
    [
        ("last-reward-doubled", [210.0, 200.0, 100.0]),
        ("done-index-late", [11.0, 10.0, 111.0]),
        ("immediate-reward", [1.0, 10.0, 100.0]),
        ("return-undiscounted", [111.0, 110.0, 100.0]),
        ("reward-clipped", [3.0, 2.0, 1.0]),
    ],
)
def test_the_weights_that_were_seen(slug: str, weights: list[float]) -> None:
    """ψ at (s, 0) is (1/2, −1/2) with two actions as likely, so half the weight stands at each state."""
    batch = three_steps()
    rows = np.asarray(get(slug).implementation(batch)).reshape(3, 3, 2)
    np.testing.assert_allclose(rows[..., 0], np.tile(weights, (3, 1)) / 2.0, rtol=1e-12)


def test_a_trace_that_crosses_a_cut_takes_the_next_episode_with_it() -> None:
    """Cut at step 2 of 3: λ^{1−t} (V(s'_0) − V(s_2) + λ A'_0) too much, where V = 111, 110, 100 and A = 0."""
    batch = three_steps()
    bug = get("trace-crosses-cut")
    rows = np.asarray(bug.implementation(batch)).reshape(3, 3, 2)
    np.testing.assert_allclose(rows[..., 0], np.tile([0.95 * 11.0, 11.0, 0.0], (3, 1)) / 2.0, atol=1e-12)
    np.testing.assert_allclose(bug.correct(batch), 0.0, atol=1e-12)
