"""PyTorch: a module that puts out logits becomes a policy."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.adapters.module_parameters import ModuleParameters, imported_torch
from pgverify.arrays import as_array, refuse_non_finite
from pgverify.errors import InvalidPolicy, one_sentence, shortened
from pgverify.kinds import known_arguments
from pgverify.policies.logits_policy import LogitsPolicy, require_table
from pgverify.validation import Array


@known_arguments
class ModulePolicy(LogitsPolicy):
    """π_θ = softmax(module(observations)), with θ the parameters of a PyTorch module in the module's order.

    The module is called as it is for evaluation (dropout off, running statistics kept), on its own device, with its
    parameters in float64 whatever they are stored in; it is left as it was. θ is read once: training the module later
    does not change this policy. Parameters that need no gradient are constants, and no part of θ.

    Parameters
    ----------
    module : torch.nn.Module
        observations [S, ...] -> logits [S, A], a function of the observations alone.
    observations : [S, F], or [S, ...], or [S] of int
        What the module is given for each state; integers stay integers, for embeddings.

    Raises
    ------
    InvalidPolicy
        When the module cannot take the observations, does not put out one row of logits for each, finite or -inf where
        masked, answers differently the second time, or has no parameter that needs a gradient.
    InvalidInput
        When PyTorch is not installed.
    """

    def __init__(self, module: Any, observations: Any) -> None:
        function = ModuleLogits(module, observations)
        theta = function.parameters.theta()
        super().__init__(function, theta)
        if not np.array_equal(self.logits, function.logits(theta)):
            raise InvalidPolicy(
                "module answers differently to the same observations the second time, must be a function of them "
                "alone; switch noise off, and keep no hidden state between calls"
            )


class ModuleLogits:
    """The logits of a module as a function of its parameters."""

    def __init__(self, module: Any, observations: Any) -> None:
        self.parameters = ModuleParameters(module)
        self.observations = observation_table(observations)

    def logits(self, theta: Float[Array, "d"]) -> Float[Array, "S A"]:
        """Return module(observations) at θ."""
        torch = imported_torch()
        with torch.no_grad():
            found = self._called(self.parameters.split(theta))
        return np.asarray(found.cpu().double().numpy())

    def pulled_back(self, theta: Float[Array, "d"], weights: Float[Array, "m S A"]) -> Float[Array, "m d"]:
        """Return Σ w(s,a) ∂z(s,a)/∂θ for every table of weights, one backward pass each."""
        return self.parameters.pulled_back(self._called, theta, weights)

    def _called(self, parts: list[Any]) -> Any:
        """Return what the module puts out with these parameters, refusing what is no table of logits."""
        try:
            found = self.parameters.called(parts, self.observations)
        except Exception as reason:
            raise InvalidPolicy(
                f"module cannot be called on observations of shape {self.observations.shape}: "
                f"{shortened(one_sentence(reason), 160)}"
            ) from None
        require_table(found, len(self.observations), "torch.Tensor")
        return found


def observation_table(observations: Any) -> Array:
    """Return observations [S, ...] as an array: floats as float64, integers as they are, every entry finite."""
    plain = observations.detach().cpu().numpy() if hasattr(observations, "detach") else observations
    table = as_array("observations", plain, InvalidPolicy)
    if table.ndim == 0 or 0 in table.shape or table.dtype.kind not in "fiub":
        raise InvalidPolicy(
            f"observations has shape {table.shape} and dtype {table.dtype}, must be numbers [S, F], one row a state"
        )
    if table.dtype.kind == "f":
        table = table.astype(np.float64)
        refuse_non_finite("observations", table, InvalidPolicy)
    return table.copy()
