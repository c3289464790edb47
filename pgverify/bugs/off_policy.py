"""Two policies at once: the batch's own at θ, which acted, and one at θ' = θ + Δ, whose gradient is wanted.

Δ_j = 0.6 cos(1 + 2j): arbitrary, fixed, and large enough for some ratios to leave the clipping range 1 ± 0.2.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.policies.steps import log_prob
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

SHIFT = 0.6


def shifted_problem(problem: Problem) -> Problem:
    """Return the problem at θ' = θ + Δ."""
    theta = problem.policy.parameters
    return problem.with_parameters(theta + SHIFT * np.cos(1.0 + 2.0 * np.arange(theta.size)))


def seen_from_target(batch: Trajectories) -> Trajectories:
    """Return the same trajectories with the policy at θ': its scores, not the law they were drawn from."""
    return replace(batch, rollout=replace(batch.rollout, problem=shifted_problem(batch.problem)))


def log_ratio(batch: Trajectories) -> Float[Array, "n T"]:
    """Return log π_θ'(a_t|s_t) − log π_θ(a_t|s_t), and 0 on padding [n, T]."""
    return log_prob(shifted_problem(batch.problem).policy, batch) - batch.log_probs


def ratio(batch: Trajectories) -> Float[Array, "n T"]:
    """Return ρ_t = π_θ'(a_t|s_t) / π_θ(a_t|s_t), and 1 on padding [n, T]."""
    return np.exp(log_ratio(batch))
