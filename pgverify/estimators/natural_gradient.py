"""The natural gradient: another estimator times the inverse of the Fisher information."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.arrays import LARGEST
from pgverify.declarations import LinearImage
from pgverify.errors import InvalidEstimator
from pgverify.estimators.compatible_critic import fisher_of_states, smallest_solution
from pgverify.estimators.facts import Facts
from pgverify.estimators.protocol import Estimator
from pgverify.estimators.reward_to_go import RewardToGo
from pgverify.kinds import FUNCTION, accepts, known_arguments
from pgverify.rollout import Rollout
from pgverify.trajectories import BATCH, ROLLOUT, Trajectories
from pgverify.validation import Array, real_array, require_number, settle

ASYMMETRY = 1e-9
"""Relative difference of a matrix and its transpose that is rounding."""


@known_arguments
@dataclass(frozen=True, eq=False)
class NaturalGradient:
    """g = (F + ε I)⁺ h, with h the contribution of another estimator and F = Σ_t γ^t Σ_s d_t Σ_a π ψψᵀ.

    Expectation: with F given, exactly (F + ε I)⁺ E[h], the natural gradient F⁺∇J for ε = 0, the F of
    `exact.fisher(problem)` and an h without bias. Without `fisher` F is that of the states visited in the batch, summed
    over all actions: a ratio of means, biased by O(1/n).

    Parameters
    ----------
    base : estimator
        h. Default: reward-to-go.
    fisher : [d, d], optional
        F, symmetric. Default: estimated from the batch.
    damping : float
        ε ≥ 0, in the units of F.

    Raises
    ------
    InvalidEstimator
        When F is no symmetric matrix, or ε is negative.

    References
    ----------
    Kakade, A natural policy gradient, 2001; Peters & Schaal, Natural actor-critic, 2008.
    """

    facts: ClassVar[Facts] = Facts(
        name="natural_gradient",
        expectation="F⁺∇J; with F from the batch, as n → ∞",
        assumptions="F given, no damping, a base without bias",
        source="Kakade 2001; Peters & Schaal 2008",
        example=lambda problem: NaturalGradient(fisher=np.eye(problem.policy.parameters.size)),
    )

    base: Estimator = field(default_factory=RewardToGo)
    fisher: ArrayLike | None = None
    damping: float = 0.0

    def __post_init__(self) -> None:
        FUNCTION.require("base", self.base)
        allowed = "a number of at least 0, and finite"
        settle(self, damping=require_number("damping", self.damping, 0.0, LARGEST, InvalidEstimator, allowed))
        if self.fisher is not None:
            settle(self, fisher=symmetric_matrix("fisher", self.fisher))

    @accepts(rollout=ROLLOUT)
    def declaration(self, rollout: Rollout) -> LinearImage:
        """Return the base, multiplied by (F + ε I)⁺."""
        if self.fisher is None:
            raise InvalidEstimator(
                "fisher is None, must be given for exact moments: that of a batch couples its trajectories; pass "
                "exact.fisher(problem), list batches (exact.enumerated_moments) or sample"
            )
        return LinearImage(self._inverse(np.asarray(self.fisher), rollout), self.base)

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        fisher = fisher_of_states(batch) if self.fisher is None else np.asarray(self.fisher)
        return np.asarray(self.base(batch)) @ self._inverse(fisher, batch.rollout)

    def _inverse(self, fisher: Float[Array, "d d"], rollout: Rollout) -> Float[Array, "d d"]:
        return damped_inverse(fisher, self.damping, rollout)


def symmetric_matrix(name: str, value: ArrayLike) -> Float[Array, "d d"]:
    """Return a symmetric matrix [d, d], refusing what is none."""
    array = real_array(name, value, InvalidEstimator)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not array.size:
        raise InvalidEstimator(f"{name} has shape {array.shape}, must be [d, d]")
    if np.abs(array - array.T).max() > ASYMMETRY * np.abs(array).max():
        raise InvalidEstimator(f"{name} is not symmetric, must be: average it with its transpose if it is only rounded")
    return array


def damped_inverse(fisher: Float[Array, "d d"], damping: float, rollout: Rollout) -> Float[Array, "d d"]:
    """Return (F + ε I)⁺ for a policy of d parameters."""
    size = rollout.problem.policy.parameters.size
    if fisher.shape != (size, size):
        raise InvalidEstimator(f"fisher has shape {fisher.shape}, must be [d, d] = {(size, size)} of the policy")
    return smallest_solution(fisher + damping * np.eye(size))
