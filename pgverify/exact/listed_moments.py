"""The exact moments of *any* function of a batch, by listing every batch: slow, but it assumes nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidEstimator, InvalidSampling, TooLarge
from pgverify.exact.batches import every_sequence
from pgverify.exact.enumeration import count_trajectories, enumerate_trajectories
from pgverify.exact.estimator_moments import EstimatorMoments
from pgverify.exact.expectation import expectation
from pgverify.kinds import FUNCTION, accepts
from pgverify.problem import REAL_PROBLEM, Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array, refuse_non_finite, require_integer

DEFAULT_BATCHES = 20_000
"""Batches: each is one call of the function, a few seconds in all."""


@accepts(estimator=FUNCTION, problem=REAL_PROBLEM)
def enumerated_moments(
    estimator: Callable[[Trajectories], Float[Array, "*n d"]],
    problem: Problem,
    batch_size: int = 1,
    limit: int = DEFAULT_BATCHES,
) -> EstimatorMoments:
    """Return the exact mean and covariance of the estimate from a batch of n, by calling it on every batch there is.

    E[ĝ] = Σ_{τ_1..τ_n} P(τ_1)…P(τ_n) ĝ(τ_1, …, τ_n). Exact for every deterministic function, however it couples the
    trajectories: normalised advantages, group standard deviations. With reward noise only the means of the rewards are
    listed, see `enumerate_trajectories`.

    Parameters
    ----------
    estimator : batch -> [n, d] or [d]
        Rows are averaged.
    problem : Problem
        With a finite horizon and few trajectories N.
    batch_size : int
        n ≥ 1.
    limit : int
        Largest number of batches N^n.

    Raises
    ------
    TooLarge
        Naming the count, before anything is called.
    InvalidEstimator
        When the estimate is not finite or not [d].
    """
    n = require_integer("batch_size", batch_size, 1, InvalidSampling)
    limit = require_integer("limit", limit, 1, TooLarge)
    count = count_trajectories(problem)
    if count**n > limit:
        raise TooLarge(
            f"problem has {count:,} trajectories, that is {count**n:,} batches of {n}, at most limit={limit:,} are "
            "listed; shorten the horizon, take a smaller batch, raise the limit, or sample"
        )
    batch, probability = enumerate_trajectories(problem, max(count, 1))
    size = problem.policy.parameters.size

    def estimate(rows: list[int]) -> Float[Array, "d"]:
        found = np.asarray(estimator(batch.select(rows)), dtype=np.float64)
        found = found.mean(axis=0) if found.ndim == 2 else found
        if found.shape != (size,):
            raise InvalidEstimator(
                f"estimator returned an estimate of shape {found.shape} for trajectories {tuple(rows)}, must be [d] = "
                f"{(size,)} or [n, d]"
            )
        refuse_non_finite(f"estimate for trajectories {tuple(rows)}", found, InvalidEstimator)
        return found

    found = expectation(estimate, every_sequence(probability, n))
    variance = np.diag(found.covariance).copy()
    return EstimatorMoments(found.mean, float(variance.sum()), variance, found.covariance)
