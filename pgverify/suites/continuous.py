"""The continuous suite: real actions, on so few quadrature nodes that every trajectory can be listed.

A function is given real actions, and expectations are sums over nodes: they are exact for the policy on the nodes,
whose score is the Gaussian's. Rewards and transitions are polynomials and slow sines, which few nodes integrate well:
what samples the density itself is judged by nearly the same gradient.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float

from pgverify.continuous import ContinuousMDP
from pgverify.policies import GaussianPolicy, SquashedGaussianPolicy
from pgverify.problem import FiniteHorizon, Problem
from pgverify.suites.suite_problem import SuiteProblem
from pgverify.validation import Array


@cache
def continuous_suite() -> tuple[SuiteProblem, ...]:
    """Return the problems with real actions, smallest first.

    Together they vary the dimension of the action, the horizon, where episodes end, whether the standard deviation is
    learnt, and whether actions are squashed. In each some nodes lie beyond ±1, so that clipping shows.
    """
    return (
        SuiteProblem(
            "sine-bandit", "one step, one dimension, log σ learnt: the score of both parameters", _sine_bandit()
        ),
        SuiteProblem(
            "far-means",
            "two starts with means on either side of a usual bound, σ fixed: actions that are clipped before they are "
            "scored",
            _far_means(),
        ),
        SuiteProblem(
            "squashed",
            "actions 1.5 tanh(u): what scores them without looking through the squashing, or with its log-determinant "
            "on one side of a ratio",
            _squashed(),
        ),
        SuiteProblem(
            "plane",
            "two dimensions with unequal σ, and a reward in which they interact: log-densities that are not summed, or "
            "averaged, over dimensions",
            _plane(),
        ),
        SuiteProblem(
            "early-end",
            "episodes of one to three steps, the end depends on the action, γ = 1: padding, and ends of episodes",
            _early_end(),
        ),
        SuiteProblem(
            "push-pull",
            "two states, features shared between them, γ = 0.8, rewards on the transition: powers of γ, bootstraps",
            _push_pull(),
        ),
    )


def _sine_bandit() -> Problem:
    mdp = ContinuousMDP([1.0], _stays_alone, _sine, nodes=5)
    return Problem(mdp, GaussianPolicy([[1.0]], [[0.4]], [-0.6]), FiniteHorizon(1, 0.9))


def _far_means() -> Problem:
    mdp = ContinuousMDP([0.3, 0.7], _stays, _parabola, nodes=4)
    return Problem(mdp, GaussianPolicy(np.eye(2), [[1.3], [-0.9]], [-0.2], learns_std=False), FiniteHorizon(1))


def _squashed() -> Problem:
    mdp = ContinuousMDP([1.0], _stays_alone, _bounded, nodes=12)
    return Problem(mdp, SquashedGaussianPolicy([[1.0]], [[0.7]], [-0.5], scale=1.5), FiniteHorizon(1))


def _plane() -> Problem:
    mdp = ContinuousMDP([0.6, 0.4], _stays, _saddle, action_dim=2, nodes=3)
    policy = GaussianPolicy([[1.0, 0.2], [-0.4, 1.0]], [[0.5, -0.3], [-0.6, 0.8]], [-0.4, 0.1])
    return Problem(mdp, policy, FiniteHorizon(1))


def _early_end() -> Problem:
    mdp = ContinuousMDP([1.0, 0.0], _may_end, _hill, [False, True], nodes=4)
    return Problem(mdp, GaussianPolicy([[1.0], [0.0]], [[-0.5]], [-0.3]), FiniteHorizon(3))


def _push_pull() -> Problem:
    mdp = ContinuousMDP([0.7, 0.3], _push, _near_goal, nodes=4)
    return Problem(mdp, GaussianPolicy([[1.0, 0.5], [-0.5, 1.0]], [[0.3], [-0.4]], [-0.4]), FiniteHorizon(2, 0.8))


# Functions of the module, so that the problems can be sent to another process.


def _sine(_: int, actions: Float[Array, "K D"]) -> Float[Array, "K"]:
    return np.asarray(1.0 + np.sin(1.2 * actions[:, 0]))


def _parabola(state: int, actions: Float[Array, "K D"]) -> Float[Array, "K"]:
    return np.asarray((2.0, -1.0)[state] * actions[:, 0] - actions[:, 0] ** 2 / 2.0)


def _bounded(_: int, actions: Float[Array, "K D"]) -> Float[Array, "K"]:
    return np.asarray(actions[:, 0] - (actions[:, 0] - 0.5) ** 2)


def _saddle(state: int, actions: Float[Array, "K D"]) -> Float[Array, "K"]:
    first, second = actions[:, 0], actions[:, 1]
    return np.asarray(-((first - 1.0) ** 2) - (first + (1.0, -0.5)[state] * second) ** 2 / 2.0)


def _hill(_: int, actions: Float[Array, "K D"]) -> Float[Array, "K"]:
    return np.asarray(0.5 - actions[:, 0] ** 2)


def _near_goal(state: int, actions: Float[Array, "K D"]) -> Float[Array, "K 2"]:
    paid = (1.0, -0.5)[state] - (actions[:, 0] - (0.5, -1.0)[state]) ** 2 / 4.0
    return np.stack([paid, paid + 1.5], axis=1)


def _stays(state: int, actions: Float[Array, "K D"]) -> Float[Array, "K 2"]:
    return np.tile(np.eye(2)[state], (len(actions), 1))


def _stays_alone(_: int, actions: Float[Array, "K D"]) -> Float[Array, "K 1"]:
    return np.ones((len(actions), 1))


def _may_end(_: int, actions: Float[Array, "K D"]) -> Float[Array, "K 2"]:
    ends = 0.5 + 0.4 * np.sin(actions[:, 0])
    return np.stack([1.0 - ends, ends], axis=1)


def _push(state: int, actions: Float[Array, "K D"]) -> Float[Array, "K 2"]:
    push = 0.5 + (0.4, -0.3)[state] * np.sin(actions[:, 0])
    return np.stack([1.0 - push, push], axis=1)
