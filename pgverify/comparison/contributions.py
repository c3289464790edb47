"""Moments of the same contributions by sampling, by listing and by dynamic programming."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from jaxtyping import Float, Integer

from pgverify import exact
from pgverify.kinds import accepts
from pgverify.problem import Problem
from pgverify.recursion import DeclaresRecursion
from pgverify.sampling import sample_chunks
from pgverify.stats import Moments
from pgverify.streaming import sample_moments
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

Contributions: TypeAlias = Callable[[Trajectories], Float[Array, "n d"]]
"""An estimator, or anything else that gives one contribution a trajectory."""
LARGEST_FULL = 200
"""Coordinates up to which the fourth-order sums of the trace are kept: above, its interval is wider than needed."""


@accepts()
def sampled_moments(
    problem: Problem,
    implementation: Contributions,
    count: int,
    seed: int,
    coordinates: Integer[Array, "k"] | None = None,
) -> Moments:
    """Return the moments of `count` contributions, streamed: memory is bounded whatever the count is.

    Parameters
    ----------
    problem : Problem
    implementation : function of a batch
    count, seed : int
    coordinates : [k], optional
        Those to keep; by default all.
    """
    if coordinates is None:
        size = problem.policy.parameters.size
        return sample_moments(implementation, problem, count, seed, diagonal=size > LARGEST_FULL)  # type: ignore[arg-type]
    kept = coordinates
    chunks = sample_chunks(problem, count, seed)
    return Moments.merge_all(Moments.of(implementation(x)[:, kept], len(kept) > LARGEST_FULL) for x in chunks)


@accepts()
def exact_trace(implementation: object, problem: Problem, coordinates: Integer[Array, "k"] | None = None) -> float:
    """Return the exact trace of the covariance over some coordinates; NaN where no recursion is declared."""
    if not isinstance(implementation, DeclaresRecursion):
        return float("nan")
    if coordinates is None:
        return exact.moments(implementation, problem, form="trace").trace
    variance = exact.moments(implementation, problem, form="diagonal").variance
    assert variance is not None
    return float(variance[coordinates].sum())


@accepts()
def listed_moments(contributions: Float[Array, "n d"], weights: Float[Array, "n"]) -> tuple[Float[Array, "d"], float]:
    """Return mean and trace of the covariance of contributions listed with their probabilities."""
    mean = weights @ contributions
    return mean, float(weights @ ((contributions - mean) ** 2).sum(axis=1))
