"""The exact floor: everything here is computed, nothing is sampled."""

from pgverify.exact.best_baselines import OptimalBaseline, optimal_baseline
from pgverify.exact.coupled_moments import batch_moments
from pgverify.exact.curvature import fisher, hessian, natural_gradient
from pgverify.exact.decayed_values import decayed_gradient
from pgverify.exact.enumeration import count_trajectories, enumerate_trajectories
from pgverify.exact.estimator_moments import EstimatorMoments, moments
from pgverify.exact.gradient_theorem import expected_return, gradient, probability_gradient
from pgverify.exact.listed_moments import enumerated_moments
from pgverify.exact.listed_surrogate import sampled_surrogate_gradient
from pgverify.exact.martingale_shares import variance_shares
from pgverify.exact.quadrature import QuadratureError, quadrature_error
from pgverify.exact.reward_baselines import best_reward_baseline
from pgverify.exact.rollout_law import rollout
from pgverify.exact.routes import (
    gradient_by_complex_step,
    gradient_by_enumeration,
    gradient_by_value_derivative,
)
from pgverify.exact.sample_size import effective_sample_share
from pgverify.exact.solution import Solution, solve
from pgverify.exact.state_visits import occupancy
from pgverify.exact.trust_region import natural_step, policy_divergence, surrogate, surrogate_gradient
from pgverify.exact.value_functions import Values, values
from pgverify.kinds import suggesting as _suggesting

__all__ = [
    "EstimatorMoments",
    "OptimalBaseline",
    "QuadratureError",
    "Solution",
    "Values",
    "batch_moments",
    "best_reward_baseline",
    "count_trajectories",
    "decayed_gradient",
    "effective_sample_share",
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
    "natural_step",
    "occupancy",
    "optimal_baseline",
    "policy_divergence",
    "probability_gradient",
    "quadrature_error",
    "rollout",
    "sampled_surrogate_gradient",
    "solve",
    "surrogate",
    "surrogate_gradient",
    "values",
    "variance_shares",
]

__getattr__ = _suggesting(__name__, __all__)
