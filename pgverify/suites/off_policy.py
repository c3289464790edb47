"""The off-policy suite: data of other policies than the one whose gradient is wanted, one near and one far."""

from __future__ import annotations

from functools import cache

import numpy as np

from pgverify.collected_problem import CollectedProblem
from pgverify.mdp import TabularMDP
from pgverify.policies import LinearSoftmaxPolicy, SoftmaxPolicy
from pgverify.problem import FiniteHorizon
from pgverify.suites.suite_problem import SuiteProblem


@cache
def off_policy_suite() -> tuple[SuiteProblem, ...]:
    """Return problems in which somebody else acts, smallest first."""
    return (
        SuiteProblem(
            "lent-bandit",
            "one step, three arms, ratios from 0.3 to 4: whether there is a ratio, which way up, and how often",
            _lent_bandit(),
        ),
        SuiteProblem(
            "near",
            "two states, three steps, ratios within 1 ± 0.2: what clips at 0.2 is not seen to clip; products of ratios "
            "and each ratio alone differ",
            _chain([[0.15, -0.45], [-0.1, 0.4]]),
        ),
        SuiteProblem(
            "far",
            "the same problem, ratios from 0.2 to 3 a step: what is clipped or left out is plain to see",
            _chain([[-1.2, 0.8], [1.1, -0.6]]),
        ),
        SuiteProblem(
            "ends-sooner",
            "whoever acts ends episodes sooner: the length of an episode says something about its ratio; γ = 0.7",
            _ends_sooner(),
        ),
        SuiteProblem(
            "other-features",
            "states share their features, several start states, and a policy acts that the features cannot express",
            _other_features(),
        ),
        SuiteProblem(
            "between-clips",
            "one step, ratios on either side of every usual bound (0.7, 0.8, 1.2, 1.28, 3), each with a good and a bad "
            "reward: which clip it is, and whether it is a dual one",
            _between_clips(),
        ),
        SuiteProblem(
            "many-arms",
            "one step, eight actions, ratios of a hundredth and of thirteen: bounds far from one, and the last actions",
            _many_arms(),
        ),
        SuiteProblem(
            "long-lent",
            "up to eight steps through eight states, ratios on either side of one: what is done with the first steps "
            "alone, and products of many ratios",
            _long_lent(),
        ),
    )


def _lent_bandit() -> CollectedProblem:
    mdp = TabularMDP([1.0], np.ones((1, 3, 1)), [[1.0, 0.7, -0.5]])
    policy, acting = SoftmaxPolicy([[0.2, -0.4, 0.7]]), SoftmaxPolicy([[0.3, 0.9, -1.1]])
    return CollectedProblem(mdp, policy, FiniteHorizon(1, 0.9), acting=acting)


def _chain(acting: object) -> CollectedProblem:
    transition = [[[0.7, 0.3], [0.2, 0.8]], [[0.4, 0.6], [1.0, 0.0]]]
    mdp = TabularMDP([0.7, 0.3], transition, [[1.0, -0.5], [-1.0, 2.0]])
    policy = SoftmaxPolicy([[0.3, -0.6], [-0.2, 0.5]])
    return CollectedProblem(mdp, policy, FiniteHorizon(3, 0.8), acting=SoftmaxPolicy(np.asarray(acting)))


def _between_clips() -> CollectedProblem:
    acting = np.array([0.2, 0.2, 0.2, 0.2, 0.15, 0.05])
    ratio = np.array([0.5, 0.75, 0.9, 1.1, 1.24, 3.28])  # Σ μρ = 1
    better, worse = [1.0, -1.2, 0.8, -0.9, 1.5, -0.7], [-0.8, 1.1, -1.3, 0.7, -1.0, 1.4]
    transition = np.broadcast_to(np.eye(2)[:, None, :], (2, 6, 2))
    mdp = TabularMDP([0.6, 0.4], transition, [better, worse])
    policy, other = SoftmaxPolicy(np.log([acting * ratio] * 2)), SoftmaxPolicy(np.log([acting] * 2))
    return CollectedProblem(mdp, policy, FiniteHorizon(1), acting=other)


