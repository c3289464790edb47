"""How large an estimate of the gradient from one trajectory can be, however improbable the trajectory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from pgverify.dynamics import SuccessorLists
from pgverify.errors import InvalidObjective
from pgverify.exact.score_blocks import score_blocks
from pgverify.exact.solution import solve
from pgverify.problem import FiniteHorizon, Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class EstimateBounds:
    """Bounds on an estimate ĝ of ∇J from one trajectory, over all usual estimators.

    Attributes
    ----------
    largest : [d]
        |ĝ_j| ≤ Σ_t max_{s,a} |ψ_j(s,a)| B_t(s), for every trajectory of positive probability.
    weight : [T, S]
        B_t(s): the largest weight of a step; 0 where a state cannot be reached.
    """

    largest: Float[Array, "d"]
    weight: Float[Array, "T S"]


def estimate_bounds(problem: Problem) -> EstimateBounds:
    """Return how large ĝ = Σ_t w_t ψ_t can be, with |w_t| ≤ B_t(s_t).

    B_t = (past⁺ + γ^t G⁺) − (past⁻ + γ^t G⁻),  G⁺_t(s) = max(0, max_{a,s'} r + γ G⁺_{t+1}(s'))

    the largest sum of the rewards that may follow, wherever it is broken off; past⁺_t(s) of those before, and G⁻ and
    past⁻ the smallest. Holds for the total return; and for reward-to-go, n-step and λ-advantages, without a baseline or
    with one that lies between G⁻ and G⁺, as V does. Rewards are at their means: noise is not bounded.

    Parameters
    ----------
    problem : Problem
        With a `FiniteHorizon` objective.

    Raises
    ------
    InvalidObjective
        When the objective has no horizon.
    """
    objective, mdp = problem.objective, problem.mdp
    if not isinstance(objective, FiniteHorizon):
        raise InvalidObjective(f"objective is {objective!r}, must be FiniteHorizon(...) for estimates to be bounded")
    probabilities = problem.policy.probabilities()
    lists, paid = mdp.successors, solve(problem).chain.reward
    possible = (probabilities[:, :, None] > 0) & (lists.weight > 0) & ~mdp.terminal[:, None, None]
    reached, high = _reach(lists, possible, paid, mdp.start > 0, objective)
    _, low = _reach(lists, possible, -paid, mdp.start > 0, objective)
    weight = np.where(reached & ~mdp.terminal, high + low, 0.0)
    blocks = score_blocks(problem.policy)
    score = np.where(probabilities[:, :, None] > 0, np.abs(blocks.score), 0.0).max(axis=1)  # [S, k]
    largest = np.zeros(blocks.size)
    for here in weight:
        most = np.zeros(blocks.size)
        np.maximum.at(most, blocks.parameter, score * here[:, None])
        largest += most
    return EstimateBounds(largest, weight)


def trajectory_bounds(batch: Trajectories, weight: Float[Array, "T S"]) -> Float[Array, "n d"]:
    """Return Σ_t |ψ_j(s_t,a_t)| B_t(s_t) for each trajectory: the bound on its own |ĝ_j|.

    Parameters
    ----------
    batch : Trajectories
        Of the problem whose `weight` it is.
    weight : [T, S]
        As in `EstimateBounds`.
    """
    score = np.abs(score_blocks(batch.problem.policy, whole=True).dense())
    total = np.zeros((len(batch), score.shape[2]))
    for time in range(batch.num_steps):
        states = batch.states[:, time]
        steps = np.where(batch.mask[:, time], weight[time, states], 0.0)
        total += score[states, batch.action_numbers[:, time]] * steps[:, None]
    return total


def _reach(
    lists: SuccessorLists,
    possible: Bool[Array, "S A K"],
    reward: Float[Array, "S A K"],
    start: Bool[Array, "S"],
    objective: FiniteHorizon,
) -> tuple[Bool[Array, "T S"], Float[Array, "T S"]]:
    """Return which states can be reached at which time, and past⁺ + γ^t G⁺ there."""
    best = np.where(possible, reward, -np.inf)
    ahead = [np.zeros(len(start))]
    for _ in range(objective.horizon):
        following = best + objective.discount * lists.at_successors(ahead[-1])
        ahead.append(np.maximum(0.0, following.max(axis=(1, 2))))
    reached, behind = [start.copy()], [np.zeros(len(start))]
    for time in range(objective.horizon - 1):
        onward = reached[-1][:, None, None] & possible
        following = lists.successor[onward]
        arrived, paid = np.zeros(len(start), dtype=bool), np.zeros(len(start))
        arrived[following] = True
        sums = behind[-1][:, None, None] + objective.discount**time * np.where(onward, best, 0.0)
        np.maximum.at(paid, following, sums[onward])
        reached.append(arrived)
        behind.append(paid)
    powers = objective.discount ** np.arange(objective.horizon)
    return np.stack(reached), np.stack(behind) + powers[:, None] * np.stack(ahead[:0:-1])
