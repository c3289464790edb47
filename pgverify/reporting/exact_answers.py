"""The exact answers about one problem, as a value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify import exact
from pgverify.errors import InvalidObjective
from pgverify.estimators.usual import usual_estimators
from pgverify.planning import plan
from pgverify.problem import AverageReward, FiniteHorizon, Objective, Problem
from pgverify.validation import Array


@dataclass(frozen=True)
class EstimatorNoise:
    """What one trajectory of an estimator is worth.

    Attributes
    ----------
    estimator : str
    trace_variance : float
        tr Cov[g] of one trajectory's contribution.
    trajectories : int or None
        How many give a relative error of 5 % with 95 % confidence; None where no number does.
    """

    estimator: str
    trace_variance: float
    trajectories: int | None


@dataclass(frozen=True, eq=False)
class ExactAnswers:
    """What is known about a problem without a single sample.

    Attributes
    ----------
    objective : Objective
    expected_return : float
        J(θ).
    gradient : [S, A]
        ∇J(θ), one entry a logit.
    state_values : [S]
        V, at t = 0 for a horizon.
    hessian : [d, d], optional
        ∇²J(θ).
    moments : tuple of EstimatorNoise, optional
        Of the usual estimators.
    """

    objective: Objective
    expected_return: float
    gradient: Float[Array, "S A"]
    state_values: Float[Array, "S"]
    hessian: Float[Array, "d d"] | None = None
    moments: tuple[EstimatorNoise, ...] | None = None

    @property
    def gradient_norm(self) -> float:
        """Return |∇J|."""
        return float(np.linalg.norm(self.gradient))


def exact_answers(problem: Problem, with_hessian: bool = False, with_moments: bool = False) -> ExactAnswers:
    """Return the answers about a problem whose policy has one logit for each state and action.

    With moments, a discounted problem is sampled with a random horizon.

    Raises
    ------
    InvalidObjective
        When moments are asked for and the objective is the average reward.
    """
    values = exact.values(problem).state
    return ExactAnswers(
        objective=problem.objective,
        expected_return=exact.expected_return(problem),
        gradient=exact.gradient(problem).reshape(problem.mdp.num_states, problem.mdp.num_actions),
        state_values=values[0] if isinstance(problem.objective, FiniteHorizon) else values,
        hessian=exact.hessian(problem) if with_hessian else None,
        moments=_moments(problem) if with_moments else None,
    )


def _moments(problem: Problem) -> tuple[EstimatorNoise, ...]:
    if isinstance(problem.objective, AverageReward):
        raise InvalidObjective(
            "--moments is given with --average, must go with --horizon or --discount: the length of a run of a "
            "continuing problem is the caller's choice; use pgverify.exact.moments(estimator, problem, max_steps=...)"
        )
    made = {name: plan(estimator, problem) for name, estimator in usual_estimators().items()}
    return tuple(EstimatorNoise(name, known.trace, known.trajectories) for name, known in made.items())
