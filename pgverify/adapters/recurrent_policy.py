"""PyTorch: a recurrent module becomes a policy with a memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from pgverify.adapters.module_parameters import ModuleParameters, imported_torch
from pgverify.adapters.module_policy import observation_table
from pgverify.errors import InvalidInput, InvalidPolicy, one_sentence, shortened
from pgverify.kinds import known_arguments
from pgverify.policies.sequence_policy import SequencePolicy
from pgverify.validation import Array, require_integer

SAME = 1e-9
"""Relative difference of logits that batches of other shapes may make in double precision; a leak makes more."""


@known_arguments
class RecurrentPolicy(SequencePolicy):
    """π_θ(a|h_t) = softmax(module(o_0, …, o_t)), with θ the parameters of a recurrent PyTorch module in its order.

    The module is called on whole sequences, each from the state in which it begins an episode: no hidden state may
    outlive a call. Otherwise as for `ModulePolicy`: float64, evaluation mode, its own device, θ read once.

    Parameters
    ----------
    module : torch.nn.Module
        sequences [n, t, F] -> logits [n, t, A], one row after every observation; an LSTM with `batch_first=True` and a
        linear layer, say.
    observations : [S, F]
        What is seen of each state; several may look alike.
    previous_actions : int
        A, for the last action to be seen too: one-hot, [n, t, F + A], zeros before the first. 0 for observations alone.

    Raises
    ------
    InvalidPolicy
        When the module cannot be called, does not put out finite logits [n, t, A], or when what it puts out depends on
        calls before (a hidden state that leaks), on other sequences of the batch, or on observations still to come.
    InvalidInput
        When PyTorch is not installed.
    """

    def __init__(self, module: Any, observations: Any, previous_actions: int = 0) -> None:
        function = SequenceLogits(module, observations, previous_actions)
        theta = function.parameters.theta()
        super().__init__(function, theta)
        function.refuse_leaks(theta)


class SequenceLogits:
    """The logits of a recurrent module as a function of its parameters."""

    def __init__(self, module: Any, observations: Any, previous_actions: int) -> None:
        self.parameters = ModuleParameters(module)
        self.observations = observation_table(observations)
        if self.observations.ndim != 2:
            raise InvalidPolicy(f"observations has shape {self.observations.shape}, must be [S, F], one row a state")
        self.seen_actions = require_integer("previous_actions", previous_actions, 0, InvalidInput)

    @property
    def states(self) -> int:
        """S."""
        return len(self.observations)

    def logits(
        self, theta: Float[Array, "d"], states: Integer[Array, "n T"], actions: Integer[Array, "n T"]
    ) -> Float[Array, "n T A"]:
        """Return the logits after every observation."""
        torch = imported_torch()
        with torch.no_grad():
            found = self._called(self.parameters.split(theta), states, actions)
        return np.asarray(found.cpu().double().numpy())

    def pulled_back(
        self,
        theta: Float[Array, "d"],
        states: Integer[Array, "T"],
        actions: Integer[Array, "T"],
        weights: Float[Array, "m T A"],
    ) -> Float[Array, "m d"]:
        """Return Σ w(t,a) ∂z(a|o_0, …, o_t)/∂θ of one sequence, one backward pass each."""

        def called(parts: list[Any]) -> Any:
            return self._called(parts, states[None], actions[None])[0]

        return self.parameters.pulled_back(called, theta, weights)

    def refuse_leaks(self, theta: Float[Array, "d"]) -> None:
        """Refuse a module whose answer for a sequence depends on anything but the sequence so far."""
        rng = np.random.default_rng(0)
        states = rng.integers(0, self.states, size=(4, 4))
        states[0], states[-1] = 0, self.states - 1
        actions = rng.integers(0, max(self.seen_actions, 1), size=states.shape)
        whole = self.logits(theta, states, actions)
        if self._differ(whole, self.logits(theta, states, actions)):
            raise InvalidPolicy(
                "module answers differently to the same sequences the second time, must begin every call afresh: a "
                "hidden state that is kept leaks from one episode into the next"
            )
        alone = np.concatenate([self.logits(theta, states[[i]], actions[[i]]) for i in range(len(states))])
        if self._differ(whole, alone):
            raise InvalidPolicy(
                "module answers differently to a sequence when others are in the batch, must treat each alone; an LSTM "
                "needs batch_first=True for sequences [n, t, F]"
            )
        if self._differ(whole[:, :2], self.logits(theta, states[:, :2], actions[:, :2])):
            raise InvalidPolicy(
                "module answers differently to the first observations when more follow, must not look ahead; a "
                "bidirectional layer does"
            )

    @staticmethod
    def _differ(one: Float[Array, "n t A"], other: Float[Array, "n t A"]) -> bool:
        return bool(np.abs(one - other).max() > SAME * max(1.0, float(np.abs(one).max())))

    def _called(self, parts: list[Any], states: Integer[Array, "n T"], actions: Integer[Array, "n T"]) -> Any:
        torch = imported_torch()
        seen = self.observations[states]
        if self.seen_actions:
            last = np.zeros((*states.shape, self.seen_actions))
            last[:, 1:] = np.eye(self.seen_actions)[actions[:, :-1]]
            seen = np.concatenate([seen, last], axis=2)
        try:
            found = self.parameters.called(parts, seen)
        except Exception as reason:
            raise InvalidPolicy(
                f"module cannot be called on sequences of shape {seen.shape}: {shortened(one_sentence(reason), 160)}"
            ) from None
        shape = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        if not isinstance(shape, tuple) or len(shape) != 3 or shape[:2] != states.shape or shape[2] < 1:
            raise InvalidPolicy(
                f"the network puts out {shape} for sequences of shape {seen.shape}, must be logits [n, t, A]: one row "
                "after every observation"
            )
        return found
