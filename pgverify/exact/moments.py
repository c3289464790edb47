"""The exact mean and covariance of an estimator's contribution from one trajectory: variance without sampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidEstimator
from pgverify.exact.curvature import require_matrix_fits
from pgverify.exact.rollouts import rollout
from pgverify.exact.step_law import StepLaw, step_law
from pgverify.exact.step_moments import backward_sweep, second_moment_blocks
from pgverify.exact.total_moments import Form, total_moments
from pgverify.problem import Problem
from pgverify.recursion import DeclaresRecursion, Recursion, StepRecursion
from pgverify.rollout import Rollout
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class EstimatorMoments:
    """Mean and covariance of g, the contribution of one trajectory; a batch of n has covariance/n.

    Attributes
    ----------
    mean : [d]
        E[g], in units of reward per unit of θ.
    trace : float
        tr Cov[g] = E|g − E g|².
    variance : [d] or None
        Var[g_j]; None when only the trace was asked for.
    covariance : [d, d] or None
        Cov[g]; None unless asked for in full.
    """

    mean: Float[Array, "d"]
    trace: float
    variance: Float[Array, "d"] | None = None
    covariance: Float[Array, "d d"] | None = None


def moments(
    estimator: object, problem: Problem, form: Form = "full", max_steps: int | None = None
) -> EstimatorMoments:
    """Return the exact mean and covariance of an estimator, by dynamic programming over time.

    The second moment is E[g g^T] = Σ_t E[p_t p_t^T (Y_t − b_t)² + sym(2 p_t (Y_t − b_t) X_{t+1}^T)], where
    p_t = c_t ψ_t and X_t is the part of g from step t on; nothing is sampled and nothing is cut off. Accurate to
    rounding relative to E|g|². The diagonal and the trace never build a [d, d] matrix: with tabular policies they take
    O(S·d) memory; time grows linearly with the horizon.

    Parameters
    ----------
    estimator : an estimator that declares its recursion
        TotalReturn, RewardToGo, GeneralizedAdvantage, NStepAdvantage, or anything with a method
        `recursion(rollout)`.
    problem : Problem
    form : "full", "diagonal" or "trace"
        How much of the covariance to compute.
    max_steps : int, optional
        As for `pgverify.sample`: the moments are those of exactly the trajectories that it draws.

    Raises
    ------
    InvalidEstimator
        When the estimator declares no recursion, or a baseline or critic does not fit.
    TooLarge
        When d is too large for a [d, d] matrix.

    References
    ----------
    The recursion is checked against enumeration in the tests.
    """
    if form not in ("full", "diagonal", "trace"):
        raise InvalidEstimator(f"form is {form!r}, must be 'full', 'diagonal' or 'trace'")
    if form == "full":
        require_matrix_fits(problem)
    law = step_law(problem, rollout(problem, max_steps), whole=form == "full")
    declared = declared_recursion(estimator, law.rollout)
    if isinstance(declared, StepRecursion):
        mean, second = _step_weighted(law, declared, form)
    else:
        mean, second = total_moments(law, declared, form)
    scale = law.rollout.step_scale
    return _centred(scale * mean, scale**2 * second)


def declared_recursion(estimator: object, law: Rollout) -> Recursion:
    """Return the recursion an estimator declares, or say what can be done when it declares none."""
    if not isinstance(estimator, DeclaresRecursion):
        raise InvalidEstimator(
            f"estimator is {estimator!r}, must declare its recursion for exact moments; otherwise sample it "
            "(pgverify.sample, pgverify.stats.Moments) or enumerate (exact.enumerated_moments)"
        )
    return estimator.recursion(law)


def _centred(mean: Float[Array, "d"], second: Float[Array, "*form"]) -> EstimatorMoments:
    # A variance of exactly 0 may come out as a rounding error below it.
    if second.ndim == 2:
        covariance = second - np.outer(mean, mean)
        covariance = (covariance + covariance.T) / 2.0
        variance = np.maximum(np.diag(covariance), 0.0)
        return EstimatorMoments(mean, float(variance.sum()), variance, covariance)
    if second.ndim == 1:
        variance = np.maximum(second - mean**2, 0.0)
        return EstimatorMoments(mean, float(variance.sum()), variance)
    return EstimatorMoments(mean, max(float(second - mean @ mean), 0.0))


def _step_weighted(
    law: StepLaw, declared: StepRecursion, form: Form
) -> tuple[Float[Array, "d"], Float[Array, "*form"]]:
    visits = law.visits()
    blocks = law.blocks
    total = np.zeros((blocks.size, blocks.size) if form == "full" else blocks.parameter.shape)
    mean = np.zeros((len(law.chain.start), blocks.size))
    for step in backward_sweep(law, declared):
        weights, partner = second_moment_blocks(law, step, visits[step.time])
        p = step.coefficient * blocks.score
        if form == "full":
            half = p * (weights[:, :, None] / 2.0) + partner
            product = p.reshape(-1, blocks.size).T @ half.reshape(-1, blocks.size)
            total += product + product.T
        else:
            total += (p * (weights[:, :, None] * p + 2.0 * partner)).sum(axis=1)
        mean = step.mean
    start = np.where(law.chain.running, law.rollout.start, 0.0)
    if form == "diagonal":
        total = blocks.scatter(total).sum(axis=0)
    return start @ mean, np.asarray(total.sum()) if form == "trace" else total
