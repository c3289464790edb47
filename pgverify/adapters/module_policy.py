"""PyTorch: a module that puts out logits becomes a policy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.arrays import as_array, refuse_non_finite
from pgverify.errors import InvalidInput, InvalidPolicy, one_sentence, shortened
from pgverify.policies.logits_policy import LogitsPolicy, require_table
from pgverify.validation import Array


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
        When the module cannot take the observations, does not put out one finite row of logits for each, answers
        differently the second time, or has no parameter that needs a gradient.
    InvalidInput
        When PyTorch is not installed.
    """

    def __init__(self, module: Any, observations: Any) -> None:
        function = ModuleLogits(module, observations)
        theta = function.theta()
        super().__init__(function, theta)
        if not np.array_equal(self.logits, function.logits(theta)):
            raise InvalidPolicy(
                "module answers differently to the same observations the second time, must be a function of them "
                "alone; switch noise off, and keep no hidden state between calls"
            )


class ModuleLogits:
    """The logits of a module as a function of its parameters."""

    def __init__(self, module: Any, observations: Any) -> None:
        torch = imported_torch()
        if not isinstance(module, torch.nn.Module):
            raise InvalidPolicy(f"module is {type(module).__name__}, must be a torch.nn.Module: observations -> logits")
        self.module = module
        if any(isinstance(p, torch.nn.parameter.UninitializedTensorMixin) for p in module.parameters()):
            raise InvalidPolicy("module has lazy parameters without a shape, must have been called once before")
        self.names = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
        if not self.names:
            raise InvalidPolicy(
                "module has no parameter that needs a gradient, must have at least one; requires_grad_() switches it on"
            )
        self.observations = observation_table(observations)

    def theta(self) -> Float[Array, "d"]:
        """Return the parameters of the module, one after another in its order."""
        named = dict(self.module.named_parameters())
        return np.concatenate([named[name].detach().cpu().double().numpy().ravel() for name in self.names])

    def logits(self, theta: Float[Array, "d"]) -> Float[Array, "S A"]:
        """Return module(observations) at θ."""
        torch = imported_torch()
        with torch.no_grad():
            found = self._called(self._split(theta))
        return np.asarray(found.cpu().double().numpy())

    def pulled_back(self, theta: Float[Array, "d"], weights: Float[Array, "m S A"]) -> Float[Array, "m d"]:
        """Return Σ w(s,a) ∂z(s,a)/∂θ for every table of weights, one backward pass each."""
        torch = imported_torch()
        rows = np.zeros((len(weights), theta.size))
        with torch.inference_mode(False), torch.enable_grad():
            parts = [part.requires_grad_() for part in self._split(theta)]
            found = self._called(parts)
            if not found.requires_grad:
                return rows  # everything was detached: no logit depends on θ
            for row, table in enumerate(weights):
                # A sum, for a cotangent makes torch import its symbolic shapes: seconds, on the first call.
                weighted = (torch.from_numpy(table).to(found) * found).sum()
                pulled = torch.autograd.grad(weighted, parts, retain_graph=True, allow_unused=True)
                rows[row] = np.concatenate(
                    [
                        np.zeros(part.numel()) if each is None else each.cpu().numpy().ravel()
                        for part, each in zip(parts, pulled, strict=True)
                    ]
                )
        return rows

    def _split(self, theta: Float[Array, "d"]) -> list[Any]:
        """Return θ as tensors of the shapes of the parameters, in float64."""
        torch = imported_torch()
        named, parts, first = dict(self.module.named_parameters()), [], 0
        for name in self.names:
            parameter = named[name]
            values = torch.tensor(theta[first : first + parameter.numel()], dtype=torch.float64)
            parts.append(values.reshape(parameter.shape).to(parameter.device))
            first += parameter.numel()
        return parts

    def _called(self, parts: list[Any]) -> Any:
        """Return what the module puts out with these parameters, refusing what is no table of logits."""
        torch = imported_torch()
        device = next(self.module.parameters()).device
        state = {
            name: tensor.detach().double() if tensor.is_floating_point() else tensor.detach().clone()
            for name, tensor in (*self.module.named_parameters(), *self.module.named_buffers())
        }
        state.update(zip(self.names, parts, strict=True))
        given = torch.tensor(self.observations, device=device)
        try:
            with evaluating(self.module):
                found = torch.func.functional_call(self.module, state, (given,))
        except Exception as reason:
            raise InvalidPolicy(
                f"module cannot be called on observations of shape {self.observations.shape}: "
                f"{shortened(one_sentence(reason), 160)}"
            ) from None
        require_table(found, len(self.observations), "torch.Tensor")
        return found


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """Switch every part of a module to evaluation, and back to what it was."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


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


def imported_torch() -> Any:
    """Return the module torch, which is imported when it is first needed."""
    try:
        import torch
    except ImportError:
        raise InvalidInput(
            "adapters.torch needs PyTorch, which is not installed: pip install pgverify[torch]"
        ) from None
    return torch
