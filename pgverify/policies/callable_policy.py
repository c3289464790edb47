"""Any function from parameters to probabilities, as a policy: its score is taken numerically, or by autodiff."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Inexact
from numpy.typing import ArrayLike

from pgverify.arrays import as_array
from pgverify.errors import InvalidPolicy, one_sentence
from pgverify.kinds import FUNCTION, SuggestsNames, known_arguments
from pgverify.policies.jacobians import Jacobian, jacobian
from pgverify.policies.protocol import dense_score, table_weights
from pgverify.validation import Array, bracket, first_index, parameter_array, require_shape


@known_arguments
@dataclass(frozen=True, eq=False, init=False, repr=False)
class CallablePolicy(SuggestsNames):
    """π_θ(a|s) as somebody's function of θ, with ψ = ∂π/∂θ / π by complex step, by differences, or by their autodiff.

    A complex step is believed only where finite differences agree: a function that drops imaginary parts, or uses |z|,
    is differentiated by Richardson extrapolation, to about 1e-10.

    Parameters
    ----------
    function : θ [d] -> [S, A]
        Probabilities; analytic in θ for a score to rounding, and for the Hessian.
    parameters : [d]
        θ.
    jacobian : function θ [d] -> [S, A, d], optional
        ∂π/∂θ, as `jax.jacobian(function)` or `torch.func.jacrev(function)` give it.

    Raises
    ------
    InvalidPolicy
        When the function raises, or returns something that is no table of finite numbers.
    """

    function: Callable[[Any], Any]
    theta: Inexact[Array, "d"]
    autodiff: Callable[[Any], Any] | None

    def __init__(
        self,
        function: Callable[[Any], Any],
        parameters: ArrayLike,
        jacobian: Callable[[Any], Any] | None = None,
    ) -> None:
        FUNCTION.require("function", function)
        FUNCTION.or_none.require("jacobian", jacobian)
        theta = parameter_array("parameters", parameters, InvalidPolicy)
        if theta.ndim != 1 or not theta.size:
            raise InvalidPolicy(f"parameters has shape {theta.shape}, must be [d] with d at least 1")
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "theta", theta)
        object.__setattr__(self, "autodiff", jacobian)

    @property
    def parameters(self) -> Inexact[Array, "d"]:
        """θ [d]."""
        return self.theta

    def with_parameters(self, theta: ArrayLike) -> CallablePolicy:
        """Return the same policy at another θ [d]."""
        array = parameter_array("theta", theta, InvalidPolicy)
        require_shape("theta", array, self.theta.shape, "[d]", InvalidPolicy)
        return CallablePolicy(self.function, array, self.autodiff)

    def probabilities(self) -> Inexact[Array, "S A"]:
        """π(a|s) [S, A]."""
        return self._table.copy()

    def score_vjp(self, weights: Inexact[Array, "*rows S A"]) -> Inexact[Array, "*rows d"]:
        """Return Σ w(s,a) ∇ log π(a|s) for weights [..., S, A], as [..., d]; 0 for what is never done."""
        table, slope = self._table, self.derivative.table
        weights = table_weights("weights", weights, (table.shape[0], table.shape[1]))
        share = np.divide(weights, table, out=np.zeros(weights.shape), where=np.broadcast_to(table != 0, weights.shape))
        return np.einsum("...sa,sad->...d", share, slope)

    def score(self) -> Inexact[Array, "S A d"]:
        """ψ(s,a) = ∇ log π(a|s) [S, A, d]."""
        return dense_score(self)

    @cached_property
    def derivative(self) -> Jacobian:
        """∂π/∂θ [S, A, d], how it was taken, and how far it may be off."""
        if np.iscomplexobj(self.theta):
            raise InvalidPolicy(
                "theta is complex, must be real for a score that is itself taken numerically; give a policy with a "
                "score of its own for second derivatives"
            )
        if self.autodiff is None:
            return jacobian(lambda theta: self.with_parameters(theta)._table, self.theta)
        table = np.asarray(_called("jacobian", self.autodiff, self.theta), dtype=np.float64)
        require_shape("jacobian(θ)", table, (*self._table.shape, self.theta.size), "[S, A, d]", InvalidPolicy)
        return Jacobian(table, "autodiff", 0.0)

    @cached_property
    def _table(self) -> Inexact[Array, "S A"]:
        table = _called("function", self.function, self.theta)
        if table.ndim != 2 or 0 in table.shape:
            raise InvalidPolicy(f"function(θ) has shape {table.shape}, must be [S, A], each at least 1")
        return table.astype(np.complex128 if table.dtype.kind == "c" else np.float64)

    def __repr__(self) -> str:
        states, actions = self._table.shape
        return f"CallablePolicy(states={states}, actions={actions}, parameters={self.theta.size})"


def _called(name: str, function: Callable[[Any], Any], theta: Inexact[Array, "d"]) -> np.ndarray:
    try:
        found = function(theta.copy())
    except Exception as reason:
        raise InvalidPolicy(f"{name}(θ) raised {one_sentence(reason)}, must return an array") from reason
    table = as_array(f"{name}(θ)", found, InvalidPolicy)
    if table.dtype.kind not in "fciu":
        raise InvalidPolicy(f"{name}(θ) has dtype {table.dtype}, must hold numbers")
    if not np.isfinite(table).all():
        index = first_index(~np.isfinite(table))
        raise InvalidPolicy(f"{name}(θ){bracket(index)} is {table[index]}, every entry must be finite")
    return table
