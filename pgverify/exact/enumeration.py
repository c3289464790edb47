"""Every trajectory of a small problem, with its probability."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.collected_problem import collected
from pgverify.continuous import NodeMDP, node_actions
from pgverify.errors import InvalidObjective, TooLarge
from pgverify.exact.rollout_law import rollout
from pgverify.exact.solution import solve
from pgverify.kinds import accepts
from pgverify.policies.protocol import Policy
from pgverify.policies.real_actions import is_real
from pgverify.policies.steps import Prefix, log_prob, next_probabilities, remembers
from pgverify.problem import REAL_PROBLEM, FiniteHorizon, Problem
from pgverify.rollout import Rollout
from pgverify.trajectories import Trajectories
from pgverify.validation import Array, require_integer

DEFAULT_LIMIT = 200_000
"""Trajectories: a batch of this size is a few hundred megabytes at most and a few seconds of work."""


@accepts(problem=REAL_PROBLEM)
def count_trajectories(problem: Problem, acting: Policy | None = None, max_steps: int | None = None) -> int:
    """Return how many trajectories of positive probability a problem has, without listing them.

    Counted backwards: N_T(s) = 1, N_t(s) = Σ_{a,s'} 1{μ(a|s) P(s'|s,a) > 0} N_{t+1}(s'), and N(s) = 1 in a
    terminal state. Python integers, so that no count overflows.

    Parameters
    ----------
    problem : Problem
    acting : Policy, optional
        μ, the problem's own policy by default.
    max_steps : int, optional
        Steps after which episodes are cut; needed where the objective has no horizon.

    Raises
    ------
    InvalidObjective
        When there is neither a horizon nor `max_steps`.
    """
    return _count(_bounded(problem, acting, max_steps))


@accepts(problem=REAL_PROBLEM)
def enumerate_trajectories(
    problem: Problem, limit: int = DEFAULT_LIMIT, acting: Policy | None = None, max_steps: int | None = None
) -> tuple[Trajectories, Float[Array, "n"]]:
    """Return every trajectory of positive probability, and the probabilities.

    P(τ) = p(s_0) Π_t μ(a_t|s_t) P(s_{t+1}|s_t,a_t). The probabilities sum to one (to rounding). Rewards are the
    means r(s,a,s'), with a bonus of the objective: with reward noise, expectations of estimators are still exact,
    variances leave the noise out.

    Parameters
    ----------
    problem : Problem
    limit : int
        Largest number of trajectories that will be listed.
    acting : Policy, optional
        μ; by default the problem's own policy.
    max_steps : int, optional
        Steps after which episodes are cut; needed where the objective has no horizon. Under the average reward
        trajectories start from the stationary distribution.

    Raises
    ------
    TooLarge
        Naming the count, before anything is listed.
    InvalidObjective
        When there is neither a horizon nor `max_steps`.
    InvalidSampling, InvalidPolicy
        As for `exact.rollout`.
    """
    law = _bounded(problem, acting, max_steps)
    limit = require_integer("limit", limit, 1, TooLarge)
    count = _count(law)
    if count > limit:
        raise TooLarge(
            f"problem has {count:,} trajectories, at most limit={limit:,} are listed; shorten the horizon, raise "
            "the limit, or use exact.moments or sampling"
        )
    return _list(law)


def _list(law: Rollout) -> tuple[Trajectories, Float[Array, "n"]]:
    mdp = law.problem.mdp
    reward = solve(law.problem).chain.reward
    lists = mdp.successors
    states = np.flatnonzero(law.start > 0)[:, None]
    actions, taken = np.zeros((2, len(states), 0), dtype=np.int64)
    rewards = np.zeros((len(states), 0))
    probabilities = law.start[states[:, 0]]
    for _ in range(law.horizon or 0):
        here = states[:, -1]
        ended = mdp.terminal[here]
        chosen = next_probabilities(law.acting, Prefix(states, actions, taken > 0))
        weight = chosen[:, :, None] * lists.weight[here]
        allowed = (chosen[:, :, None] > 0) & (lists.weight[here] > 0)
        # A finished episode has one continuation: it stays, with action 0 and reward 0.
        allowed[ended] = False
        allowed[ended, 0, 0] = True
        weight[ended] = 1.0
        row, action, branch = np.nonzero(allowed)
        following = np.where(ended[row], here[row], lists.successor[here[row], action, branch])
        states = np.concatenate([states[row], following[:, None]], axis=1)
        actions = np.concatenate([actions[row], action[:, None]], axis=1)
        paid = np.where(ended[row], 0.0, reward[here[row], action, branch])
        rewards = np.concatenate([rewards[row], paid[:, None]], axis=1)
        probabilities = probabilities[row] * weight[row, action, branch]
        taken = np.concatenate([taken[row], ~ended[row, None]], axis=1)
    terminated = mdp.terminal[states[:, -1]] | law.horizon_terminates
    chosen_actions: dict[str, Array] = {"actions": actions.astype(np.int64)}
    policy = law.problem.policy
    if isinstance(mdp, NodeMDP) and is_real(policy):
        real = node_actions(mdp, policy, law.acting, states[:, :-1], actions, taken > 0)
        chosen_actions = {"actions": real.actions, "nodes": real.nodes, "log_probs": real.log_probs}
    else:
        chosen_actions["log_probs"] = log_prob(law.acting, Prefix(states, actions, taken > 0))
    batch = Trajectories(
        rollout=law,
        states=states.astype(np.int64),
        rewards=rewards,
        lengths=taken.sum(axis=1),
        terminated=terminated,
        **chosen_actions,
    )
    return batch, probabilities


def _count(law: Rollout) -> int:
    mdp = law.problem.mdp
    lists = mdp.successors
    # A policy that remembers may take any action after some history.
    chosen = np.ones(lists.weight.shape[:2], bool) if remembers(law.acting) else law.acting.probabilities() > 0
    possible = chosen[:, :, None] & (lists.weight > 0)
    ahead = np.ones(mdp.num_states, dtype=object)
    for _ in range(law.horizon or 0):
        ahead = np.where(mdp.terminal, 1, np.where(possible, ahead[lists.successor], 0).sum(axis=(1, 2)))
    return int(ahead[law.start > 0].sum())


def _bounded(problem: Problem, acting: Policy | None, max_steps: int | None) -> Rollout:
    """Return the law of trajectories, refusing one of unbounded length."""
    max_steps, acting = collected(problem, max_steps, acting)
    if max_steps is None and not isinstance(problem.objective, FiniteHorizon):
        raise InvalidObjective(
            f"objective is {problem.objective!r}, must be FiniteHorizon(...), or max_steps be given, for trajectories "
            "to be listed; without a horizon there are infinitely many"
        )
    return rollout(problem, max_steps, acting)
