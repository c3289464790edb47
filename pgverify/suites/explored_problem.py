"""A problem beyond the fixed suite: it may be cut, and it can be printed as the code that builds it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pgverify.problem import FiniteHorizon, Problem
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class ExploredProblem:
    """A problem of the explored sequence, or one made smaller from it.

    Attributes
    ----------
    name : str
        With its number in the sequence.
    problem : Problem
        Tabular, with a softmax policy.
    max_steps : int or None
        Steps after which episodes are cut; None where they are not.
    """

    name: str
    problem: Problem
    max_steps: int | None = None

    @property
    def discount(self) -> float:
        """γ."""
        return float(getattr(self.problem.objective, "discount", 1.0))

    @property
    def until_the_cut(self) -> Problem:
        """The problem whose horizon is the cut: J is then the return of the first `max_steps` steps."""
        if self.max_steps is None:
            return self.problem
        return replace(self.problem, objective=FiniteHorizon(self.max_steps, self.discount))

    def as_code(self) -> str:
        """Return the expression that builds the problem, and how it is cut."""
        mdp, policy = self.problem.mdp, self.problem.policy
        terminal = f", terminal={mdp.terminal.tolist()}" if mdp.terminal.any() else ""
        tables = f"start={_list(mdp.start)}, transition={_list(mdp.transition)}, reward={_list(mdp.reward)}{terminal}"
        objective = self.problem.objective
        if isinstance(objective, FiniteHorizon):
            length = f"pgv.FiniteHorizon({objective.horizon}, {objective.discount:g})"
        else:
            length = f"pgv.Discounted({self.discount:g})"
        cut = "" if self.max_steps is None else f", cut by max_steps={self.max_steps}"
        logits = policy.parameters.reshape(policy.probabilities().shape)
        return f"pgv.Problem(pgv.TabularMDP({tables}), pgv.SoftmaxPolicy({_list(logits)}), {length}){cut}"


def _list(table: Array) -> str:
    return str((np.round(table, 12) + 0.0).tolist()).replace(" ", "").replace(".0,", ",").replace(".0]", "]")
