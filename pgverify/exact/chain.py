"""The Markov reward process that a policy induces: the arrays every exact computation starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Inexact

from pgverify.problem import Problem
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class Chain:
    """P_π and r_π beside the tables they come from; complex where the policy's parameters are.

    Attributes
    ----------
    start : [S]
    probabilities : [S, A]
        π(a|s).
    transition : [S, A, S]
    step_reward : [S, A]
        r(s,a) = Σ_{s'} P(s'|s,a) r(s,a,s'), in units of reward.
    state_transition : [S, S]
        P_π(s'|s) = Σ_a π(a|s) P(s'|s,a).
    state_reward : [S]
        r_π(s) = Σ_a π(a|s) r(s,a).
    running : [S] of bool
        True where actions are still taken, that is outside terminal states.
    """

    start: Float[Array, "S"]
    probabilities: Inexact[Array, "S A"]
    transition: Float[Array, "S A S"]
    step_reward: Float[Array, "S A"]
    state_transition: Inexact[Array, "S S"]
    state_reward: Inexact[Array, "S"]
    running: Bool[Array, "S"]


def induced_chain(problem: Problem) -> Chain:
    """Return the chain of the problem's policy on its MDP."""
    mdp = problem.mdp
    probabilities = problem.policy.probabilities()
    step_reward = np.einsum("ijk,ijk->ij", mdp.transition, mdp.reward)
    return Chain(
        start=mdp.start,
        probabilities=probabilities,
        transition=mdp.transition,
        step_reward=np.where(mdp.terminal[:, None], 0.0, step_reward),
        state_transition=(probabilities[:, None, :] @ mdp.transition)[:, 0, :],
        state_reward=np.where(mdp.terminal, 0.0, (probabilities * step_reward).sum(axis=1)),
        running=~mdp.terminal,
    )
