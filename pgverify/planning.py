"""How many trajectories are needed: from exact moments, before a single one is drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.counts import counted
from pgverify.errors import InvalidSampling
from pgverify.exact.estimator_moments import moments, recursion_moments, row_recursion
from pgverify.exact.gradient_theorem import gradient
from pgverify.exact.rollout_law import rollout
from pgverify.exact.score_blocks import ScoreBlocks
from pgverify.exact.step_law import StepLaw, step_law
from pgverify.kinds import FLAG, accepts, known_arguments, suggesting
from pgverify.problem import REAL_PROBLEM, Problem
from pgverify.validation import Array, require_integer, require_number

LARGEST_FULL = 400
"""Largest d for which the whole covariance is computed, to know how many directions share the noise."""


@known_arguments
@dataclass(frozen=True)
class Plan:
    """What a batch of a given size will be worth, by exact moments and the normal approximation of a mean.

    Attributes
    ----------
    trajectories : int or None
        N such that |ĝ − ∇J| ≤ `relative_error`·|∇J| with probability `confidence`; None where no N suffices.
    note : str
        Why no N suffices, or how the quantile was found.
    relative_error, confidence : float
        What was asked for.
    gradient_norm : float
        |∇J|.
    bias_norm : float
        |E ĝ − ∇J|; does not fall with N.
    trace : float
        tr Cov[g] of one trajectory's contribution.
    parallel : float
        Variance of one contribution along ∇J; the rest of the trace is perpendicular.
    steps_per_trajectory : float
        Expected number of environment steps.
    """

    trajectories: int | None
    note: str
    relative_error: float
    confidence: float
    gradient_norm: float
    bias_norm: float
    trace: float
    parallel: float
    steps_per_trajectory: float

    def __repr__(self) -> str:
        return (
            f"Plan(trajectories={self.trajectories}, relative_error={self.relative_error:g}, "
            f"confidence={self.confidence:g}, trace={self.trace:.6g}, gradient_norm={self.gradient_norm:.6g}, "
            f"bias_norm={self.bias_norm:.6g})"
        )

    def __str__(self) -> str:
        asked = f"for |ĝ − ∇J| ≤ {self.relative_error:g} |∇J| with probability {self.confidence:g}"
        if self.trajectories is None:
            first = f"No number of trajectories suffices {asked}: {self.note}"
        else:
            drawn = counted(self.trajectories, "trajectory", "trajectories")
            first = f"{drawn}, {counted(self.environment_steps or 0.0, 'environment step')}, {asked}"
        steps = counted(self.steps_per_trajectory, "step", spelled=f"{self.steps_per_trajectory:.6g}")
        return (
            f"{first}\n"
            f"  |∇J| {self.gradient_norm:.6g}, |bias| {self.bias_norm:.6g}, tr Cov[g] {self.trace:.6g} of one "
            f"trajectory ({self.parallel:.6g} along ∇J)\n"
            f"  signal to noise {self.signal_to_noise:.6g} a trajectory of {steps}"
            + ("" if self.trajectories is None else f"; {self.note}")
        )

    @property
    def signal_to_noise(self) -> float:
        """Return |∇J|² / tr Cov[g], for one trajectory."""
        return self.gradient_norm**2 / self.trace if self.trace > 0 else np.inf

    @property
    def efficiency(self) -> float:
        """Return the signal-to-noise ratio per environment step, |∇J|² / (tr Cov[g] · E[steps])."""
        steps = self.steps_per_trajectory
        return self.signal_to_noise / steps if steps > 0 else np.inf

    @property
    def environment_steps(self) -> float | None:
        """Return the expected number of environment steps of the whole plan."""
        return None if self.trajectories is None else self.trajectories * self.steps_per_trajectory

    def mean_squared_error(self, batch_size: int) -> float:
        """Return E|ĝ − ∇J|² = |bias|² + tr Cov[g]/N, exactly."""
        batch_size = require_integer("batch_size", batch_size, 1, InvalidSampling)
        return self.bias_norm**2 + self.trace / batch_size

    def cosine(self, batch_size: int) -> float:
        """Return the cosine with ∇J to be expected of an unbiased estimate, 1/√(1 + tr Σ_⊥/(N |∇J|²)).

        Only the noise perpendicular to ∇J turns the estimate; the trace of all of it would understate the cosine.
        Accurate when the noise along ∇J is small beside |∇J|.
        """
        batch_size = require_integer("batch_size", batch_size, 1, InvalidSampling)
        if self.gradient_norm == 0.0:
            return 0.0
        perpendicular = max(self.trace - self.parallel, 0.0)
        return float(1.0 / np.sqrt(1.0 + perpendicular / (batch_size * self.gradient_norm**2)))


@accepts(problem=REAL_PROBLEM, above_one=FLAG)
def plan(
    estimator: object,
    problem: Problem,
    relative_error: float = 0.05,
    confidence: float = 0.95,
    max_steps: int | None = None,
    above_one: bool = False,
) -> Plan:
    """Return how many trajectories an estimator needs for a stated accuracy, from its exact moments.

    N is the smallest number with P(|ĝ − ∇J| ≤ ε |∇J|) ≥ confidence, where ĝ is taken as normal about E ĝ and |noise|²
    as a multiple of χ²_ν with ν = (tr Σ)²/tr Σ² (Satterthwaite); above d = 400 ν = 1, which asks for more than is
    needed. A bias is taken off the margin.

    Parameters
    ----------
    estimator : an estimator that declares its recursion
    problem : Problem
    relative_error : float
        ε in (0, 1]: an estimate of zero, which says nothing, has an error of 1.
    confidence : float
        In (0, 1).
    max_steps : int, optional
        As for `pgverify.sample`.
    above_one : bool
        Whether a relative error above 1 is meant.

    Raises
    ------
    InvalidEstimator
        When the estimator declares no recursion.
    InvalidSampling
        When the accuracy asked for is out of range.
    """
    epsilon = require_number("relative_error", relative_error, 1e-12, np.inf, InvalidSampling, "above 0")
    if epsilon > 1.0 and not above_one:
        raise InvalidSampling(
            f"relative_error is {epsilon:g}, must be at most 1, which an estimate of zero reaches; 0.05 is 5 %, and "
            "above_one=True says that more is meant"
        )
    level = require_number("confidence", confidence, 1e-12, 1 - 1e-12, InvalidSampling, "in (0, 1)")
    size = problem.policy.parameters.size
    exact = moments(estimator, problem, "full" if size <= LARGEST_FULL else "trace", max_steps)
    truth = np.asarray(gradient(problem))
    norm = float(np.linalg.norm(truth))
    bias = float(np.linalg.norm(exact.mean - truth))
    if bias <= 1e-10 * (norm + np.sqrt(exact.trace)):  # rounding is not a bias
        bias = 0.0
    law = step_law(problem, rollout(problem, max_steps))
    directional = _along(estimator, law, truth / norm) if norm > 0 else 0.0
    freedom = None if exact.covariance is None else degrees_of_freedom(exact.covariance)
    count, note = trajectories_needed(exact.trace, freedom, epsilon * norm - bias, level, norm, bias)
    steps = float(law.visits().sum())
    return Plan(count, note, epsilon, level, norm, bias, exact.trace, directional, steps)


def _along(estimator: object, law: StepLaw, direction: Float[Array, "d"]) -> float:
    """Return the variance of one contribution along a unit vector: the moments of the projected score."""
    own = direction[law.blocks.parameter]
    projected = ScoreBlocks(
        1, np.zeros((len(own), 1), dtype=np.int64), np.einsum("sak,sk->sa", law.blocks.score, own)[:, :, None]
    )
    narrow = replace(law, blocks=projected)
    return recursion_moments(narrow, row_recursion(estimator, law.rollout), "trace").trace


def degrees_of_freedom(covariance: Float[Array, "d d"]) -> float:
    """Return ν = (tr Σ)²/tr Σ² (Satterthwaite): among how many directions the noise is spread, at least 1.

    Parameters
    ----------
    covariance : [d, d]
        Σ.
    """
    square = float((covariance**2).sum())
    return max(float(np.trace(covariance)) ** 2 / square, 1.0) if square > 0 else 1.0


@accepts()
def trajectories_needed(
    trace: float, freedom: float | None, margin: float, confidence: float, norm: float, bias: float
) -> tuple[int | None, str]:
    """Return the smallest N with P(|ĝ − E ĝ| ≤ margin) ≥ confidence and how it was found, or None and why not.

    Parameters
    ----------
    trace : float
        tr Σ of one contribution.
    freedom : float or None
        ν of `degrees_of_freedom`; without it the noise is taken to lie along one direction.
    margin : float
        What is left of the error once the bias is taken off.
    confidence : float
    norm, bias : float
        |∇J| and |E ĝ − ∇J|, for the words alone.
    """
    from scipy.special import chdtri  # imported late: only planning needs it

    if norm == 0.0:
        return None, "∇J is zero: no relative error can be reached"
    if margin <= 0.0:
        return None, f"the bias, {bias / norm:.3g} of |∇J|, is no smaller than the error asked for"
    if trace == 0.0:
        return 1, "the estimator does not vary"
    note = "χ² with one degree of freedom, which asks for more than is needed"
    if freedom is not None:
        note = f"χ² with {freedom:.3g} degrees of freedom (Satterthwaite)"
    ratio = 1.0 if freedom is None else freedom
    quantile = float(chdtri(ratio, 1.0 - confidence)) / ratio
    return max(1, int(np.ceil(trace * quantile / margin**2))), note


__getattr__ = suggesting(__name__, ("Plan", "degrees_of_freedom", "plan", "trajectories_needed"))
