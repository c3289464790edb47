"""Where the variance of each estimator comes from: by random draw and by time, and summed over time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pgverify.exact import variance_shares
from pgverify.exact.martingale_shares import SOURCES
from pgverify.problem import Problem
from pgverify.variance.table import no_rows

if TYPE_CHECKING:
    import pandas as pd


SHARE_COLUMNS = ("estimator", "source", "time", "trace")


def source_shares(estimators: Iterable[tuple[str, Any]], problem: Problem, max_steps: int | None) -> pd.DataFrame:
    """Return `estimator, source, time, trace`: what each draw at each time adds to tr Cov[g], exactly.

    Parameters
    ----------
    estimators : (name, estimator) pairs
        That declare the recursion of one trajectory.
    problem : Problem
    max_steps : int, optional
        As for `pgverify.sample`.
    """
    import pandas as pd

    parts = [
        variance_shares(estimator, problem, max_steps=max_steps).assign(estimator=name)
        for name, estimator in estimators
    ]
    return pd.concat(parts, ignore_index=True)[[*SHARE_COLUMNS]] if parts else no_rows(*SHARE_COLUMNS)


def summed_shares(shares: pd.DataFrame) -> pd.DataFrame:
    """Return `estimator`, then `start, action, transition, reward` as shares of the trace, in one row an estimator."""
    import pandas as pd

    rows = []
    for name in shares["estimator"].drop_duplicates():
        mine = shares[shares["estimator"] == name].groupby("source")["trace"].sum()
        total = float(mine.sum())
        rows.append(
            {"estimator": name} | {source: float(mine[source]) / total if total > 0 else 0.0 for source in SOURCES}
        )
    return pd.DataFrame(rows, columns=["estimator", *SOURCES])