def _many_arms() -> CollectedProblem:
    acting = np.array([0.3, 0.03, 0.12, 0.2, 0.05, 0.1, 0.15, 0.05])
    wanted = np.array([0.003, 0.39, 0.1, 0.05, 0.2, 0.037, 0.1, 0.12])
    first, second = [1.0, -0.6, 0.4, 1.3, -1.1, 0.8, -0.3, 0.5], [-0.7, 0.9, 1.2, -0.4, 0.6, -1.3, 1.1, -0.2]
    mdp = TabularMDP([0.5, 0.5], np.broadcast_to(np.eye(2)[:, None, :], (2, 8, 2)), [first, second])
    policy, other = SoftmaxPolicy(np.log([wanted, wanted[::-1]])), SoftmaxPolicy(np.log([acting, acting[::-1]]))
    return CollectedProblem(mdp, policy, FiniteHorizon(1), acting=other)


def _long_lent() -> CollectedProblem:
    # Action 0 leads from one state to the next, action 1 ends the episode, in state 8.
    steps = 8
    transition = np.zeros((steps + 1, 2, steps + 1))
    for state in range(steps):
        transition[state, 0, state + 1] = transition[state, 1, steps] = 1.0
    transition[steps, :, steps] = 1.0
    going, ending = [0.4, -0.7, 1.1, 0.3, -0.5, 0.9, -1.2, 1.6], [-0.6, 0.8, 0.5, -0.9, 1.3, -0.4, 0.7, -1.1]
    reward = np.array([[*going, 0.0], [*ending, 0.0]]).T
    mdp = TabularMDP(np.eye(steps + 1)[0], transition, reward, np.arange(steps + 1) == steps)
    logits, other = np.zeros((steps + 1, 2)), np.zeros((steps + 1, 2))
    logits[:steps, 0] = [1.4, 1.1, 1.6, 1.2, 1.5, 1.0, 1.3, 0.6]
    other[:steps, 0] = [0.5, 2.1, 0.8, 2.2, 0.7, 1.9, 0.6, 0.1]
    return CollectedProblem(mdp, SoftmaxPolicy(logits), FiniteHorizon(steps, 0.95), acting=SoftmaxPolicy(other))


def _ends_sooner() -> CollectedProblem:
    # State 0: action 0 ends the episode, action 1 leads to state 1; state 1: action 0 ends, action 1 stays; 2 is over.
    transition = np.zeros((3, 2, 3))
    transition[0, 0, 2] = transition[0, 1, 1] = transition[1, 0, 2] = transition[1, 1, 1] = 1.0
    transition[2, :, 2] = 1.0
    mdp = TabularMDP([1.0, 0.0, 0.0], transition, [[0.5, -0.3], [1.4, 0.8], [0.0, 0.0]], [False, False, True])
    policy = SoftmaxPolicy([[-0.4, 0.3], [-0.2, 0.6], [0.0, 0.0]])
    acting = SoftmaxPolicy([[0.5, -0.2], [0.7, -0.1], [0.0, 0.0]])
    return CollectedProblem(mdp, policy, FiniteHorizon(3, 0.7), acting=acting)


def _other_features() -> CollectedProblem:
    features = [[[1.0, 0.0], [0.0, 1.0], [-0.5, 0.3]], [[0.2, -1.0], [1.0, 0.4], [0.0, 0.7]]]
    transition = [
        [[0.6, 0.4], [0.3, 0.7], [1.0, 0.0]],
        [[0.5, 0.5], [0.0, 1.0], [0.2, 0.8]],
    ]
    mdp = TabularMDP([0.5, 0.5], transition, [[1.0, -1.0, 0.5], [0.3, 0.8, -2.0]])
    acting = SoftmaxPolicy([[-0.6, 0.4, 0.2], [0.5, -0.3, 0.3]])
    policy = LinearSoftmaxPolicy(features, [0.4, -0.3])
    return CollectedProblem(mdp, policy, FiniteHorizon(2, 0.85), acting=acting)
