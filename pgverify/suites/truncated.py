"""The truncated suite: data that are cut before an episode has ended, with V of what follows standing for the rest.

A right estimate bootstraps at every cut, and nowhere else: in expectation it is the first terms of ∇J, with the whole
future in each of them.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from pgverify.collected_problem import CollectedProblem
from pgverify.mdp import TabularMDP
from pgverify.policies import LinearSoftmaxPolicy, SoftmaxPolicy
from pgverify.problem import Discounted, FiniteHorizon
from pgverify.suites.suite_problem import SuiteProblem


@cache
def truncated_suite() -> tuple[SuiteProblem, ...]:
    """Return problems whose episodes are cut, smallest first."""
    return (
        SuiteProblem(
            "one-step-window",
            "cut after every step: nothing is left without the bootstrap but the immediate reward",
            _one_step_window(),
        ),
        SuiteProblem(
            "cut-chain",
            "no episode ends, all are cut after two steps, γ = 0.9: the value of the last state is most of the return",
            _cut_chain(),
        ),
        SuiteProblem(
            "cut-or-ended",
            "some episodes end, others are cut, some of them on the last step before the cut: one flag for both is "
            "wrong for one of them",
            _cut_or_ended(),
        ),
        SuiteProblem(
            "time-limit",
            "a horizon of four steps, cut after two: V depends on the time, and the cut is not the end",
            _time_limit(),
        ),
        SuiteProblem(
            "middle-of-an-episode",
            "windows that begin where others were cut, in any state, and cross the end of an episode or not; γ = 1",
            _middle_of_an_episode(),
        ),
        SuiteProblem(
            "rewards-after-the-cut",
            "nothing is paid before the cut, and states share their features: all of the gradient comes from V",
            _rewards_after_the_cut(),
        ),
        SuiteProblem(
            "long-window",
            "six states in a ring, cut after eight steps or ended before: what is done with the first steps alone, or "
            "at a cut that is far away",
            _long_window(),
        ),
    )


CHAIN = [[[0.7, 0.3], [0.2, 0.8]], [[0.4, 0.6], [0.9, 0.1]]]


def _long_window() -> CollectedProblem:
    # Action 0 leads round the ring of states 0..5, action 1 ends the episode, in state 6.
    transition = np.zeros((7, 2, 7))
    for state in range(6):
        transition[state, 0, (state + 1) % 6] = transition[state, 1, 6] = 1.0
    transition[6, :, 6] = 1.0
    reward = [[0.5, -0.8], [-0.4, 0.9], [1.2, 0.3], [0.7, -0.6], [-0.9, 1.1], [1.4, -0.5], [0.0, 0.0]]
    policy = SoftmaxPolicy([[1.9, 0.0], [1.5, 0.0], [2.1, 0.0], [1.7, 0.0], [1.6, 0.0], [2.0, 0.0], [0.0, 0.0]])
    mdp = TabularMDP(np.eye(7)[0], transition, reward, np.arange(7) == 6)
    return CollectedProblem(mdp, policy, Discounted(0.95), max_steps=8)


def _one_step_window() -> CollectedProblem:
    mdp = TabularMDP([0.6, 0.4], CHAIN, [[1.0, -0.5], [0.3, 2.0]])
    return CollectedProblem(mdp, SoftmaxPolicy([[0.2, -0.4], [0.5, 0.1]]), Discounted(0.8), max_steps=1)


def _cut_chain() -> CollectedProblem:
    mdp = TabularMDP([0.7, 0.3], CHAIN, [[[1.0, -0.5], [0.2, 2.0]], [[-1.0, 0.3], [0.6, -0.2]]])
    return CollectedProblem(mdp, SoftmaxPolicy([[0.3, -0.6], [-0.2, 0.5]]), Discounted(0.9), max_steps=2)


def _cut_or_ended() -> CollectedProblem:
    # Action 0 may end the episode by chance, in state 2; action 1 leads from one running state to the other.
    transition = np.zeros((3, 2, 3))
    transition[0, 0] = [0.3, 0.0, 0.7]
    transition[1, 0] = [0.0, 0.6, 0.4]
    transition[0, 1, 1] = transition[1, 1, 0] = 1.0
    transition[2, :, 2] = 1.0
    reward = [[0.4, -0.3], [1.5, 0.7], [0.0, 0.0]]
    policy = SoftmaxPolicy([[0.1, 0.4], [-0.5, 0.3], [0.0, 0.0]])
    mdp = TabularMDP([0.8, 0.2, 0.0], transition, reward, [False, False, True])
    return CollectedProblem(mdp, policy, Discounted(0.85), max_steps=3)


def _time_limit() -> CollectedProblem:
    mdp = TabularMDP([0.5, 0.5], [[[0.9, 0.1], [0.2, 0.8]], [[0.1, 0.9], [0.7, 0.3]]], [[0.2, -0.5], [2.0, 1.5]])
    return CollectedProblem(mdp, SoftmaxPolicy([[0.6, -0.1], [0.0, 0.4]]), FiniteHorizon(4, 0.95), max_steps=2)


def _middle_of_an_episode() -> CollectedProblem:
    # A line of four states, the last of which is the end; action 0 leads on, action 1 waits. The start is spread.
    transition = np.zeros((4, 2, 4))
    transition[np.arange(3), 0, np.arange(1, 4)] = 1.0
    transition[np.arange(3), 1, np.arange(3)] = 1.0
    transition[3, :, 3] = 1.0
    reward = [[-0.2, -0.6], [0.9, 0.1], [3.0, -1.0], [0.0, 0.0]]
    policy = SoftmaxPolicy([[0.3, 0.2], [-0.2, 0.5], [0.7, 0.1], [0.0, 0.0]])
    mdp = TabularMDP([0.4, 0.3, 0.3, 0.0], transition, reward, [False, False, False, True])
    return CollectedProblem(mdp, policy, FiniteHorizon(6), max_steps=2)


def _rewards_after_the_cut() -> CollectedProblem:
    # Two lines: whatever is done first decides which of them is followed; only states 3 and 4 pay, after two steps.
    transition = np.zeros((5, 2, 5))
    transition[0, 0, 1] = transition[0, 1, 2] = 1.0
    transition[1, 0, 3] = transition[1, 1, 4] = 1.0
    transition[2, 0, 4] = transition[2, 1, 3] = 1.0
    transition[3, 0] = [0.0, 0.0, 0.0, 0.5, 0.5]
    transition[3, 1, 4] = transition[4, 0, 3] = transition[4, 1, 0] = 1.0
    reward = np.zeros((5, 2))
    reward[3], reward[4] = [2.0, -1.0], [-3.0, 0.5]
    states, actions = np.indices((5, 2))
    features = np.stack([np.cos(states + 2.0 * actions), np.sin(1.0 + states * (1.0 + actions))], axis=-1)
    mdp = TabularMDP(np.eye(5)[0], transition, reward)
    return CollectedProblem(mdp, LinearSoftmaxPolicy(features, [0.5, -0.3]), Discounted(0.7), max_steps=2)
