"""Numbers by state: how often it is visited, what it is worth, and how much of gradient and variance belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from pgverify.exact import OptimalBaseline, moments
from pgverify.exact.step_law import step_law
from pgverify.problem import Problem
from pgverify.rollout import Rollout
from pgverify.validation import Array
from pgverify.variance.layout import Layout

if TYPE_CHECKING:
    import pandas as pd

MAPS: Mapping[str, str] = {
    "visits": "expected number of steps taken in the state, in one trajectory",
    "value": "V of the policy at the start",
    "best_baseline": "the best baseline of reward-to-go that is a function of the state",
    "gradient": "length of the part of ∇J at the parameters of the state",
    "variance": "part of tr Cov[g] of reward-to-go at the parameters of the state",
    "variance_recommended": "part of tr Cov[g] of the estimator that is recommended",
}
"""The columns that are drawn, and what they hold."""


def state_maps(
    problem: Problem,
    law: Rollout,
    truth: Float[Array, "d"],
    best: OptimalBaseline,
    estimators: Mapping[str, Any],
    layout: Layout | None,
    max_steps: int | None,
) -> pd.DataFrame:
    """Return a row a state: `state, row, column, terminal` and the columns of `MAPS`.

    Gradient and variance have a part for each state where no two states share a parameter, and are left out otherwise.

    Parameters
    ----------
    problem : Problem
    law : Rollout
    truth : [d]
        ∇J.
    best : OptimalBaseline
        Of reward-to-go.
    estimators : {column: estimator}
        Whose variance is told, in columns of that name.
    layout : [S, 2], optional
        Row and column of every state.
    max_steps : int, optional
        As for `pgverify.sample`.
    """
    import pandas as pd

    steps = step_law(problem, law)
    states = np.arange(problem.mdp.num_states)
    values = np.asarray(law.values)
    columns: dict[str, Any] = {"state": states}
    if layout is not None:
        columns |= {"row": layout[:, 0], "column": layout[:, 1]}
    columns |= {
        "terminal": problem.mdp.terminal,
        "visits": steps.visits().sum(axis=0),
        "value": values[0] if values.ndim == 2 else values,
        "best_baseline": best.by_state,
    }
    if steps.blocks.disjoint:
        touched = (steps.blocks.score != 0).any(axis=1)
        columns["gradient"] = np.sqrt(_by_state(truth**2, steps.blocks.parameter, touched))
        for name, estimator in estimators.items():
            variance = moments(estimator, problem, "diagonal", max_steps).variance
            columns[name] = _by_state(np.asarray(variance), steps.blocks.parameter, touched)
    return pd.DataFrame(columns)


def _by_state(numbers: Float[Array, "d"], parameter: Array, touched: Array) -> Float[Array, "S"]:
    """Return the sum over the parameters of each state."""
    return np.where(touched, numbers[parameter], 0.0).sum(axis=1)
