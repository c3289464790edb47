"""The small problems on which every entry is judged, and the exact expectation of an entry on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from bug_effects import Evidence
from random_problems import random_problem
from reference import bandit, weight_scale

from pgverify import FiniteHorizon, LinearSoftmaxPolicy, Problem, SoftmaxPolicy, TabularMDP, Trajectories, exact
from pgverify.bugs import Bug

COUPLED = {"broadcast-outer-product"}
"""Entries that mix the steps of their batch although a single trajectory is enough to show it."""

THREE_ARMS = Problem(bandit(), SoftmaxPolicy([[0.2, -0.4, 0.7]]), FiniteHorizon(1))
"""The bandit of the notes on mathematics."""


def stop_or_go(scale: float = 1.0) -> Problem:
    """Go on (and pay, at first) or stop (for a prize): lengths 1, 2, 3 and 3; four trajectories."""
    transition = np.zeros((2, 2, 2))
    transition[0, 0, 0] = transition[0, 1, 1] = transition[1, :, 1] = 1.0
    reward = np.zeros((2, 2, 2))
    reward[0, 0, 0], reward[0, 1, 1] = -0.7, 1.3
    mdp = TabularMDP([1.0, 0.0], transition, reward, [False, True])
    return Problem(mdp, SoftmaxPolicy(scale * np.array([[0.5, -0.2], [0.3, 0.1]])), FiniteHorizon(3, 0.8))


def two_rooms() -> Problem:
    """Two starts, each room leads to the other or out; three steps at most; eight trajectories."""
    transition = np.zeros((3, 2, 3))
    transition[0, 0, 1] = transition[1, 0, 0] = transition[:2, 1, 2] = transition[2, :, 2] = 1.0
    reward = np.zeros((3, 2, 3))
    reward[0, 0, 1], reward[0, 1, 2], reward[1, 0, 0], reward[1, 1, 2] = 1.5, -0.4, -1.1, 0.6
    mdp = TabularMDP([0.3, 0.7, 0.0], transition, reward, [False, False, True])
    return Problem(mdp, SoftmaxPolicy([[0.4, -0.3], [-0.6, 0.5], [0.2, 0.0]]), FiniteHorizon(3, 0.9))


def coin_door() -> Problem:
    """Action 0 may end the episode by chance; features shared by the states; three steps; nine trajectories."""
    transition = np.zeros((3, 2, 3))
    transition[0, 0, 1], transition[0, 0, 2], transition[0, 1, 1] = 0.4, 0.6, 1.0
    transition[1, 0, 0] = transition[1, 1, 2] = transition[2, :, 2] = 1.0
    reward = np.zeros((3, 2, 3))
    reward[0, 0, 2], reward[0, 0, 1], reward[0, 1, 1], reward[1, 0, 0], reward[1, 1, 2] = -1.0, 2.0, 0.3, 0.5, -1.4
    features = np.array([[[1.0, 0.2], [-0.5, 0.7]], [[0.3, -1.0], [0.8, 0.4]], [[0.1, 0.5], [-0.9, 1.0]]])
    mdp = TabularMDP([1.0, 0.0, 0.0], transition, reward, [False, False, True])
    return Problem(mdp, LinearSoftmaxPolicy(features, [0.6, -0.4]), FiniteHorizon(3, 0.7))


def long_walk() -> Problem:
    """Four steps, two states and a random way out; a near-deterministic policy; rewards of both signs."""
    transition = np.array(
        [[[0.6, 0.3, 0.1], [0.2, 0.8, 0.0]], [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]], [[0, 0, 1], [0, 0, 1]]]
    )
    reward = np.random.default_rng(3).normal(size=(3, 2, 3))
    reward[2] = 0.0
    mdp = TabularMDP([0.5, 0.5, 0.0], transition, reward, [False, False, True])
    return Problem(mdp, SoftmaxPolicy([[4.0, -1.0], [0.3, -0.1], [0.0, 0.0]]), FiniteHorizon(4, 0.85))


def three_by_three(seed: int) -> Problem:
    """A random problem with three actions and three steps, redrawn until there is something to learn late."""
    rng = np.random.default_rng(seed)
    while True:
        problem = random_problem(rng, "finite", 3, 3, 3, logit_scales=(1.0,))
        mdp = problem.mdp
        if mdp.num_states < 2 or mdp.num_actions < 3:
            continue
        problem = Problem(mdp, problem.policy, FiniteHorizon(3, 0.7))
        later = exact.occupancy(problem)[1:] @ ~mdp.terminal
        if later.max() > 0.3 and np.abs(exact.gradient(problem)).max() > 1e-3 * np.abs(mdp.reward).max():
            return problem


SMALL = {
    "three-arms": THREE_ARMS,
    "stop-or-go": stop_or_go(),
    "nearly-certain": stop_or_go(8.0),
    "two-rooms": two_rooms(),
    "coin-door": coin_door(),
}
"""Three to nine trajectories each: few enough for all batches of two, and of three, to be listed."""

LARGER = {**SMALL, "long-walk": long_walk(), **{f"random-{seed}": three_by_three(seed) for seed in (0, 1, 2)}}
"""For entries that treat trajectories one by one."""


def problems_of(bug: Bug) -> dict[str, Problem]:
    """Return the problems on which an entry is judged: its own setting, or all that are small enough."""
    if bug.setting is not None:
        return {"setting": own_setting(bug.setting)}
    if bug.batch_size == 1 and bug.slug not in COUPLED:
        return LARGER
    return SMALL


@dataclass(frozen=True, eq=False)
class Listed:
    """The exact mean and trace of an estimate, and Σ P |row|, the size of what was added up."""

    mean: np.ndarray
    trace: float
    size: float


@cache
def listed(
    implementation: Callable[[Trajectories], np.ndarray], problem: Problem, batch_size: int, coupled: bool
) -> Listed:
    """Return the exact moments: in one call where rows are independent, else by calling it on every batch there is."""
    batch, probabilities = exact.enumerate_trajectories(problem)
    if not coupled:
        estimates, weights = np.asarray(implementation(batch)), probabilities
        assert estimates.shape[0] == len(batch)
    else:
        estimates, weights = each_batch(implementation, batch, probabilities, batch_size)
    mean = weights @ estimates
    size = float((weights @ np.abs(estimates)).max())
    return Listed(mean, float(weights @ ((estimates - mean) ** 2).sum(axis=1)), size)


def each_batch(
    implementation: Callable[[Trajectories], np.ndarray], batch: Trajectories, probabilities: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the estimate from every batch of the given size, and the probability of each batch."""
    estimates, weights = [], []
    for rows in product(range(len(batch)), repeat=size):
        estimate = np.asarray(implementation(batch.select(list(rows))))
        estimates.append(estimate.mean(axis=0) if estimate.ndim == 2 else estimate)
        weights.append(probabilities[list(rows)].prod())
    return np.array(estimates), np.array(weights)


@cache
def weight_size(problem: Problem) -> float:
    return weight_scale(*exact.enumerate_trajectories(problem))


@cache
def own_setting(build: Callable[[], Problem]) -> Problem:
    return build()


def evidence(bug: Bug, problem: Problem, other: np.ndarray | None = None) -> Evidence:
    """Return what the entry and its correct counterpart estimate on one problem."""
    coupled = bug.batch_size > 1 or bug.slug in COUPLED
    found, right = (
        listed(function, problem, bug.batch_size, coupled) for function in (bug.implementation, bug.correct)
    )
    scale = max(found.size, right.size)
    if bug.setting is None:
        scale = max(scale, weight_size(problem))
    return Evidence(found.mean, right.mean, scale, found.trace, right.trace, bug.batch_size, other)
