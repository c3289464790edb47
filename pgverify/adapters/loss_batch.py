"""What a loss function is given, in whichever framework's arrays, and what it has to return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pgverify.errors import InvalidInput
from pgverify.policies.steps import remembers
from pgverify.trajectories import Trajectories

PRECISIONS = ("float32", "float64")


class LossBatch(NamedTuple):
    """A batch of trajectories as arrays of a framework, constant with respect to the policy's parameters.

    A named tuple, because that is what every framework can pass through its transformations (`jax.jit`) as it is.

    Attributes
    ----------
    states : [n, T+1] of int
    actions : [n, T] of int
        0 on padding.
    rewards : [n, T]
        0 on padding.
    mask : [n, T] of bool
        True on the steps that were taken.
    lengths : [n] of int
    terminated, truncated : [n] of bool
        How each episode ended; the horizon of a problem terminates.
    values : [n, T+1]
        V(s_t) of a perfect critic, 0 once the episode has terminated; NaN where actions depend on the history and
        nobody has said what the values are.
    log_probs : [n, T]
        log π(a_t|s_t) of the policy that acted, 0 on padding.
    old_log_probs : [n, T]
        The same, by the name that trainers have for it: of the old policy, in a ratio.
    discount : scalar
        γ, as an array without axes: a Python float times integers would fall back to the framework's default precision.
    """

    states: Any
    actions: Any
    rewards: Any
    mask: Any
    lengths: Any
    terminated: Any
    truncated: Any
    values: Any
    log_probs: Any
    old_log_probs: Any
    discount: Any


def convert(batch: Trajectories, as_array: Callable[[np.ndarray], Any]) -> LossBatch:
    """Return a batch with every array passed through `as_array`, which shares memory where it can."""
    own = [name for name in LossBatch._fields if name not in ("values", "old_log_probs")]
    arrays = {name: np.asarray(getattr(batch, name)) for name in own}
    arrays["old_log_probs"] = arrays["log_probs"].copy()
    if batch.critic is None and remembers(batch.policy):
        arrays["values"] = np.full(batch.states.shape, np.nan)
    else:
        arrays["values"] = np.asarray(batch.values)
    return LossBatch(**{name: as_array(array) for name, array in arrays.items()})


def require_precision(dtype: Any) -> str:
    """Return "float32" or "float64" for a name, or for a framework's own dtype of that name."""
    name = getattr(dtype, "__name__", None) or str(dtype).rpartition(".")[2]
    if name not in PRECISIONS:
        raise InvalidInput(f"dtype is {dtype!r}, must be float32 or float64")
    return name


def require_scalar(loss: Any, shape: tuple[int, ...] | None, kind: str) -> None:
    """Refuse a loss that is not one number of the framework (`shape` None: not even an array of it)."""
    if shape is None:
        raise InvalidInput(f"the loss is {loss!r} of type {type(loss).__name__}, must be a {kind} with one entry")
    if shape not in ((), (1,)):
        raise InvalidInput(f"the loss has shape {shape}, must be one number; take its mean or its sum")


def require_finite(loss: float) -> None:
    """Refuse NaN and infinity, which a constant term can carry past the gradient."""
    if not np.isfinite(loss):
        raise InvalidInput(f"the loss is {loss}, must be finite")
