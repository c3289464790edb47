"""The exact floor: everything here is computed, nothing is sampled."""

from pgverify.exact.batch_moments import batch_moments
from pgverify.exact.curvature import fisher, hessian, natural_gradient
from pgverify.exact.enumerated_moments import enumerated_moments
from pgverify.exact.enumeration import count_trajectories, enumerate_trajectories
from pgverify.exact.gradient import expected_return, gradient, probability_gradient
from pgverify.exact.moments import EstimatorMoments, moments
from pgverify.exact.occupancy import occupancy
from pgverify.exact.optimal_baseline import OptimalBaseline, optimal_baseline
from pgverify.exact.rollouts import rollout
from pgverify.exact.routes import (
    gradient_by_complex_step,
    gradient_by_enumeration,
    gradient_by_value_derivative,
)
from pgverify.exact.values import Values, values
from pgverify.exact.variance_shares import variance_shares

__all__ = [
    "EstimatorMoments",
    "OptimalBaseline",
    "Values",
    "batch_moments",
    "count_trajectories",
    "enumerate_trajectories",
    "enumerated_moments",
    "expected_return",
    "fisher",
    "gradient",
    "gradient_by_complex_step",
    "gradient_by_enumeration",
    "gradient_by_value_derivative",
    "hessian",
    "moments",
    "natural_gradient",
    "occupancy",
    "optimal_baseline",
    "probability_gradient",
    "rollout",
    "values",
    "variance_shares",
]
