"""The tabular softmax policy: one logit for every state and action."""

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
from pgverify.policies.steps import CELLS_AT_ONCE, Steps, histogram, score_sum_by_table
from pgverify.validation import Array, parameter_array, refuse_non_finite, require_shape

SMALL_TABLE = 256
"""Logits up to which one product over all states is faster than picking those visited; measured."""


@known_arguments
@dataclass(frozen=True, eq=False, init=False, repr=False)
class SoftmaxPolicy(SuggestsNames):
    """π(a|s) = exp z(s,a) / Σ_b exp z(s,b), with parameters θ = z flattened (d = S·A).

    The score is ∂ log π(a|s) / ∂z(s',b) = 1{s=s'} (1{a=b} − π(b|s)). Accurate to rounding in every entry, also
    where probabilities are as small as 1e-300.

    Parameters
    ----------
    logits : [S, A]
        Finite; real, or complex where a derivative is taken by complex step.

    Raises
    ------
    InvalidPolicy
        On a wrong shape or a non-finite entry.

    References
    ----------
    Sutton & Barto, Reinforcement Learning (2nd ed.), section 13.1.
    """

    logits: Inexact[Array, "S A"]

    def __init__(self, logits: ArrayLike) -> None:
        array = parameter_array("logits", logits, InvalidPolicy)
        if array.ndim != 2 or 0 in array.shape:
            raise InvalidPolicy(f"logits has shape {array.shape}, must be [S, A] with S and A at least 1")
        object.__setattr__(self, "logits", array)

    def __getstate__(self) -> dict[str, Any]:
        return {"logits": self.logits}  # copies and pickles compute the rest anew

    @property
    def parameters(self) -> Inexact[Array, "d"]:
        """θ [S·A]: the logits, flattened row by row."""
        return self.logits.reshape(-1)

    def with_parameters(self, theta: ArrayLike) -> SoftmaxPolicy:
        """Return the same policy at another θ [S·A]."""
        logits = self.logits
        array = parameter_array("theta", theta, InvalidPolicy)
        if array.shape != (logits.size,):
            require_shape("theta", array, (logits.size,), "[S·A]", InvalidPolicy)
        policy = object.__new__(SoftmaxPolicy)  # what __init__ checks has been checked, or cannot have changed
        policy.__dict__["logits"] = array.reshape(logits.shape)  # of an array that is read-only
        return policy

    def probabilities(self) -> Inexact[Array, "S A"]:
        """π(a|s) [S, A]."""
        return self._softmax[0].copy()

    def score_vjp(self, weights: Inexact[Array, "*rows S A"]) -> Inexact[Array, "*rows d"]:
        """Return Σ w(s,a) ∇ log π(a|s) for weights [..., S, A], as [..., S·A]."""
        weights = table_weights("weights", weights, self.logits.shape)
        by_logit = logit_vjp(*self._softmax, weights)
        return by_logit.reshape(*weights.shape[:-2], self.logits.size)

    def score_sum(self, steps: Steps, weights: Float[Array, "n T"]) -> Inexact[Array, "n d"]:
        """Return Σ_t w_t ∇ log π(a_t|s_t), touching only the logits of the states visited.

        Parameters
        ----------
        steps : Steps
            n trajectories.
        weights : [n, T]
            w_t, 0 on padding.
        """
        count, (states, actions) = len(weights), self.logits.shape
        if states * actions <= SMALL_TABLE:
            if count > CELLS_AT_ONCE // self.logits.size:
                return score_sum_by_table(self, steps, weights)
            counted = histogram(steps.states[:, :-1] * actions + steps.actions, weights, self.logits.size)
            refuse_non_finite("weights", counted, InvalidPolicy)  # sums of huge ones
            by_logit = logit_vjp(*self._softmax, counted.reshape(count, states, actions))
            return by_logit.reshape(count, self.logits.size)
        sums = np.zeros((count, states, actions), dtype=self.logits.dtype)
        rows, times = np.nonzero(weights)
        here, chosen = steps.states[rows, times], steps.actions[rows, times]
        added = weights[rows, times][:, None] * self.own_score[here, chosen]
        np.add.at(sums, (rows, here), added)
        return sums.reshape(count, states * actions)

    def logit_vjp(self, weights: Inexact[Array, "*rows S A"]) -> Inexact[Array, "*rows d"]:
        """Return Σ w(s,a) ∂z(s,a)/∂θ for weights [..., S, A]: the parameters are the logits."""
        weights = table_weights("weights", weights, self.logits.shape)
        return weights.reshape(*weights.shape[:-2], self.logits.size)

    @property
    def features(self) -> Float[Array, "S A d"]:
        """φ(s,a) [S, A, S·A] of the same policy as a linear softmax: one parameter for every logit."""
        return np.eye(self.logits.size).reshape(*self.logits.shape, self.logits.size)

    def description(self) -> dict[str, Any]:
        """Return what a file says of this policy: its kind, and the arrays that define it."""
        return {"kind": "softmax", "logits": self.logits}

    def score(self) -> Inexact[Array, "S A d"]:
        """ψ(s,a) = ∇ log π(a|s) [S, A, S·A]."""
        return dense_score(self)

    @cached_property
    def own_score(self) -> Inexact[Array, "S A A"]:
        """ψ(s,a) at the logits of s, the only ones that it touches."""
        probabilities, complement = self._softmax
        same = np.eye(self.logits.shape[1])
        return same * complement[:, None, :] - (1.0 - same) * probabilities[:, None, :]

    @cached_property
    def _softmax(self) -> tuple[Inexact[Array, "S A"], Inexact[Array, "S A"]]:
        return softmax(self.logits)

    def __repr__(self) -> str:
        states, actions = self.logits.shape
        return f"SoftmaxPolicy(states={states}, actions={actions})"


def uniform_policy(states: int, actions: int) -> SoftmaxPolicy:
    """Return the tabular softmax policy with all logits zero."""
    return SoftmaxPolicy(np.zeros((states, actions)))
