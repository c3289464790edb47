"""PyTorch: a loss function becomes an estimator, a module a policy, and draws are dictated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.adapters.loss_batch import (
    LossBatch,
    convert,
    require_finite,
    require_precision,
    require_scalar,
)
from pgverify.adapters.module_parameters import imported_torch
from pgverify.adapters.module_policy import ModulePolicy
from pgverify.adapters.recurrent_policy import RecurrentPolicy
from pgverify.adapters.scripted_torch import scripted
from pgverify.adapters.visited_logits import parameter_gradient, visited_logits
from pgverify.kinds import accepts, suggesting
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

__all__ = ["ModulePolicy", "RecurrentPolicy", "from_loss", "scripted"]


@accepts()
def from_loss(
    loss_fn: Callable[[Any, LossBatch], Any], dtype: Any = "float64"
) -> Callable[[Trajectories], Float[Array, "d"]]:
    """Return the gradient estimate that a PyTorch loss amounts to, for `pgv.check(kind="gradient")`.

        ĝ = −∇_θ loss_fn(logits(θ), batch)

    The loss is minimised, hence the sign. Its own normalisation is part of the claim: a mean over trajectories
    estimates ∇J, a sum over them n·∇J, and pgverify says so. A loss that does not depend on θ gives zero.

    Parameters
    ----------
    loss_fn : (logits, batch) -> tensor with one entry
        `logits` [n, T, A] is what the policy network puts out at the states visited, differentiable; padded steps hold
        the logits of the last state. Of a policy that is no softmax of logits they are log π(·|s_t). `batch` is a
        `LossBatch` of tensors, all detached.
    dtype : "float64", "float32" or the torch dtype
        Of everything that is not an integer or a flag. float32 is judged at float32 rounding.

    Raises
    ------
    InvalidInput
        PyTorch is not installed, or dtype is something else; and, when the returned function is called, a loss that is
        not one finite number. The oracle reports that as INVALID.
    """
    torch = imported_torch()
    floating = getattr(torch, require_precision(dtype))

    def tensor(array: np.ndarray) -> Any:
        # Memory is shared, so that the oracle sees it when a loss writes into its batch; torch wants it writable.
        shared = torch.from_numpy(np.require(array, requirements="W"))
        return shared.to(floating) if shared.is_floating_point() else shared

    def estimate(batch: Trajectories) -> Float[Array, "d"]:
        with torch.enable_grad():
            logits = tensor(visited_logits(batch)).requires_grad_()
            loss = loss_fn(logits.clone(), convert(batch, tensor))  # a clone may be written into, as any layer's output
            require_scalar(loss, tuple(loss.shape) if isinstance(loss, torch.Tensor) else None, "torch.Tensor")
            require_finite(loss.item())
            if not loss.requires_grad:  # everything was detached
                return np.zeros(batch.policy.parameters.size)
            (gradient,) = torch.autograd.grad(loss.sum(), logits, allow_unused=True, materialize_grads=True)
        return -parameter_gradient(batch, gradient.numpy())

    return estimate


__getattr__ = suggesting(__name__, __all__)
