"""The variance report: for every estimator of a problem, all that is known exactly, beside the sampled variance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pgverify import exact
from pgverify.comparison.intervals import Simultaneous
from pgverify.errors import InvalidInput
from pgverify.estimators import Estimator
from pgverify.exact.martingale_shares import SOURCES
from pgverify.planning import plan
from pgverify.problem import Problem
from pgverify.sampling import sample_chunks
from pgverify.stats import Moments
from pgverify.studies import Row

LARGEST_SHARES = 1000
"""Coordinates d above which the shares are left out: they take several arrays [S, A, d], 0.1 GB each for Taxi."""


def variance_report(
    problem: Problem,
    estimators: Mapping[str, Estimator],
    reference: str,
    count: int,
    seed: int,
    intervals: Simultaneous,
    relative_error: float = 0.05,
) -> list[Row]:
    """Return a row an estimator: exact variance, sampled variance, ratio, shares, trajectories needed.

    The sampled trace is the mean of |g − ∇J|² over `count` trajectories, the same ones for every estimator. As ∇J is
    known, it is over all coordinates, and no matrix is kept.

    Parameters
    ----------
    problem : Problem
    estimators : {name: estimator}
        Unbiased ones that declare their recursion.
    reference : str
        The name of the estimator that variances are compared with.
    count, seed : int
        Of the trajectories to draw.
    intervals : Simultaneous
    relative_error : float
        Of the estimate, for the number of trajectories needed (`pgverify.plan`, with 95 % confidence).

    Returns
    -------
    Rows with `quantity` "variance_report" and the columns of a sampled row (`exact` and `sampled` are tr Cov[g]),
    `ratio` to the reference, `share_start`, `share_action`, `share_transition`, `share_reward` (where d ≤ 1000),
    `trajectories` needed and `steps` expected in each of them.

    Raises
    ------
    InvalidInput
        When the reference is not among the estimators.
    InvalidEstimator
        When an estimator declares no recursion.
    """
    if reference not in estimators:
        raise InvalidInput(f"reference is {reference!r}, must be one of {', '.join(estimators)}")
    gradient = exact.gradient(problem)
    plans = {name: plan(estimator, problem, relative_error) for name, estimator in estimators.items()}
    squares: dict[str, list[np.ndarray]] = {name: [] for name in estimators}
    for batch in sample_chunks(problem, count, seed):
        for name, estimator in estimators.items():
            squares[name].append(((estimator(batch) - gradient) ** 2).sum(axis=1))
    rows = []
    for name, estimator in estimators.items():
        trace = plans[name].trace
        row = {"estimator": name, **intervals.square_row(Moments.of(np.concatenate(squares[name])[:, None]), trace)}
        row |= {"quantity": "variance_report", "ratio": trace / plans[reference].trace}
        if gradient.size <= LARGEST_SHARES:
            shares = exact.variance_shares(estimator, problem).groupby("source")["trace"].sum()
            row |= {f"share_{source}": float(shares[source]) / trace for source in SOURCES}
        rows.append(row | {"trajectories": plans[name].trajectories, "steps": plans[name].steps_per_trajectory})
    return rows
