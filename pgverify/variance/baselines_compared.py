"""What a baseline can do: the best of each class, and what each of them leaves of the variance of reward-to-go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgverify.baselines import StateValue
from pgverify.estimators import RewardToGo
from pgverify.exact import OptimalBaseline, moments
from pgverify.problem import Problem
from pgverify.variance.table import ratio

if TYPE_CHECKING:
    import pandas as pd

CLASSES = {
    "none": "none",
    "constant": "the best constant",
    "V": "V, the value of the policy",
    "by_state": "the best function of the state",
    "textbook": "E[|ψ|² Q] / E[|ψ|²] (Greensmith et al. 2004)",
    "values": "b*, the best function of time and state",
    "by_coordinate": "the best for every coordinate of θ by itself",
}


def baselines_compared(problem: Problem, best: OptimalBaseline, max_steps: int | None) -> pd.DataFrame:
    """Return a row for each class of baselines of reward-to-go: `baseline`, `meaning`, `trace`, `ratio_to_none`.

    Parameters
    ----------
    problem : Problem
    best : OptimalBaseline
        Of reward-to-go.
    max_steps : int, optional
        As for `pgverify.sample`.
    """
    import pandas as pd

    value = moments(RewardToGo(StateValue()), problem, "trace", max_steps).trace
    traces = {**best.trace, "V": value}
    rows = [
        {
            "baseline": name,
            "meaning": meaning,
            "trace": traces[name],
            "ratio_to_none": ratio(traces[name], traces["none"]),
        }
        for name, meaning in CLASSES.items()
    ]
    return pd.DataFrame(rows)
