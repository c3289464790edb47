"""Policies with a memory: the softmax of any differentiable function of what has been seen so far."""

from __future__ import annotations

from typing import Any, NoReturn, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Integer
from numpy.typing import ArrayLike

from pgverify.errors import InvalidPolicy
from pgverify.kinds import SuggestsNames
from pgverify.policies.softmax_algebra import logit_vjp, softmax
from pgverify.policies.steps import Steps
from pgverify.validation import Array, real_array, require_shape

MOST_KEPT = 10_000_000
"""Numbers ∇ log π(a_t|h_t) that are kept of trajectories seen before, 80 MB: listings ask for the same ones often."""


@runtime_checkable
class SequenceFunction(Protocol):
    """Logits after every observation of a sequence, as a function of θ, and the products with their derivative."""

    @property
    def states(self) -> int:
        """S."""
        ...

    def logits(
        self, theta: Float[Array, "d"], states: Integer[Array, "n T"], actions: Integer[Array, "n T"]
    ) -> Float[Array, "n T A"]:
        """Return z(·|s_0, a_0, …, s_t) for every t; the last action is not read."""
        ...

    def pulled_back(
        self,
        theta: Float[Array, "d"],
        states: Integer[Array, "T"],
        actions: Integer[Array, "T"],
        weights: Float[Array, "m T A"],
    ) -> Float[Array, "m d"]:
        """Return Σ w(t,a) ∂z(a|s_0, …, s_t)/∂θ of one sequence for every table of weights."""
        ...


class SequencePolicy(SuggestsNames):
    """π(a|h_t) = softmax of z(h_t), with h_t = (s_0, a_0, …, s_t): listed and sampled, but no chain of states.

    `probabilities` are those after the first observation. Recursions over states refuse such a policy; so does
    `score_vjp`, for no table knows its score. A table over `pgv.mdps.history` is the same policy for them.

    Parameters
    ----------
    function : SequenceFunction
    theta : [d]

    Raises
    ------
    InvalidPolicy
        When θ is not a vector of real numbers, or logits are not finite.
    """

    def __init__(self, function: SequenceFunction, theta: ArrayLike) -> None:
        array = real_array("theta", theta, InvalidPolicy)
        if array.ndim != 1:
            raise InvalidPolicy(f"theta has shape {array.shape}, must be [d]")
        self._function = function
        self._theta = array
        self._kept: dict[bytes, Float[Array, "T d"]] = {}
        first = np.arange(function.states)[:, None]
        self._first = self._softmax(first, np.zeros_like(first))[0][:, 0]

    @property
    def parameters(self) -> Float[Array, "d"]:
        """θ [d]."""
        return self._theta

    def with_parameters(self, theta: ArrayLike) -> SequencePolicy:
        """Return the same policy at another θ [d]."""
        array = real_array("theta", theta, InvalidPolicy)
        require_shape("theta", array, self._theta.shape, "[d]", InvalidPolicy)
        other = object.__new__(type(self))
        SequencePolicy.__init__(other, self._function, array)
        return other

    def probabilities(self) -> Float[Array, "S A"]:
        """π(a|s_0) [S, A], after the first observation."""
        return self._first.copy()

    def score_vjp(self, weights: Any) -> NoReturn:  # noqa: ARG002
        """Refuse: the score depends on the history; `score_sum` has it at the steps of trajectories."""
        raise InvalidPolicy(
            f"policy is {self!r}, whose score depends on the history, must be asked at the steps of trajectories: "
            "batch.score_weighted(weights)"
        )

    def log_prob(self, steps: Steps) -> Float[Array, "n T"]:
        """Return log π(a_t|h_t) at every step; whatever on padding.

        Parameters
        ----------
        steps : Steps
        """
        if not steps.actions.size:
            return np.zeros(steps.actions.shape)
        pi, _ = self._softmax(steps.states[:, :-1], steps.actions)
        return np.log(np.take_along_axis(pi, steps.actions[..., None], axis=2)[..., 0])

    def next_probabilities(self, prefix: Steps) -> Float[Array, "n A"]:
        """Return π(·|h_t) after the steps so far.

        Parameters
        ----------
        prefix : Steps
        """
        last = np.zeros((len(prefix.states), 1), dtype=np.int64)
        pi, _ = self._softmax(prefix.states, np.concatenate([prefix.actions, last], axis=1))
        return pi[:, -1]

    def score_sum(self, steps: Steps, weights: Float[Array, "n T"]) -> Float[Array, "n d"]:
        """Return Σ_t w_t ∇ log π(a_t|h_t) for every trajectory.

        Parameters
        ----------
        steps : Steps
        weights : [n, T]
            0 on padding.
        """
        sums = np.zeros((len(weights), self._theta.size))
        for row in np.flatnonzero(weights.any(axis=1)):
            length = int(np.flatnonzero(weights[row])[-1]) + 1
            score = self._scores(steps.states[row, :length], steps.actions[row, :length])
            sums[row] = weights[row, :length] @ score
        return sums

    def _scores(self, states: Integer[Array, "T"], actions: Integer[Array, "T"]) -> Float[Array, "T d"]:
        """Return ∇ log π(a_t|h_t) for every step of one trajectory."""
        key = np.concatenate([states, actions]).astype(np.int64).tobytes()
        if key not in self._kept:
            pi, others = self._softmax(states[None], actions[None])
            chosen = np.eye(pi.shape[2])[actions] * np.ones((len(actions), 1))
            by_logit = logit_vjp(pi[0], others[0], chosen)
            tables = np.eye(len(actions))[:, :, None] * by_logit  # step t alone, at its own place
            found = self._function.pulled_back(self._theta, states, actions, tables)
            if not np.isfinite(found).all():
                raise InvalidPolicy("the derivative of the logits holds NaN or infinity, must be finite at this θ")
            if (len(self._kept) + 1) * found.size > MOST_KEPT:
                self._kept.clear()
            self._kept[key] = found
        return self._kept[key]

    def _softmax(
        self, states: Integer[Array, "n T"], actions: Integer[Array, "n T"]
    ) -> tuple[Float[Array, "n T A"], Float[Array, "n T A"]]:
        logits = self._function.logits(self._theta, states, actions)
        if not np.isfinite(logits).all():
            raise InvalidPolicy("the network puts out NaN or infinity after some history, must put out finite logits")
        return softmax(logits)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_kept": {}}

    def __repr__(self) -> str:
        states, actions = self._first.shape
        return f"{type(self).__name__}(states={states}, actions={actions}, parameters={self._theta.size})"
