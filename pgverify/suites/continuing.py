"""The continuing suite: no episode ends. The average reward, and discounted returns without a horizon.

Data are cut, for nothing else stops them. Under the average reward they start in the stationary distribution, and V is
the differential value: an estimate that takes the average off every reward and bootstraps at the cut has expectation ∇J
whatever the number of steps.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from pgverify.collected_problem import CollectedProblem
from pgverify.mdp import TabularMDP
from pgverify.policies import LinearSoftmaxPolicy, SoftmaxPolicy
from pgverify.problem import AverageReward, Discounted
from pgverify.suites.suite_problem import SuiteProblem


@cache
def continuing_suite() -> tuple[SuiteProblem, ...]:
    """Return problems that go on for ever, smallest first."""
    return (
        SuiteProblem(
            "average-one-step",
            "the average reward, seen one step at a time: the whole future is in the differential value",
            _average_one_step(),
        ),
        SuiteProblem(
            "average-chain",
            "the average reward of a chain far from zero: whoever does not take the average off is far off, too",
            _average_chain(),
        ),
        SuiteProblem(
            "average-ring",
            "three states round a ring, states share their features, two steps a window: means over steps, not sums",
            _average_ring(),
        ),
        SuiteProblem(
            "endless",
            "discounted without end, γ = 0.9, three steps seen: powers of γ, and the value at the cut",
            _endless(),
        ),
        SuiteProblem(
            "far-sighted",
            "γ = 0.99: the value at the cut is nearly all of a return, and large beside what is seen",
            _far_sighted(),
        ),
    )


CHAIN = [[[0.7, 0.3], [0.2, 0.8]], [[0.4, 0.6], [0.9, 0.1]]]


def _average_one_step() -> CollectedProblem:
    mdp = TabularMDP([1.0, 0.0], CHAIN, [[1.0, -0.5], [0.3, 2.0]])
    return CollectedProblem(mdp, SoftmaxPolicy([[0.2, -0.4], [0.5, 0.1]]), AverageReward(), max_steps=1)


def _average_chain() -> CollectedProblem:
    mdp = TabularMDP([0.5, 0.5], CHAIN, [[[4.0, 2.5], [3.2, 5.0]], [[2.0, 3.3], [3.6, 2.8]]])
    return CollectedProblem(mdp, SoftmaxPolicy([[0.3, -0.6], [-0.2, 0.5]]), AverageReward(), max_steps=3)


def _average_ring() -> CollectedProblem:
    # Action a leads a + 1 states on with probability 0.9, or nowhere.
    states, actions = np.indices((3, 2))
    transition = np.zeros((3, 2, 3))
    transition[states, actions, (states + actions + 1) % 3] = 0.9
    transition[states, actions, states] += 0.1
    features = np.stack([np.cos(1.0 + states + 2.0 * actions), np.sin(states * (1.0 + actions))], axis=-1)
    reward = [[1.0, -0.4], [0.2, -1.5], [-0.7, 2.0]]
    policy = LinearSoftmaxPolicy(features, [0.6, -0.5])
    return CollectedProblem(TabularMDP(np.eye(3)[0], transition, reward), policy, AverageReward(), max_steps=2)


def _endless() -> CollectedProblem:
    mdp = TabularMDP([0.7, 0.3], CHAIN, [[1.0, -0.5], [-1.0, 0.6]])
    return CollectedProblem(mdp, SoftmaxPolicy([[0.4, -0.3], [-0.1, 0.6]]), Discounted(0.9), max_steps=3)


def _far_sighted() -> CollectedProblem:
    transition = [[[0.9, 0.1], [0.4, 0.6]], [[0.2, 0.8], [0.7, 0.3]]]
    mdp = TabularMDP([0.5, 0.5], transition, [[0.1, -0.2], [0.3, 0.2]])
    return CollectedProblem(mdp, SoftmaxPolicy([[0.1, 0.5], [0.3, -0.4]]), Discounted(0.99), max_steps=2)
