"""A problem as it is drawn: its tables as plain data, where they are small enough to be looked at."""

from __future__ import annotations

import numpy as np

from pgverify.drawing.small_problem import Arrow, SmallProblem
from pgverify.problem import FiniteHorizon, Problem

MOST_ARROWS = 200
"""Arrows of a problem that is still drawn or listed."""


def shown_problem(name: str, problem: Problem, max_steps: int | None = None) -> SmallProblem:
    """Return a tabular problem as plain data; of one with too many transitions its name and sizes alone.

    Parameters
    ----------
    name : str
    problem : Problem
    max_steps : int, optional
        Steps after which episodes are cut.
    """
    mdp = problem.mdp
    successors, weight = mdp.successors.successor, mdp.successors.weight
    places = [(s, a, k) for s, a, k in np.argwhere(weight > 0.0) if not mdp.terminal[s]]
    arrows = [
        Arrow(int(s), int(a), int(successors[s, a, k]), float(weight[s, a, k]), float(mdp.paid[s, a, k]))
        for s, a, k in places[: MOST_ARROWS + 1]
    ]
    small = len(arrows) <= MOST_ARROWS
    objective = problem.objective
    return SmallProblem(
        name,
        mdp.num_states,
        mdp.num_actions,
        tuple(map(float, mdp.start)) if small else (),
        tuple(map(bool, mdp.terminal)) if small else (),
        tuple(tuple(map(float, row)) for row in problem.policy.probabilities()) if small else (),
        tuple(arrows) if small else (),
        objective.horizon if isinstance(objective, FiniteHorizon) else None,
        float(getattr(objective, "discount", 1.0)),
        max_steps,
    )
