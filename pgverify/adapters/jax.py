"""JAX: a loss function becomes an estimator, a function that puts out logits a policy, and draws are dictated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.adapters.function_policy import FunctionPolicy, imported_jax
from pgverify.adapters.loss_batch import (
    LossBatch,
    convert,
    require_finite,
    require_precision,
    require_scalar,
)
from pgverify.adapters.scripted_jax import scripted
from pgverify.adapters.visited_logits import parameter_gradient, visited_logits
from pgverify.kinds import accepts, suggesting
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

__all__ = ["FunctionPolicy", "from_loss", "scripted"]


@accepts()
def from_loss(
    loss_fn: Callable[[Any, LossBatch], Any], dtype: Any = "float64"
) -> Callable[[Trajectories], Float[Array, "d"]]:
    """Return the gradient estimate that a JAX loss amounts to, for `pgv.check(kind="gradient")`.

        ĝ = −∇_θ loss_fn(logits(θ), batch)

    The loss is minimised, hence the sign. Its own normalisation is part of the claim: a mean over trajectories
    estimates ∇J, a sum over them n·∇J, and pgverify says so. A loss that does not depend on θ gives zero.

    The loss is not compiled here: `jax.jit` it. Every shape of batch is then compiled once, about seventy of them for
    the standard suite, which takes a minute; `problems=` of one's own are quicker.

    Parameters
    ----------
    loss_fn : (logits, batch) -> array with one entry
        `logits` [n, T, A] is what the policy network puts out at the states visited, differentiable; padded steps hold
        the logits of the last state. Of a policy that is no softmax of logits they are log π(·|s_t). `batch` is a
        `LossBatch` of arrays, all constant.
    dtype : "float64", "float32" or the JAX dtype
        Of everything that is not an integer or a flag. float64 switches JAX's 64-bit mode on while the loss is called,
        and only then. float32 is judged at float32 rounding.

    Raises
    ------
    InvalidInput
        JAX is not installed, or dtype is something else; and, when the returned function is called, a loss that is not
        one finite number. The oracle reports that as INVALID.
    """
    jax = imported_jax()
    double = require_precision(dtype) == "float64"

    def scalar(logits: Any, given: LossBatch) -> Any:
        loss = loss_fn(logits, given)
        require_scalar(loss, loss.shape if isinstance(loss, jax.Array) else None, "jax.Array")
        return loss.reshape(())

    def estimate(batch: Trajectories) -> Float[Array, "d"]:
        array = jax.numpy.asarray
        with jax.enable_x64(double):  # the mode decides what a float64 array of NumPy becomes
            loss, gradient = jax.value_and_grad(scalar)(array(visited_logits(batch)), convert(batch, array))
            require_finite(float(loss))
            return -parameter_gradient(batch, np.asarray(gradient))

    return estimate


__getattr__ = suggesting(__name__, __all__)
