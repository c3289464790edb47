"""Problems on which every factor of an estimator matters, on-policy and with another policy acting."""

from __future__ import annotations

import numpy as np

import pgverify as pgv
from pgverify.collected_problem import CollectedProblem
from pgverify.policies import Policy
from pgverify.problem import Objective


def lively(objective: Objective | None = None, states: int = 3) -> pgv.Problem:
    """Return a problem without symmetries."""
    rng = np.random.default_rng(3)
    mdp = pgv.TabularMDP(
        rng.dirichlet(np.ones(states)),
        rng.dirichlet(np.ones(states), (states, 2)),
        rng.normal(size=(states, 2, states)),
    )
    return pgv.Problem(mdp, pgv.SoftmaxPolicy(rng.normal(size=(states, 2))), objective or pgv.FiniteHorizon(3, 0.7))


def lent(objective: Objective | None = None) -> CollectedProblem:
    """Return the same with another policy acting."""
    plain = lively(objective)
    return CollectedProblem(plain.mdp, plain.policy, plain.objective, acting=other_policy(plain))


def other_policy(problem: pgv.Problem) -> Policy:
    return pgv.SoftmaxPolicy(np.random.default_rng(9).normal(size=problem.policy.probabilities().shape))


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the distance of two vectors over the length of the second."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def state_gradients(problem: pgv.Problem, table: np.ndarray) -> np.ndarray:
    """Return Σ_a ∇π(a|s) x(s,a) for every state [S, d], one entry after another."""
    score, probabilities = problem.policy.score(), problem.policy.probabilities()
    rows = np.zeros((score.shape[0], score.shape[2]))
    for s in range(score.shape[0]):
        for a in range(score.shape[1]):
            rows[s] += probabilities[s, a] * score[s, a] * table[s, a]
    return rows
