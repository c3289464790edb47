"""Every trajectory of a small finite-horizon problem, with its probability."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidObjective, TooLarge
from pgverify.exact.value_functions import values
from pgverify.problem import FiniteHorizon, Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array, require_integer

DEFAULT_LIMIT = 200_000
"""Trajectories: a batch of this size is a few hundred megabytes at most and a few seconds of work."""


def count_trajectories(problem: Problem) -> int:
    """Return how many trajectories of positive probability a finite-horizon problem has, without listing them.

    Counted backwards: N_T(s) = 1, N_t(s) = Σ_{a,s'} 1{π(a|s) P(s'|s,a) > 0} N_{t+1}(s'), and N(s) = 1 in a
    terminal state. Python integers, so that no count overflows.
    """
    horizon = _finite_horizon(problem).horizon
    mdp = problem.mdp
    possible = ((problem.policy.probabilities()[:, :, None] > 0) & (mdp.transition > 0)).sum(axis=1)
    branches = possible.astype(object)
    ahead = np.ones(mdp.num_states, dtype=object)
    for _ in range(horizon):
        ahead = np.where(mdp.terminal, 1, branches @ ahead)
    return int(ahead[mdp.start > 0].sum())


def enumerate_trajectories(problem: Problem, limit: int = DEFAULT_LIMIT) -> tuple[Trajectories, Float[Array, "n"]]:
    """Return every trajectory of positive probability, and the probabilities.

    P(τ) = p(s_0) Π_t π(a_t|s_t) P(s_{t+1}|s_t,a_t). The probabilities sum to one (to rounding). Rewards are the
    means r(s,a,s'): with reward noise, expectations of estimators are still exact, variances leave the noise out.

    Parameters
    ----------
    problem : Problem
        With a `FiniteHorizon` objective.
    limit : int
        Largest number of trajectories that will be listed.

    Raises
    ------
    TooLarge
        Naming the count, before anything is listed.
    InvalidObjective
        When the objective has no horizon.
    """
    objective = _finite_horizon(problem)
    require_integer("limit", limit, 1, TooLarge)
    count = count_trajectories(problem)
    if count > limit:
        raise TooLarge(
            f"problem has {count:,} trajectories, at most limit={limit:,} are listed; shorten the horizon, raise "
            "the limit, or use exact.moments or sampling"
        )
    mdp = problem.mdp
    policy = problem.policy.probabilities()
    states = np.flatnonzero(mdp.start > 0)[:, None]
    actions = np.zeros((len(states), 0), dtype=np.int64)
    rewards = np.zeros((len(states), 0))
    probabilities = mdp.start[states[:, 0]]
    lengths = np.zeros(len(states), dtype=np.int64)
    for _ in range(objective.horizon):
        here = states[:, -1]
        # A finished episode has one continuation: it stays, with action 0 and reward 0.
        weight = policy[here][:, :, None] * mdp.transition[here]
        allowed = (policy[here][:, :, None] > 0) & (mdp.transition[here] > 0)
        ended = mdp.terminal[here]
        allowed[ended] = False
        allowed[ended, 0, here[ended]] = True
        weight[ended] = 1.0
        row, action, following = np.nonzero(allowed)
        states = np.concatenate([states[row], following[:, None]], axis=1)
        actions = np.concatenate([actions[row], action[:, None]], axis=1)
        paid = np.where(ended[row], 0.0, mdp.reward[here[row], action, following])
        rewards = np.concatenate([rewards[row], paid[:, None]], axis=1)
        probabilities = probabilities[row] * weight[row, action, following]
        lengths = lengths[row] + ~ended[row]
    table = values(problem).state
    times = np.arange(objective.horizon + 1)
    batch = Trajectories(
        problem=problem,
        states=states.astype(np.int64),
        actions=actions.astype(np.int64),
        rewards=rewards,
        lengths=lengths,
        terminated=np.ones(len(states), dtype=bool),
        values=table[times, states],
        discount=objective.discount,
    )
    return batch, probabilities


def _finite_horizon(problem: Problem) -> FiniteHorizon:
    if not isinstance(problem.objective, FiniteHorizon):
        raise InvalidObjective(
            f"objective is {problem.objective!r}, must be FiniteHorizon(...) for trajectories to be listed; "
            "without a horizon there are infinitely many"
        )
    return problem.objective
