"""What the estimates of a sampler are held to on one problem, and the unit in which they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.baselines import StateValue
from pgverify.checking.listing import MOST_TRAJECTORIES, every_trajectory
from pgverify.checking.suite import SuiteProblem
from pgverify.checking.targets import target_vector
from pgverify.errors import InvalidInput
from pgverify.estimators import RewardToGo, TotalReturn
from pgverify.exact import count_trajectories, moments
from pgverify.exact.estimate_bounds import estimate_bounds, trajectory_bounds
from pgverify.problem import FiniteHorizon, Problem
from pgverify.stats import SequentialResult, SequentialTest
from pgverify.stats.moments import sample_array
from pgverify.stats.sequential_rare import RareEvents
from pgverify.validation import Array

Draw = Callable[[int, int], Float[Array, "k d"]]

PILOT = 1_000
"""First estimates where something has to be known before the test: the factor, or the unit."""

TINY = 1e-290
"""Smaller numbers than this count as zero: what they divide overflows."""

MOST_PARAMETERS = 500
"""Exact covariances of more are not worth their minutes: what is rare is bounded by its size alone."""

NOTHING = 1e-12
"""A target this small, relative to the noise of reward-to-go, is rounding."""


@dataclass(frozen=True, eq=False)
class Goal:
    """A target, the unit in which the tolerance is, and how much a rare event may add.

    Attributes
    ----------
    vector : [d]
        The target: exactly zero where it is rounding.
    scale : number
        |vector|; the noise of reward-to-go where that is zero; 0 where that is zero too.
    trace : number
        tr Cov of reward-to-go.
    unseen : tuple of RareEvents
        What trajectories may add that are too rare to be sampled: `rare_events`.
    """

    vector: Float[Array, "d"]
    scale: float
    trace: float
    unseen: tuple[RareEvents, ...]

    @classmethod
    def of(cls, target: str, entry: SuiteProblem, rarest: float) -> Goal:
        """Return the goal of a named target, refusing one that has no value on the problem; see `rare_events`."""
        vector = target_vector(target, entry.problem)
        if vector is None:
            raise InvalidInput(f"target is {target!r}, which has no value on problem {entry.name}")
        trace = float(moments(RewardToGo(), entry.problem, "trace").trace)
        if not np.isfinite([*vector, trace]).all():
            raise InvalidInput(
                f"problem {entry.name} has rewards too large for the variance of estimates to be a number"
            )
        # Estimates of other targets may lack the factor γ^t.
        bounded = entry.problem if target == "policy_gradient" else _undiscounted(entry.problem)
        return cls(vector, 0.0, trace, rare_events(bounded, rarest)).towards(vector)

    def towards(self, vector: Float[Array, "d"]) -> Goal:
        """Return the goal of another vector, with a unit of its own."""
        size, noise = length(vector), float(np.sqrt(self.trace))
        if size <= NOTHING * noise:
            return replace(self, vector=np.zeros_like(vector), scale=noise)
        return replace(self, vector=vector, scale=size)

    def times(self, factor: float) -> Goal:
        """Return the goal of estimates that are all multiplied."""
        unseen = tuple(rare.times(factor) for rare in self.unseen)
        return replace(self, vector=factor * self.vector, scale=abs(factor) * self.scale, unseen=unseen)

    def silent(self) -> Goal:
        """Return the goal of estimates that carry nothing, in the unit of this one; in rare events neither."""
        return replace(self, vector=np.zeros_like(self.vector), unseen=())

    def measured(self, draw: Draw) -> tuple[Goal, Draw]:
        """Return the goal in the unit √E|ĝ|² of pilot estimates where there is no other, and the draws that follow.

        The unit is still 0 where all of them are zero, and they are as they should be.
        """
        if self.scale > 0.0:
            return self, draw
        pilot = sample_array("estimates", draw(PILOT, 0))
        return replace(self, scale=length(pilot.ravel()) / len(pilot) ** 0.5), lambda n, call: draw(n, call + 1)

    def test(self, test: SequentialTest, draw: Draw) -> SequentialResult:
        """Return the result of a test in units of the scale, however small or large the rewards are."""
        unit = self.scale
        unseen = [rare.times(1.0 / unit) for rare in self.unseen]
        return test.run(lambda n, call: draw(n, call) / unit, self.vector / unit, 1.0, unseen=unseen)


def length(vector: Float[Array, "k"]) -> float:
    """Return |v|, of numbers whose squares underflow or overflow too."""
    largest = float(np.abs(vector).max(initial=0.0))
    return largest * float(np.linalg.norm(vector / largest)) if largest > TINY else 0.0


def rare_events(problem: Problem, rarest: float) -> tuple[RareEvents, ...]:
    """Return how much trajectories rarer than `rarest` may add to an estimate, beside what the others do.

    Trajectories that can be listed are judged one by one, by bounds for all usual estimators. Of more than that all
    count, for one that is made of common steps may be rare, too: what they add is at most the exact covariance of the
    total return, of reward-to-go, or of that with V as its baseline, whichever is the estimator.
    Beyond `MOST_PARAMETERS` their size alone bounds them.
    """
    bounds = estimate_bounds(problem)
    if count_trajectories(problem) > MOST_TRAJECTORIES:
        jump = 2.0 * bounds.largest
        if jump.size > MOST_PARAMETERS:
            return (RareEvents(jump, np.diag(np.sqrt(jump.size) * jump)),)
        usual = (RewardToGo(), RewardToGo(StateValue()), TotalReturn())
        covariances = [moments(estimator, problem).covariance for estimator in usual]
        return tuple(RareEvents(jump, _root(c)) for c in covariances if c is not None)
    batch, probability = every_trajectory(problem)
    size = trajectory_bounds(batch, bounds.weight)
    rare = probability < rarest
    off = (size + probability @ size)[rare]  # |ĝ − E ĝ| at most
    jump = off.max(axis=0, initial=0.0)
    unit = float(jump.max(initial=0.0)) or 1.0  # no underflow in the squares
    # x xᵀ is at most diag(|x_j| Σ_k |x_k|): Cauchy and Schwarz.
    squares = probability[rare] @ (off / unit * (off.sum(axis=1, keepdims=True) / unit))
    return (RareEvents(jump, np.diag(unit * np.sqrt(squares))),)


def _root(covariance: Float[Array, "d d"]) -> Float[Array, "d d"]:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _undiscounted(problem: Problem) -> Problem:
    assert isinstance(problem.objective, FiniteHorizon)
    return replace(problem, objective=replace(problem.objective, discount=1.0))
