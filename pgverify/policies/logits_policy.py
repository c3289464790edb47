"""The softmax of any differentiable function of the parameters: the shape that networks of all frameworks have here."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.errors import InvalidPolicy
from pgverify.kinds import SuggestsNames
from pgverify.policies.protocol import dense_score, table_weights
from pgverify.policies.softmax_algebra import logit_vjp, softmax
from pgverify.validation import Array, bracket, first_index, real_array, require_shape

LARGEST_JACOBIAN = 1_000_000
"""Entries of ∂z/∂θ [S, A, d] that are kept, 8 MB: up to there products with it are quicker than backward passes."""

MOST_PASSES = 4_096
"""Backward passes that it may take to have it."""


@runtime_checkable
class LogitFunction(Protocol):
    """Logits z(s,a) as a function of θ, and the products with its derivative."""

    def logits(self, theta: Float[Array, "d"]) -> Float[Array, "S A"]:
        """Return z(s,a) at θ."""
        ...

    def pulled_back(self, theta: Float[Array, "d"], weights: Float[Array, "m S A"]) -> Float[Array, "m d"]:
        """Return Σ w(s,a) ∂z(s,a)/∂θ for every table of weights: one backward pass each."""
        ...


class LogitsPolicy(SuggestsNames):
    """π(a|s) = exp z(s,a) / Σ_b exp z(s,b), where z is any differentiable function of θ.

    ψ(s,a) = ∂z(s,a)/∂θ − Σ_b π(b|s) ∂z(s,b)/∂θ. With many parameters nothing of the size [S, A, d] is ever built:
    a sum of scores is one backward pass.

    Parameters
    ----------
    function : LogitFunction
    theta : [d]

    Raises
    ------
    InvalidPolicy
        When θ is not a vector of real numbers, or the logits are not numbers [S, A], finite or −∞ where masked.
    """

    def __init__(self, function: LogitFunction, theta: ArrayLike) -> None:
        array = real_array("theta", theta, InvalidPolicy)
        if array.ndim != 1:
            raise InvalidPolicy(f"theta has shape {array.shape}, must be [d]")
        self._function = function
        self._theta = array
        found = np.asarray(function.logits(array), dtype=np.float64)
        _refuse_logits(found)
        found.setflags(write=False)
        self._logits = found

    @property
    def parameters(self) -> Float[Array, "d"]:
        """θ [d]."""
        return self._theta

    def with_parameters(self, theta: ArrayLike) -> LogitsPolicy:
        """Return the same policy at another θ [d], real: by complex step networks have no derivative."""
        array = real_array("theta", theta, InvalidPolicy)
        require_shape("theta", array, self._theta.shape, "[d]", InvalidPolicy)
        other = object.__new__(type(self))
        LogitsPolicy.__init__(other, self._function, array)
        return other

    def probabilities(self) -> Float[Array, "S A"]:
        """π(a|s) [S, A]."""
        return self._softmax[0].copy()

    def score_vjp(self, weights: Float[Array, "*rows S A"]) -> Float[Array, "*rows d"]:
        """Return Σ w(s,a) ∇ log π(a|s) for weights [..., S, A], as [..., d]."""
        return self.logit_vjp(logit_vjp(*self._softmax, table_weights("weights", weights, self._logits.shape)))

    @property
    def logits(self) -> Float[Array, "S A"]:
        """z(s,a) [S, A]."""
        return self._logits.copy()

    def logit_vjp(self, weights: Float[Array, "*rows S A"]) -> Float[Array, "*rows d"]:
        """Return Σ w(s,a) ∂z(s,a)/∂θ for weights [..., S, A]."""
        weights = np.asarray(table_weights("weights", weights, self._logits.shape))
        states, actions = self._logits.shape
        rows = weights.reshape(-1, states, actions)
        if self._is_small:
            found = rows.reshape(-1, states * actions) @ self._jacobian
        elif np.iscomplexobj(rows):
            found = self._pulled_back(rows.real) + 1j * self._pulled_back(rows.imag)
        else:
            found = self._pulled_back(rows)
        return found.reshape(*weights.shape[:-2], self._theta.size)

    def score(self) -> Float[Array, "S A d"]:
        """ψ(s,a) = ∇ log π(a|s) [S, A, d]: only where that fits into memory."""
        return dense_score(self)

    @property
    def _is_small(self) -> bool:
        cells = self._logits.size
        return cells <= MOST_PASSES and cells * self._theta.size <= LARGEST_JACOBIAN

    @cached_property
    def _jacobian(self) -> Float[Array, "SA d"]:
        return self._pulled_back(np.eye(self._logits.size).reshape(-1, *self._logits.shape))

    def _pulled_back(self, weights: Float[Array, "m S A"]) -> Float[Array, "m d"]:
        found = self._function.pulled_back(self._theta, np.ascontiguousarray(weights))
        if not np.isfinite(found).all():
            raise InvalidPolicy("the derivative of the logits holds NaN or infinity, must be finite at this θ")
        return found

    @cached_property
    def _softmax(self) -> tuple[Float[Array, "S A"], Float[Array, "S A"]]:
        return softmax(self._logits)

    def __repr__(self) -> str:
        states, actions = self._logits.shape
        return f"{type(self).__name__}(states={states}, actions={actions}, parameters={self._theta.size})"


def _refuse_logits(logits: Float[Array, "S A"]) -> None:
    """Refuse what has no softmax; −∞ is that of an action which is masked, as `masked_fill` makes it."""
    bad = np.isnan(logits) | (logits == np.inf)
    if bad.any():
        index = first_index(bad)
        raise InvalidPolicy(
            f"logits{bracket(index)} is {logits[index]}, must be finite, or -inf for an action that is masked: the "
            "network overflows for that state"
        )
    masked = np.isneginf(logits).all(axis=-1)
    if masked.any():
        raise InvalidPolicy(
            f"logits{bracket(first_index(masked))} is -inf for every action, must be finite for one at least: the mask "
            "forbids all of them in that state"
        )


def require_table(found: Any, states: int, kind: str) -> None:
    """Refuse what a network puts out for S observations where it is not one row of logits each.

    Parameters
    ----------
    found : anything
        What it put out.
    states : int
        S.
    kind : str
        What it should be, as in "torch.Tensor".
    """
    shape = getattr(found, "shape", None)
    if shape is None:
        raise InvalidPolicy(
            f"the network puts out {type(found).__name__}, must be a {kind} of logits [S, A]; give what returns the "
            "logits alone"
        )
    if len(shape) != 2 or shape[0] != states or shape[1] < 1:
        raise InvalidPolicy(
            f"the network puts out shape {tuple(shape)} for {states} observations, must be [S, A]: one row of logits "
            "for each"
        )
