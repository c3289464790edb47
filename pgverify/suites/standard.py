"""The standard suite: problems so small that every trajectory can be listed, each there for a reason."""

from __future__ import annotations

from functools import cache

import numpy as np

from pgverify.mdp import TabularMDP
from pgverify.policies import LinearSoftmaxPolicy, Policy, SoftmaxPolicy
from pgverify.problem import FiniteHorizon, Problem
from pgverify.suites.suite_problem import SuiteProblem


@cache
def standard_suite() -> tuple[SuiteProblem, ...]:
    """Return the standard problems, smallest first.

    Together they vary the episode length, the discount, the scale and sign of rewards, stochastic and deterministic
    dynamics, ties, zeros, near-deterministic and uniform policies, parameters shared between states, several start
    states, and rewards that come early, late and in between. None has γ = 0, an episode without a step, or one that is
    cut before it ends: those are in the sequence of `pgverify.suites.exploration`.
    """
    return (
        SuiteProblem("coin", "one step, two arms: batches of up to 65 can be listed", _coin()),
        SuiteProblem(
            "bandit", "one step, three arms, rewards of both signs: the smallest case with a direction", _bandit()
        ),
        SuiteProblem(
            "early-stop",
            "episodes of one, two or three steps, deterministic, a uniform policy in one state: padding, length "
            "normalisation and ends of episodes",
            _early_stop(),
        ),
        SuiteProblem(
            "three-starts",
            "three start states of unequal difficulty, rewards 0 and 1, γ = 1: groups, baselines that mix them, and "
            "what treats failures apart",
            _three_starts(),
        ),
        SuiteProblem(
            "random-end",
            "episodes that end at random, in state 0, large negative rewards, γ = 0.9: length correlates with return",
            _random_end(),
        ),
        SuiteProblem(
            "delayed-reward",
            "rewards that only the last two of three steps pay, or none does, γ = 0.5: powers of γ, shifts by one "
            "step, and what leaves out failures",
            _delayed_reward(),
        ),
        SuiteProblem(
            "coin-door",
            "an end by chance, features shared by the states, γ = 1: few enough trajectories for batches of three",
            _coin_door(),
        ),
        SuiteProblem(
            "near-deterministic",
            "one action has probability 0.999, γ = 1, rewards tie and cancel: rare actions carry the gradient",
            _near_deterministic(),
        ),
        SuiteProblem(
            "constant-reward",
            "reward 1 on each of two steps: ∇J is zero, so any drift is a fault of the score or of the sampling",
            _constant_reward(),
        ),
        SuiteProblem(
            "many-states",
            "five states, four actions, five start states, γ = 0.95: indices beyond those of the smaller problems, "
            "and a last step of value zero",
            _many_states(),
        ),
        SuiteProblem(
            "shared-features",
            "two parameters for two states and three actions: no coordinate belongs to one state",
            _shared_features(),
        ),
        SuiteProblem(
            "long",
            "up to seven steps, the largest reward at the last, γ = 0.6: credit over several steps, edges of windows",
            _long(),
        ),
        SuiteProblem(
            "stochastic-chain",
            "two states, random dynamics, rewards on the transition, γ = 0.8: everything at once",
            _stochastic_chain(),
        ),
    )


def _problem(
    start: object,
    transition: object,
    reward: object,
    policy: Policy,
    horizon: int,
    discount: float,
    terminal: object = None,
) -> Problem:
    mdp = TabularMDP(
        np.asarray(start),
        np.asarray(transition),
        np.asarray(reward),
        None if terminal is None else np.asarray(terminal),
    )
    return Problem(mdp, policy, FiniteHorizon(horizon, discount))


def _coin() -> Problem:
    return _problem([1.0], np.ones((1, 2, 1)), [[1.2, -0.4]], SoftmaxPolicy([[-0.3, 0.5]]), 1, 0.9)


def _bandit() -> Problem:
    policy = SoftmaxPolicy([[0.2, -0.4, 0.7]])
    return _problem([1.0], np.ones((1, 3, 1)), [[1.0, 0.7, -0.5]], policy, 1, 0.9)


def _early_stop() -> Problem:
    # State 0: action 0 ends the episode, action 1 leads to state 1; state 1: action 0 ends, action 1 stays; 2 is over.
    transition = np.zeros((3, 2, 3))
    transition[0, 0, 2] = transition[0, 1, 1] = transition[1, 0, 2] = transition[1, 1, 1] = 1.0
    transition[2, :, 2] = 1.0
    reward = [[0.5, -0.3], [1.4, 0.8], [0.0, 0.0]]
    policy = SoftmaxPolicy([[0.3, -0.2], [0.0, 0.0], [0.0, 0.0]])
    return _problem([1.0, 0.0, 0.0], transition, reward, policy, 3, 0.7, [False, False, True])


def _delayed_reward() -> Problem:
    # A line of states 0 → 1 → 2, whatever is done; only action 0 of state 2 pays, and that of state 1 a little.
    # As no transition depends on the action, V of the next state does not either: whatever is bootstrapped there, a
    # wrong V, twice V, nothing, has expectation zero. This problem tells no fault of a bootstrap; others have to.
    transition = np.zeros((3, 2, 3))
    transition[0, :, 1] = transition[1, :, 2] = transition[2, :, 2] = 1.0
    reward = [[0.0, 0.0], [0.3, 0.0], [2.0, 0.0]]
    policy = SoftmaxPolicy([[0.1, -0.3], [0.6, 0.2], [-0.4, 0.5]])
    return _problem([1.0, 0.0, 0.0], transition, reward, policy, 3, 0.5)


