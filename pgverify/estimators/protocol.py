"""What an estimator is: a function of a batch; its estimate is the mean of the rows it returns."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float

from pgverify.errors import InvalidEstimator
from pgverify.kinds import instance_of
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

KINDS = ("gradient", "weights", "sampler")
"""What a function to be checked returns: estimates from a batch, weights of its steps, or estimates by own sampling."""


@runtime_checkable
class Estimator(Protocol):
    """Anything that maps a batch to one contribution a trajectory, [n, d]."""

    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return the contributions; the estimate is their mean."""
        ...


@runtime_checkable
class StepWeighted(Estimator, Protocol):
    """An estimator of the form g = Σ_t w_t ∇ log π(a_t|s_t)."""

    def weights(self, batch: Trajectories) -> Float[Array, "n T"]:
        """Return w_t for every step."""
        ...


STEP_WEIGHTED = instance_of(
    StepWeighted,
    expected="an estimator with weights",
    advice="pgv.estimators.RewardToGo() is one",
    error=InvalidEstimator,
)
