"""What is known of an explored problem: its trajectories, and what an estimate should be there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from pgverify.checking.verdict.first_terms import visited
from pgverify.estimators import RewardToGo
from pgverify.exact import gradient, values
from pgverify.exact.enumeration import enumerate_trajectories
from pgverify.exact.expectation import Expectation
from pgverify.suites.exploration import explored_problem
from pgverify.suites.explored_problem import ExploredProblem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

MOST_EXPLORED = 100
"""Trajectories of one explored problem: what shows on a small problem shows on it alone."""

BOOTSTRAPPED, CUT_OFF = "bootstrapped", "cut off"
"""What an estimate may be where episodes are cut: with what comes after the cut, or without it."""


@dataclass(frozen=True, eq=False)
class ExploredCase:
    """An explored problem with everything that is computed of it once.

    Attributes
    ----------
    explored : ExploredProblem
    batch : Trajectories
        All there are.
    probability : [n]
    natural : float
        E max|ĝ| of reward-to-go: the size of an estimate.
    at_the_cut : mapping of name to [d]
        `BOOTSTRAPPED`, the first terms of ∇J, and `CUT_OFF`, the gradient of the return until the cut; empty where
        episodes are not cut.
    """

    explored: ExploredProblem
    batch: Trajectories
    probability: Float[Array, "n"]
    natural: float
    at_the_cut: Mapping[str, Float[Array, "d"]]

    def with_unit_rewards(self) -> ExploredCase | None:
        """Return the same case with rewards of ordinary size; None where they have it."""
        mdp = self.explored.problem.mdp
        largest = float(np.abs(mdp.paid).max(initial=0.0))
        if 1e-3 < largest < 1e3 or largest == 0.0:
            return None
        problem = replace(self.explored.problem, mdp=mdp.with_rewards(mdp.paid / largest))
        return case_of(replace(self.explored, problem=problem))


@lru_cache(maxsize=128)
def known_case(index: int) -> ExploredCase:
    """Return a problem of the sequence with everything that is computed of it; kept for the next check."""
    return case_of(explored_problem(index))


def case_of(explored: ExploredProblem) -> ExploredCase:
    """Return an explored problem with everything that is computed of it.

    Raises
    ------
    TooLarge
        When it has more trajectories than are explored.
    """
    batch, probability = enumerate_trajectories(explored.problem, MOST_EXPLORED, max_steps=explored.max_steps)
    natural = Expectation(probability, RewardToGo()(batch)).largest
    return ExploredCase(explored, batch, probability, natural, _at_the_cut(explored))


def _at_the_cut(explored: ExploredProblem) -> Mapping[str, Float[Array, "d"]]:
    if explored.max_steps is None:
        return {}
    until, steps = explored.until_the_cut, explored.max_steps
    # E Σ_{t<T} γ^t ψ_t Q_t with the Q of the whole problem, which goes on after the cut.
    after = values(explored.problem).action
    after = np.broadcast_to(after, (steps, *after.shape)) if after.ndim == 2 else after[:steps]
    powers = np.power(explored.discount, np.arange(steps))
    return {
        BOOTSTRAPPED: visited(until, powers[:, None, None] * after),
        CUT_OFF: np.asarray(gradient(until)),
    }
