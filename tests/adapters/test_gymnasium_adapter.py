"""A problem as a Gymnasium environment: its laws are the problem's, and a training loop takes it as it is."""

from __future__ import annotations

from collections import Counter
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import pgverify as pgv
from pgverify.adapters.gymnasium import TabularEnv
from pgverify.errors import InvalidInput

# Two states and an end; rewards by next state, one of them noisy.
MDP = pgv.TabularMDP(
    [0.3, 0.7, 0.0],
    [
        [[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]],
        [[0.6, 0.1, 0.3], [0.25, 0.25, 0.5]],
        [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
    ],
    [
        [[1.0, -2.0, 0.5], [0.0, 3.0, 0.0]],
        [[0.7, 0.0, -1.0], [2.0, 1.0, 4.0]],
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
    ],
    [False, False, True],
    reward_noise=[[0.0, 0.5], [0.0, 0.0], [0.0, 0.0]],
)
POLICY = pgv.SoftmaxPolicy([[0.4, -0.2], [0.1, 0.6], [0.0, 0.0]])
PROBLEM = pgv.Problem(MDP, POLICY, pgv.FiniteHorizon(6, 0.9))

EPISODES = 8_000
DEVIATIONS = 6.5
"""Two-sided normal tail beyond 6.5 σ: 8e-11. With some 25 comparisons the false-fail rate stays below 1e-8."""

Episode = tuple[list[int], list[int], list[float], bool]


def play(env: Any, policy: Any, episodes: int, seed: int) -> list[Episode]:
    """Return (states, actions, rewards, terminated) of episodes, with actions drawn from the policy."""
    chances = policy.probabilities()
    rng = np.random.default_rng(seed)
    played = []
    state, _ = env.reset(seed=seed)
    for _ in range(episodes):
        states, actions, rewards, over, terminated = [state], [], [], False, False
        while not over:
            actions.append(int(rng.random() >= chances[state, 0]))
            state, reward, terminated, truncated, _ = env.step(actions[-1])
            states.append(state)
            rewards.append(reward)
            over = terminated or truncated
        played.append((states, actions, rewards, terminated))
        state, _ = env.reset()
    return played


@pytest.fixture(scope="module")
def played() -> list[Episode]:
    return play(TabularEnv(PROBLEM), POLICY, EPISODES, seed=1)


@pytest.mark.statistical
def test_frequencies_are_those_of_the_tables(played: list[Episode]) -> None:
    """False-fail rate below 1e-8, all comparisons together: see DEVIATIONS."""
    starts = Counter(states[0] for states, *_ in played)
    steps = Counter(
        (s, a, f) for states, actions, *_ in played for s, a, f in zip(states, actions, states[1:], strict=False)
    )
    cases = [(starts[s], EPISODES, MDP.start[s]) for s in range(3)]
    for s in range(2):
        for a in range(2):
            visits = sum(steps[s, a, f] for f in range(3))
            cases += [(steps[s, a, f], visits, MDP.transition[s, a, f]) for f in range(3)]
    assert worst(cases) < DEVIATIONS
    # Negative control: the same counts against tables that are off by 0.05 in two entries.
    found, visits, chance = cases[3]
    assert worst([(found, visits, chance + 0.05)]) > DEVIATIONS


def worst(cases: list[tuple[int, int, float]]) -> float:
    """Return the largest |found − n p| in standard deviations; infinite where the impossible has happened."""
    scores = []
    for found, count, chance in cases:
        spread = np.sqrt(count * chance * (1 - chance))
        scores.append(abs(found - count * chance) / spread if spread else (0.0 if found == count * chance else np.inf))
    return max(scores)


@pytest.mark.statistical
def test_the_mean_return_is_the_exact_one(played: list[Episode]) -> None:
    """False-fail rate below 1e-8: see DEVIATIONS. Detects a shift of 0.1 of the standard deviation of the return."""
    returns = np.array([np.dot(rewards, 0.9 ** np.arange(len(rewards))) for _, _, rewards, _ in played])
    error = returns.std() / np.sqrt(EPISODES)
    exact = pgv.exact.expected_return(PROBLEM)
    assert abs(returns.mean() - exact) < DEVIATIONS * error
    assert abs(returns.mean() - (exact + 0.1 * returns.std())) > DEVIATIONS * error  # negative control


@pytest.mark.statistical
def test_rewards_are_the_mean_plus_the_noise(played: list[Episode]) -> None:
    """False-fail rate below 1e-8: see DEVIATIONS; the relative error of a standard deviation is 1/√(2n)."""
    noisy = []
    for states, actions, rewards, _ in played:
        for s, a, f, r in zip(states, actions, states[1:], rewards, strict=False):
            if (s, a) == (0, 1):
                noisy.append(r - MDP.reward[s, a, f])
            else:
                assert r == MDP.reward[s, a, f]
    assert abs(np.mean(noisy)) < DEVIATIONS * 0.5 / np.sqrt(len(noisy))
    assert abs(np.std(noisy) / 0.5 - 1.0) < DEVIATIONS / np.sqrt(2 * len(noisy))


def test_an_episode_ends_on_entry_or_at_the_horizon_and_is_then_terminated(played: list[Episode]) -> None:
    assert all(terminated for *_, terminated in played)
    lengths = [len(actions) for _, actions, *_ in played]
    assert max(lengths) == 6
    assert all(states[-1] == 2 or length == 6 for (states, *_), length in zip(played, lengths, strict=True))
    assert not any(2 in states[:-1] for states, *_ in played)


def test_without_a_horizon_nothing_but_a_wrapper_truncates() -> None:
    loop = pgv.TabularMDP([1.0], np.ones((1, 1, 1)), [[1.0]])
    for objective in (pgv.Discounted(0.9), pgv.AverageReward()):
        env = TabularEnv(pgv.Problem(loop, pgv.SoftmaxPolicy([[0.0]]), objective))
        env.reset(seed=0)
        assert not any(env.step(0)[2] or env.step(0)[3] for _ in range(100))
        limited = gymnasium.wrappers.TimeLimit(env, 3)
        limited.reset(seed=0)
        assert [limited.step(0)[2:4] for _ in range(3)] == [(False, False), (False, False), (False, True)]


@pytest.mark.parametrize("name", ["frozen-lake-4x4", "cliff-walking"])
def test_gymnasium_finds_nothing_to_warn_of(name: str) -> None:
    mdp = pgv.mdps.get(name)
    policy = pgv.SoftmaxPolicy(np.zeros((mdp.num_states, mdp.num_actions)))
    check_env(TabularEnv(pgv.Problem(mdp, policy, pgv.FiniteHorizon(20))))  # warnings are errors here
    check_env(TabularEnv(pgv.Problem(mdp, policy, pgv.Discounted(0.9))))


def test_the_same_seed_gives_the_same_episodes() -> None:
    first, again, other = (play(TabularEnv(PROBLEM), POLICY, 20, seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_vectorised_it_is_the_same() -> None:
    envs = gymnasium.make_vec(TabularEnv(PROBLEM).spec, num_envs=2)
    single = TabularEnv(PROBLEM)
    try:
        states, _ = envs.reset(seed=[5, 6])
        assert states[1] == single.reset(seed=6)[0]
        stepped, rewards, *_ = envs.step(np.array([1, 0]))
        expected = single.step(0)
        assert (stepped[1], rewards[1]) == expected[:2]
    finally:
        envs.close()


def test_a_start_in_a_terminal_state_lasts_one_step_that_pays_nothing() -> None:
    over = pgv.TabularMDP([0.0, 1.0], [[[0.0, 1.0]], [[0.0, 1.0]]], [[1.0], [0.0]], [False, True])
    env = TabularEnv(pgv.Problem(over, pgv.SoftmaxPolicy([[0.0], [0.0]]), pgv.FiniteHorizon(5)))
    assert env.reset(seed=0) == (1, {})
    assert env.step(0) == (1, 0.0, True, False, {})


def test_misuse_is_told(unchecked_shapes: None) -> None:
    env = TabularEnv(PROBLEM)
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        env.step(0)
    env.reset(seed=0)
    for action in (2, -1, 0.5, None):
        with pytest.raises(InvalidInput, match=r"must be an integer in 0\.\.1"):
            env.step(action)
    while not env.step(0)[2]:
        pass
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(0)
    with pytest.raises(InvalidInput, match="problem is TabularMDP, must be a Problem"):
        TabularEnv(MDP)
