"""What targets are where episodes are cut: the terms of the steps that are seen, each with its whole future."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from pgverify.exact import gradient, rollout, values
from pgverify.exact.enumeration import enumerate_trajectories
from pgverify.exact.solution import solve
from pgverify.policies.steps import remembers, score_sum
from pgverify.problem import FiniteHorizon, Problem
from pgverify.rollout import Rollout
from pgverify.validation import Array, read_only

MOST_KEPT = 64
"""Problems whose targets are kept: to give a fault a name, each is asked for hundreds of times."""


@lru_cache(maxsize=MOST_KEPT)
def policy_gradient(problem: Problem) -> Float[Array, "d"]:
    """Return ∇J(θ); where episodes are cut after T steps, its first T terms Σ_{t<T} γ^t Σ_s d_t(s) Σ_a π ψ Q_t(s,a).

    Q_t is that of the whole problem: what an estimator has in expectation that bootstraps at the cut. Under the average
    reward that is ∇J for every T, as data start in the stationary distribution and are a mean over steps.
    """
    if remembers(problem.policy):
        return read_only(_by_listing(problem, True))
    law = rollout(problem)
    if not _is_cut(law):
        return read_only(np.array(gradient(problem)))
    powers = np.power(law.discount, np.arange(law.horizon or 0))
    return read_only(visited(problem, powers[:, None, None] * _futures(problem, len(powers))))


@lru_cache(maxsize=MOST_KEPT)
def discount_dropped(problem: Problem) -> Float[Array, "d"]:
    """Return Σ_t Σ_s d_t(s) Σ_a π ψ Q_t: the factor γ^t left out, the gradient of no function in general."""
    if remembers(problem.policy):
        return read_only(_by_listing(problem, False))
    return read_only(visited(problem, _futures(problem, rollout(problem).horizon or 0)))


def visited(problem: Problem, table: Float[Array, "*T S A"]) -> Float[Array, "d"]:
    """Return Σ_t Σ_s d_t(s) Σ_a π ψ x_t(s,a) over the steps that are seen, outside terminal states.

    d_t are the states where π_θ leads, whoever acts; a mean over steps under the average reward.
    """
    law, chain = rollout(problem), solve(problem).chain
    here, visits = law.start, []
    for _ in range(law.horizon or 0):
        visits.append(law.step_scale * here)
        here = here @ chain.state_transition
    by_time = np.broadcast_to(table, (len(visits), *table.shape[-2:]))
    weights = np.einsum("ts,tsa->sa", np.stack(visits), by_time) * problem.policy.probabilities()
    weights = np.where(problem.mdp.terminal[:, None], 0.0, weights)
    return np.asarray(problem.policy.score_vjp(weights))


def _futures(problem: Problem, steps: int) -> Float[Array, "T S A"]:
    table = np.asarray(values(problem).action)
    return np.broadcast_to(table, (steps, *table.shape)) if table.ndim == 2 else table[:steps]


def _is_cut(law: Rollout) -> bool:
    return law.horizon is not None and not law.horizon_terminates


def _by_listing(problem: Problem, discounted: bool) -> Float[Array, "d"]:
    """Return Σ_τ P(τ) Σ_t c_t ψ_t G_t, by the list of all trajectories: no recursion over states knows a memory."""
    steps = problem.objective.horizon if isinstance(problem.objective, FiniteHorizon) else None
    batch, probability = enumerate_trajectories(problem, acting=problem.policy, max_steps=steps)
    to_go, weights = np.zeros(len(batch)), np.zeros(batch.rewards.shape)
    for t in reversed(range(batch.num_steps)):
        to_go = batch.rewards[:, t] + batch.discount * to_go
        weights[:, t] = batch.discount**t * to_go if discounted else to_go
    return np.asarray(probability @ score_sum(problem.policy, batch, weights))
