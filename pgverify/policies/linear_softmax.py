"""The linear softmax policy: logits are a fixed linear map of the parameters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Inexact
from numpy.typing import ArrayLike

from pgverify.errors import InvalidPolicy
from pgverify.kinds import SuggestsNames, known_arguments
from pgverify.policies.protocol import dense_score, table_weights
from pgverify.policies.softmax_algebra import logit_vjp, softmax
from pgverify.policies.steps import Steps, score_sum_by_table
from pgverify.policies.tabular_softmax import SMALL_TABLE
from pgverify.validation import Array, parameter_array, real_array, require_shape, settle


@known_arguments
@dataclass(frozen=True, eq=False, init=False, repr=False)
class LinearSoftmaxPolicy(SuggestsNames):
    """π(a|s) ∝ exp(φ(s,a)·θ), with score ψ(s,a) = φ(s,a) − Σ_b π(b|s) φ(s,b).

    States that share features are aliased: the policy cannot tell them apart.

    Parameters
    ----------
    features : [S, A, d]
        φ(s,a), finite.
    weights : [d]
        θ, finite; real, or complex where a derivative is taken by complex step.

    Raises
    ------
    InvalidPolicy
        On wrong shapes or non-finite entries.

    References
    ----------
    Sutton & Barto, Reinforcement Learning (2nd ed.), equations 13.2 and 13.9.
    """

    features: Float[Array, "S A d"]
    weights: Inexact[Array, "d"]

    def __init__(self, features: ArrayLike, weights: ArrayLike) -> None:
        phi = real_array("features", features, InvalidPolicy)
        if phi.ndim != 3 or 0 in phi.shape:
            raise InvalidPolicy(f"features has shape {phi.shape}, must be [S, A, d], each at least 1")
        theta = parameter_array("weights", weights, InvalidPolicy)
        require_shape("weights", theta, (phi.shape[2],), "[d]", InvalidPolicy)
        object.__setattr__(self, "features", phi)
        object.__setattr__(self, "weights", theta)

    @property
    def parameters(self) -> Inexact[Array, "d"]:
        """θ [d]."""
        return self.weights

    def with_parameters(self, theta: ArrayLike) -> LinearSoftmaxPolicy:
        """Return the same policy at another θ [d]."""
        array = parameter_array("theta", theta, InvalidPolicy)
        require_shape("theta", array, self.weights.shape, "[d]", InvalidPolicy)
        policy = object.__new__(LinearSoftmaxPolicy)  # features were checked, and cannot be written to
        settle(policy, features=self.features, weights=array)
        return policy

    def probabilities(self) -> Inexact[Array, "S A"]:
        """π(a|s) [S, A]."""
        return self._softmax[0].copy()

    def score_vjp(self, weights: Inexact[Array, "*rows S A"]) -> Inexact[Array, "*rows d"]:
        """Return Σ w(s,a) ∇ log π(a|s) for weights [..., S, A], as [..., d]."""
        return self.logit_vjp(logit_vjp(*self._softmax, table_weights("weights", weights, self.features.shape[:2])))

    def score_sum(self, steps: Steps, weights: Float[Array, "n T"]) -> Inexact[Array, "n d"]:
        """Return Σ_t w_t ∇ log π(a_t|s_t), step by step where states are many.

        Parameters
        ----------
        steps : Steps
            n trajectories.
        weights : [n, T]
            w_t, 0 on padding.
        """
        states, actions, size = self.features.shape
        if states * actions <= SMALL_TABLE:
            return score_sum_by_table(self, steps, weights)
        sums = np.zeros((len(weights), size), dtype=self.weights.dtype)
        for t in range(weights.shape[1]):
            here = steps.states[:, t]
            # ψ(s,a) = Σ_b φ(s,b) (1{a=b} − π_b), as a product over the actions of the states visited alone.
            one = np.zeros((len(weights), actions))
            one[np.arange(len(weights)), steps.actions[:, t]] = weights[:, t]
            probabilities, complement = (table[here] for table in self._softmax)
            sums += np.einsum("na,nad->nd", logit_vjp(probabilities, complement, one), self.features[here])
        return sums

    @property
    def logits(self) -> Inexact[Array, "S A"]:
        """z(s,a) = φ(s,a)·θ [S, A]."""
        return self._logits.copy()

    def logit_vjp(self, weights: Inexact[Array, "*rows S A"]) -> Inexact[Array, "*rows d"]:
        """Return Σ w(s,a) ∂z(s,a)/∂θ = Σ w(s,a) φ(s,a) for weights [..., S, A]."""
        states, actions, size = self.features.shape
        weights = table_weights("weights", weights, (states, actions))
        flat = weights.reshape(*weights.shape[:-2], states * actions)
        return flat @ self.features.reshape(states * actions, size)

    def description(self) -> dict[str, Any]:
        """Return what a file says of this policy: its kind, and the arrays that define it."""
        return {"kind": "linear_softmax", "features": self.features, "weights": self.weights}

    def score(self) -> Inexact[Array, "S A d"]:
        """ψ(s,a) = ∇ log π(a|s) [S, A, d]."""
        return dense_score(self)

    @cached_property
    def _softmax(self) -> tuple[Inexact[Array, "S A"], Inexact[Array, "S A"]]:
        return softmax(self._logits)

    @cached_property
    def _logits(self) -> Inexact[Array, "S A"]:
        return np.asarray(self.features @ self.weights)

    def __repr__(self) -> str:
        states, actions, size = self.features.shape
        return f"LinearSoftmaxPolicy(states={states}, actions={actions}, parameters={size})"
