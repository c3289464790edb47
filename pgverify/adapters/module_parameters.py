"""The parameters of a PyTorch module as one vector, and the module as a function of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidInput, InvalidPolicy
from pgverify.validation import Array


class ModuleParameters:
    """θ: the parameters that need a gradient, one after another in the module's order, tied ones once.

    Parameters
    ----------
    module : torch.nn.Module
    """

    def __init__(self, module: Any) -> None:
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

    def theta(self) -> Float[Array, "d"]:
        """Return θ as it is now."""
        named = dict(self.module.named_parameters())
        return np.concatenate([named[name].detach().cpu().double().numpy().ravel() for name in self.names])

    def split(self, theta: Float[Array, "d"]) -> list[Any]:
        """Return θ as tensors of the shapes of the parameters, in float64, where the parameters are."""
        torch = imported_torch()
        named, parts, first = dict(self.module.named_parameters()), [], 0
        for name in self.names:
            parameter = named[name]
            values = torch.tensor(theta[first : first + parameter.numel()], dtype=torch.float64)
            parts.append(values.reshape(parameter.shape).to(parameter.device))
            first += parameter.numel()
        return parts

    def called(self, parts: list[Any], given: Float[Array, "..."]) -> Any:
        """Return what the module puts out with these parameters; the module itself stays as it is."""
        torch = imported_torch()
        state = {
            name: tensor.detach().double() if tensor.is_floating_point() else tensor.detach().clone()
            for name, tensor in (*self.module.named_parameters(), *self.module.named_buffers())
        }
        state.update(zip(self.names, parts, strict=True))
        tensor = torch.tensor(given, device=parts[0].device)
        with evaluating(self.module):
            return torch.func.functional_call(self.module, state, (tensor,))

    def pulled_back(
        self, function: Callable[[list[Any]], Any], theta: Float[Array, "d"], weights: Float[Array, "m *shape"]
    ) -> Float[Array, "m d"]:
        """Return the gradient of Σ w · function(θ) for every array of weights: one forward pass, a backward pass each.

        Parameters
        ----------
        function : list of tensors -> tensor [*shape]
            Of θ as `split` gives it.
        theta : [d]
        weights : [m, *shape]
        """
        torch = imported_torch()
        rows = np.zeros((len(weights), theta.size))
        with torch.inference_mode(False), torch.enable_grad():
            parts = [part.requires_grad_() for part in self.split(theta)]
            found = function(parts)
            if not found.requires_grad:
                return rows  # everything was detached: nothing depends on θ
            for row, table in enumerate(weights):
                # A sum, for a cotangent makes torch import its symbolic shapes: seconds, on the first call.
                weighted = (torch.from_numpy(np.ascontiguousarray(table)).to(found) * found).sum()
                pulled = torch.autograd.grad(weighted, parts, retain_graph=True, allow_unused=True)
                rows[row] = np.concatenate(
                    [
                        np.zeros(part.numel()) if each is None else each.cpu().numpy().ravel()
                        for part, each in zip(parts, pulled, strict=True)
                    ]
                )
        return rows


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


def imported_torch() -> Any:
    """Return the module torch, which is imported when it is first needed."""
    try:
        import torch
    except ImportError:
        raise InvalidInput(
            "adapters.torch needs PyTorch, which is not installed: pip install pgverify[torch]"
        ) from None
    return torch