def _three_starts() -> Problem:
    transition = np.zeros((4, 2, 4))
    transition[:, :, 3] = 1.0
    reward = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]
    policy = SoftmaxPolicy([[0.4, -0.1], [0.3, -0.6], [-0.2, 0.5], [0.0, 0.0]])
    return _problem([0.3, 0.5, 0.2, 0.0], transition, reward, policy, 1, 1.0, [False, False, False, True])


def _constant_reward() -> Problem:
    transition = [[[0.3, 0.7], [0.8, 0.2]], [[0.5, 0.5], [0.1, 0.9]]]
    policy = SoftmaxPolicy([[0.5, -0.5], [0.2, 0.9]])
    return _problem([0.6, 0.4], transition, np.ones((2, 2)), policy, 2, 0.9)


def _stochastic_chain() -> Problem:
    transition = [[[0.7, 0.3], [0.2, 0.8]], [[0.4, 0.6], [0.9, 0.1]]]
    reward = [[[1.0, -0.5], [0.2, 2.0]], [[-1.0, 0.3], [0.6, -0.2]]]
    policy = SoftmaxPolicy([[0.3, -0.6], [-0.2, 0.5]])
    return _problem([0.7, 0.3], transition, reward, policy, 3, 0.8)


def _random_end() -> Problem:
    transition = [
        [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]],
        [[0.3, 0.0, 0.7], [1.0, 0.0, 0.0]],
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
    ]
    reward = [[0.0, 0.0], [-100.0, -20.0], [-5.0, -60.0]]
    policy = SoftmaxPolicy([[0.0, 0.0], [0.2, 0.7], [-0.3, 0.1]])
    return _problem([0.0, 0.5, 0.5], transition, reward, policy, 2, 0.9, [True, False, False])


def _near_deterministic() -> Problem:
    policy = SoftmaxPolicy([[7.0, 0.0], [0.0, 7.0]])
    transition = [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]
    reward = [[0.0, 1.0], [1.0, -1.0]]
    return _problem([0.5, 0.5], transition, reward, policy, 3, 1.0)


def _shared_features() -> Problem:
    features = [[[1.0, 0.0], [0.0, 1.0], [-0.5, 0.3]], [[0.2, -1.0], [1.0, 0.4], [0.0, 0.7]]]
    policy = LinearSoftmaxPolicy(features, [0.4, -0.3])
    transition = [
        [[0.6, 0.4], [0.3, 0.7], [1.0, 0.0]],
        [[0.5, 0.5], [0.0, 1.0], [0.2, 0.8]],
    ]
    reward = [[1.0, -1.0, 0.5], [0.3, 0.8, -2.0]]
    return _problem([0.5, 0.5], transition, reward, policy, 2, 0.85)


def _coin_door() -> Problem:
    # Action 0 in state 0 may end the episode by chance; state 2 is over.
    transition = np.zeros((3, 2, 3))
    transition[0, 0, 1], transition[0, 0, 2], transition[0, 1, 1] = 0.4, 0.6, 1.0
    transition[1, 0, 0] = transition[1, 1, 2] = 1.0
    transition[2, :, 2] = 1.0
    reward = np.zeros((3, 2, 3))
    reward[0, 0] = [0.0, 2.0, -1.0]
    reward[0, 1, 1], reward[1, 0, 0], reward[1, 1, 2] = 0.3, 0.5, -1.4
    features = [[[1.0, 0.2], [-0.5, 0.7]], [[0.3, -1.0], [0.8, 0.4]], [[0.1, 0.5], [-0.9, 1.0]]]
    policy = LinearSoftmaxPolicy(features, [0.6, -0.4])
    return _problem([1.0, 0.0, 0.0], transition, reward, policy, 3, 1.0, [False, False, True])


def _many_states() -> Problem:
    # Action a leads a + 1 states on, round the circle: deterministic, 5 · 4² = 80 trajectories.
    states, actions = np.indices((5, 4))
    transition = np.zeros((5, 4, 5))
    transition[states, actions, (states + actions + 1) % 5] = 1.0
    reward = np.cos(1.0 + 3.0 * states + 2.0 * actions**2)
    logits = np.sin(1.0 + 2.0 * states + 3.0 * actions)
    reward[4], logits[4] = [0.8, -0.8, 0.3, -0.3], 0.0  # V is exactly 0 on the last step
    policy = SoftmaxPolicy(logits)
    return _problem([0.1, 0.15, 0.2, 0.25, 0.3], transition, reward, policy, 2, 0.95)


def _long() -> Problem:
    # A line of seven states: action 0 ends the episode in state 7, action 1 leads on; 8 trajectories.
    transition = np.zeros((8, 2, 8))
    transition[:, 0, 7] = 1.0
    transition[np.arange(7), 1, np.arange(1, 8)] = 1.0
    transition[7, 1, 7] = 1.0
    reward = np.zeros((8, 2))
    reward[0], reward[4], reward[6] = [-0.2, 0.1], [1.5, 0.2], [-1.0, 20.0]
    states = np.arange(8.0)
    policy = SoftmaxPolicy(np.stack([np.sin(states), 1.2 + np.cos(states)], axis=1))
    return _problem(np.eye(8)[0], transition, reward, policy, 7, 0.6, np.arange(8) == 7)
