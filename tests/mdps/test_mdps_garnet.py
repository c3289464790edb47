"""Garnet problems have the size, the branching and the laws they promise; only the seed varies them."""

from __future__ import annotations

import numpy as np
import pytest

from pgverify import mdps
from pgverify.errors import InvalidInput


@pytest.mark.parametrize(("states", "actions", "branching"), [(1, 1, 1), (4, 3, 1), (4, 3, 4), (6, 1, 2), (50, 4, 7)])
def test_size_and_branching(states, actions, branching):
    mdp = mdps.garnet(states, actions, branching, seed=3, reward_noise=0.5)
    assert mdp.transition.shape == (states, actions, states)
    assert ((mdp.transition > 0).sum(axis=2) == branching).all()
    np.testing.assert_array_equal(mdp.start, np.full(states, 1 / states))
    assert not mdp.terminal.any()
    # Listed exactly where a transition is possible, so that saved files stay sparse.
    np.testing.assert_array_equal(mdp.reward_noise, 0.5 * (mdp.transition > 0))
    np.testing.assert_array_equal(mdp.reward != 0, mdp.transition > 0)


def test_mean_reward_does_not_depend_on_the_next_state():
    mdp = mdps.garnet(6, 2, 3, seed=1)
    for s, a in np.ndindex(6, 2):
        assert len(set(mdp.reward[s, a][mdp.transition[s, a] > 0])) == 1


def test_only_the_seed_decides():
    first, again, other = (mdps.garnet(5, 2, 3, seed=seed).transition for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_laws_of_gaps_and_rewards():
    # 4·10^4 rows at a fixed seed, so the test cannot fail by chance. A gap of b - 1 = 2 uniform cuts has
    # variance 1/18; rewards have mean 0 and variance 1; each state follows with probability b/S = 1/2. The
    # tolerances are five standard errors: rewards 5/200, their variance 5√2/200, followers 5·½/√6667 = .03.
    mdp = mdps.garnet(6, 6667, 3, seed=5)
    gaps = np.sort(mdp.transition, axis=2)[:, :, 3:].ravel()
    assert gaps.var() == pytest.approx(1 / 18, abs=0.001)
    reward = mdp.reward.max(axis=2) + mdp.reward.min(axis=2)
    assert abs(reward.mean()) < 0.025
    assert reward.var() == pytest.approx(1.0, abs=0.035)
    np.testing.assert_allclose((mdp.transition > 0).mean(axis=(0, 1)), 0.5, atol=0.03 / 6**0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 2, 1, 0), "states is 0, must be an integer of at least 1"),
        ((3, 0, 1, 0), "actions is 0, must be an integer of at least 1"),
        ((3, 2, 0, 0), "branching is 0, must be an integer of at least 1"),
        ((3, 2, 4, 0), "branching is 4, must be at most states = 3"),
        ((3, 2, 2, -1), "seed is -1, must be an integer of at least 0"),
        ((3, 2, 2, 0, -0.5), "reward_noise is -0.5, must be a finite number of at least 0"),
        ((3, 2, 2, 0, float("nan")), "reward_noise is nan, must be a finite number of at least 0"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(InvalidInput) as caught:
        mdps.garnet(*arguments)
    assert str(caught.value) == message
