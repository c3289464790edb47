"""The Markov reward process that a policy induces: the arrays every exact computation starts from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Inexact

from pgverify.continuous import node_bonus
from pgverify.dynamics import SuccessorLists
from pgverify.errors import InvalidPolicy, TooLarge
from pgverify.exact.fixed_parts import common_part, fixed_parts
from pgverify.policies.steps import remembers
from pgverify.problem import Problem
from pgverify.validation import Array, read_only

LARGEST_DENSE = 5_000
"""States for which a matrix [S, S] is built: 200 MB of float64."""


@dataclass(frozen=True, eq=False)
class Chain:
    """P_π and r_π beside the tables they come from; complex where the policy's parameters are.

    Attributes
    ----------
    start : [S]
    probabilities : [S, A]
        π(a|s).
    successors : SuccessorLists
        P(s'|s,a).
    reward : [S, A, K]
        r(s,a,s') along the successors, with the objective's bonus c(s,a); 0 in terminal states.
    noise : [S, A, K]
        Standard deviation of the reward.
    running : [S] of bool
        True where actions are still taken, that is outside terminal states.
    """

    start: Float[Array, "S"]
    probabilities: Inexact[Array, "S A"]
    successors: SuccessorLists
    reward: Inexact[Array, "S A K"]
    noise: Float[Array, "S A K"]
    running: Bool[Array, "S"]

    @cached_property
    def step_reward(self) -> Inexact[Array, "S A"]:
        """r(s,a) = Σ_{s'} P(s'|s,a) r(s,a,s'), in units of reward."""
        return read_only(self.successors.total(self.reward))

    @cached_property
    def state_reward(self) -> Inexact[Array, "S"]:
        """r_π(s) = Σ_a π(a|s) r(s,a)."""
        return read_only((self.probabilities * self.step_reward).sum(axis=1))

    @cached_property
    def state_transition(self) -> Any:
        """P_π(s'|s) = Σ_a π(a|s) P(s'|s,a) [S, S]: an array, or a sparse one where that is faster."""
        matrix = self.successors.under(self.probabilities)
        read_only(matrix if isinstance(matrix, np.ndarray) else matrix.data)
        return matrix

    @cached_property
    def possible(self) -> Bool[Array, "S A K"]:
        """Where a transition can happen, and a step is taken."""
        chosen = self.probabilities.real[:, :, None] > 0
        return chosen & (self.successors.weight.real > 0) & self.running[:, None, None]

    @cached_property
    def common_reward(self) -> float:
        """m, the middle of the rewards where these are far from zero and close to each other; else 0."""
        return common_part(self.reward.real, self.possible)

    def relative_to(self, common: float) -> Chain:
        """Return the same chain with rewards r − m."""
        rest = np.where(self.running[:, None, None], self.reward - common, 0.0)
        return replace(self, reward=read_only(rest))

    def counting(self) -> Chain:
        """Return the same chain with reward 1 for every step: its values are discounted numbers of steps to come."""
        return replace(self, reward=read_only(np.where(self.running[:, None, None], np.ones(self.reward.shape), 0.0)))

    def steps_to_end(self, horizon: int | None) -> float | None:
        """Return how many steps every episode takes: infinity where none ends; None where they differ.

        Parameters
        ----------
        horizon : int, optional
            Where they end if no terminal state was reached.
        """
        if self.running.all():
            return np.inf if horizon is None else horizon
        reached = self.start > 0
        # What has not been reached after S steps never is.
        for step in range(len(reached) if horizon is None else horizon):
            going = self.running[reached]
            if not going.all():
                return None if going.any() or step == 0 else step
            arrived = np.zeros_like(reached)
            arrived[self.successors.successor[self.possible & reached[:, None, None]]] = True
            reached = arrived
        return np.inf if horizon is None else horizon

    def dense_transition(self) -> Inexact[Array, "S S"]:
        """Return P_π as an array, refusing one that would not fit in memory."""
        matrix = self.state_transition
        if isinstance(matrix, np.ndarray):
            return matrix
        states = len(self.start)
        if states > LARGEST_DENSE:
            raise TooLarge(
                f"problem has {states:,} states, at most {LARGEST_DENSE:,} where the matrix [S, S] of the chain is "
                "needed; use FiniteHorizon or Discounted"
            )
        return np.asarray(matrix.toarray())


def require_markov(problem: Problem) -> None:
    """Refuse a policy that remembers: its actions do not form a chain of states."""
    if remembers(problem.policy):
        raise InvalidPolicy(
            f"policy is {problem.policy!r}, which depends on more than the state, must have no next_probabilities for "
            "exact recursions over states; list it (exact.enumerate_trajectories) or sample it"
        )


def induced_chain(problem: Problem) -> Chain:
    """Return the chain of the problem's policy on its MDP; a bonus of the objective is among the rewards."""
    mdp, bonus, fixed = problem.mdp, problem.objective.bonus, fixed_parts(problem.mdp)
    probabilities = np.array(problem.policy.probabilities())  # a copy: a policy may hand out its own array
    reward = fixed.reward
    if bonus is not None:
        paid = mdp.paid + node_bonus(bonus, problem.policy)[:, :, None]
        reward = read_only(np.where(mdp.terminal[:, None, None], 0.0, paid))
    chain = Chain(
        start=mdp.start,
        probabilities=read_only(probabilities),
        successors=mdp.successors,
        reward=reward,
        noise=mdp.noise,
        running=fixed.running,
    )
    if bonus is None:  # what would come out the same for every policy is not reckoned for each
        vars(chain)["step_reward"] = fixed.step_reward
        if (probabilities.real > 0.0).all():
            vars(chain)["common_reward"] = fixed.common_reward
    return chain
