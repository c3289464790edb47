"""The exact noise of one estimator, as one value: from its moments, or from those of batches that it couples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.exact import batch_moments, moments
from pgverify.exact.estimator_moments import declared_recursion
from pgverify.planning import LARGEST_FULL, degrees_of_freedom, plan, trajectories_needed
from pgverify.problem import Problem
from pgverify.recursion import BatchRecursion, DeclaresRecursion
from pgverify.rollout import Rollout
from pgverify.validation import Array
from pgverify.variance.accuracy import Accuracy
from pgverify.variance.quality import Quality, quality_of

LARGEST_BATCH = 2**53
"""Where a batch of more trajectories is needed, its noise is that of this one: what depends on the size is rounding."""

ROUNDS = 20
"""Steps of the search for a batch size that depends on the noise, which depends on the batch size: it takes two."""


@dataclass(frozen=True)
class Noise:
    """How noisy an estimator is, and what that costs.

    Attributes
    ----------
    quality : Quality
    trajectories : int or None
        How many reach the error asked for; None where no number does.
    note : str
        Why no number does, or how it was found.
    """

    quality: Quality
    trajectories: int | None
    note: str


def couples(estimator: object, law: Rollout) -> bool:
    """Return whether an estimator's contributions depend on the other trajectories, as far as it declares that."""
    return isinstance(estimator, DeclaresRecursion) and isinstance(declared_recursion(estimator, law), BatchRecursion)


def exact_noise(estimator: object, problem: Problem, law: Rollout, truth: Float[Array, "d"], asked: Accuracy) -> Noise:
    """Return the exact noise of an estimator that declares its recursion.

    Parameters
    ----------
    estimator : an estimator that declares its recursion
    problem : Problem
    law : Rollout
        Of the problem, with the `max_steps` asked for.
    truth : [d]
        ∇J.
    asked : Accuracy
    """
    if couples(estimator, law):
        return _coupled_noise(estimator, problem, truth, asked)
    made = plan(estimator, problem, asked.relative_error, asked.confidence, asked.max_steps)
    mean = truth if made.bias_norm == 0.0 else moments(estimator, problem, "trace", asked.max_steps).mean
    return Noise(quality_of(mean, truth, made.trace, made.parallel), made.trajectories, made.note)


def _coupled_noise(estimator: object, problem: Problem, truth: Float[Array, "d"], asked: Accuracy) -> Noise:
    """Return N times the noise of an estimate from N trajectories; the number needed is that of its own batch size."""
    norm = float(np.linalg.norm(truth))
    whole = truth.size <= LARGEST_FULL
    at_size = _per_trajectory(estimator, problem, truth, asked, asked.batch_size, whole)
    size, found = asked.batch_size, at_size
    count: int | None = None
    note = ""
    for _ in range(ROUNDS):
        bias = found.quality.relative_bias * norm if norm > 0 else 0.0
        margin = asked.relative_error * norm - bias
        count, note = trajectories_needed(found.quality.trace, found.freedom, margin, asked.confidence, norm, bias)
        if count is None or count <= 2 or min(count, LARGEST_BATCH) == size:
            break
        size = min(count, LARGEST_BATCH)
        found = _per_trajectory(estimator, problem, truth, asked, size, whole)
    return Noise(at_size.quality, count, note)


@dataclass(frozen=True, eq=False)
class _PerTrajectory:
    quality: Quality
    freedom: float | None


def _per_trajectory(
    estimator: object, problem: Problem, truth: Float[Array, "d"], asked: Accuracy, size: int, whole: bool
) -> _PerTrajectory:
    found = batch_moments(estimator, problem, size, "full" if whole else "trace", asked.max_steps)
    norm = float(np.linalg.norm(truth))
    covariance = None if found.covariance is None else size * found.covariance
    # Without the whole covariance the noise along ∇J is not known: none is the cautious guess.
    parallel = 0.0 if covariance is None or norm == 0.0 else float(truth @ covariance @ truth) / norm**2
    freedom = None if covariance is None else degrees_of_freedom(covariance)
    return _PerTrajectory(quality_of(found.mean, truth, size * found.trace, parallel), freedom)
