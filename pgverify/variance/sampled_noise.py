"""The same noise from samples: every estimator on the same trajectories, with intervals that hold all together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidEstimator, InvalidSampling
from pgverify.problem import Problem
from pgverify.recursion import DeclaresRecursion
from pgverify.rollout import Rollout
from pgverify.sampling import sample_chunks
from pgverify.stats import Moments, TraceInterval
from pgverify.stats.variance_region import FEWEST
from pgverify.streaming import sample_moments
from pgverify.streaming.sampled_moments import OURS
from pgverify.trajectories import Trajectories
from pgverify.validation import Array
from pgverify.variance.accuracy import Accuracy
from pgverify.variance.exact_noise import couples
from pgverify.variance.lineup import Lineup

LARGEST_FULL = 200
"""Coordinates up to which the fourth-order sums of the trace are kept: above, its interval is wider than needed."""
CELLS = 2**18
"""Steps that are drawn together."""


@dataclass(frozen=True, eq=False)
class SampledNoise:
    """What samples say of one estimator.

    Attributes
    ----------
    interval : TraceInterval
        Of tr Cov[g] of one trajectory; N times that of the estimate where a batch of N is coupled.
    mean : [d]
    parallel : float
        Variance along the direction given.
    count : int
        Trajectories.
    """

    interval: TraceInterval
    mean: Float[Array, "d"]
    parallel: float
    count: int


def sampled_noise(
    lineup: Lineup,
    problem: Problem,
    law: Rollout,
    direction: Float[Array, "d"],
    count: int,
    seed: int,
    asked: Accuracy,
) -> dict[str, SampledNoise]:
    """Return the sampled noise of every estimator, from the same `count` trajectories.

    Functions that declare no recursion, and estimators that couple a batch, are called on batches of N = `batch_size`
    and their estimates compared; those that declare independent contributions are called on whole chunks. The intervals
    hold all together with probability `confidence` (Bonferroni), as far as `TraceInterval` keeps its own.

    Raises
    ------
    InvalidSampling
        When there are too few trajectories for an interval.
    InvalidEstimator
        When a function's answer is no contribution and no estimate.
    """
    size = asked.batch_size
    whole = {name: _in_one(estimator, law) for name, estimator in lineup.items()}
    fewest = FEWEST * (1 if all(whole.values()) else size)
    if count < fewest:
        units = "trajectories" if fewest == FEWEST else f"batches of {size}, as some estimators may couple a batch"
        raise InvalidSampling(f"samples is {count}, must be at least {fewest}: {FEWEST} {units}")
    steps = law.horizon or int(np.ceil(12.0 / max(1.0 - law.survival, 1e-9)))
    chunk = size * max(1, CELLS // (size * steps))
    parts: dict[str, list[tuple[Moments, Moments]]] = {name: [] for name in lineup}
    count -= count % (1 if all(whole.values()) else size)
    level = 1.0 - (1.0 - asked.confidence) / len(lineup)
    streamed = {
        name: _streamed(sample_moments(estimator, problem, count, seed, asked.max_steps), direction, level)
        for name, estimator in lineup.items()
        if type(estimator) in OURS and whole[name] and direction.size <= LARGEST_FULL
    }
    called = {name: estimator for name, estimator in lineup.items() if name not in streamed}
    for batch in sample_chunks(problem, count, seed, asked.max_steps, chunk) if called else ():
        for name, estimator in called.items():
            rows = estimates(name, estimator, batch, None if whole[name] else size)
            parts[name].append((Moments.of(rows, rows.shape[1] > LARGEST_FULL), Moments.of(rows @ direction[:, None])))
    noises = {name: _noise(parts[name], 1 if whole[name] else size, level) for name in called}
    return {name: (streamed | noises)[name] for name in lineup}


def _streamed(moments: Moments, direction: Float[Array, "d"], level: float) -> SampledNoise:
    """Return the noise of contributions whose whole scatter is known, with nothing of the trajectories kept."""
    along = float(direction @ moments.scatter @ direction) / (moments.count - 1)
    return SampledNoise(TraceInterval.of(moments, level), moments.mean, along, moments.count)


def _in_one(estimator: Any, law: Rollout) -> bool:
    return isinstance(estimator, DeclaresRecursion) and not couples(estimator, law)


def _noise(parts: list[tuple[Moments, Moments]], size: int, level: float) -> SampledNoise:
    all_of_it = Moments.merge_all(part for part, _ in parts)
    along = Moments.merge_all(part for _, part in parts)
    one = TraceInterval.of(all_of_it, level)
    scaled = TraceInterval(level, size * one.trace, size * one.low, size * one.high)
    return SampledNoise(scaled, all_of_it.mean, size * along.trace, size * all_of_it.count)


def estimates(name: str, estimator: Any, batch: Trajectories, size: int | None) -> Float[Array, "k d"]:
    """Return a row a trajectory, or a row a batch of `size`."""
    parameters = batch.policy.parameters.size
    if size is None:
        return _numbers(name, estimator(batch), (len(batch), parameters))
    found = []
    for first in range(0, len(batch) - size + 1, size):
        answer = np.asarray(estimator(batch.select(slice(first, first + size))))
        shape = (parameters,) if answer.ndim == 1 else (size, parameters)
        rows = _numbers(name, answer, shape)
        found.append(rows if rows.ndim == 1 else rows.mean(axis=0))
    return np.stack(found)


def _numbers(name: str, answer: Any, shape: tuple[int, ...]) -> Float[Array, "*shape"]:
    rows = np.asarray(answer)
    if rows.shape != shape or not np.issubdtype(rows.dtype, np.number):
        raise InvalidEstimator(
            f"estimator {name!r} returned {rows.dtype} of shape {rows.shape}, must be numbers, [n, d] = {shape} or [d]"
        )
    return rows.astype(np.float64)
