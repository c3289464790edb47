"""Libraries that go backwards themselves: the gradient that an update leaves behind, as an estimator."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from jaxtyping import Float

from pgverify.adapters import torch as adapter
from pgverify.adapters.loss_batch import LossBatch
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def left_behind(update: Callable[[Any, LossBatch], None]) -> Callable[[Trajectories], Float[Array, "d"]]:
    """Return the estimator of the direction along which an optimiser would step after an update of PyTorch.

        ĝ = −∇_θ Σ z(θ) · ∂L/∂z

    Parameters
    ----------
    update : (logits, batch) -> None
        Calls the library's own update, which is to leave the gradient of its loss in `logits` [n, T, A], a leaf.
    """

    def loss_fn(logits: Any, batch: LossBatch) -> Any:
        leaf = logits.detach().clone().requires_grad_()
        update(leaf, batch)
        found = 0.0 * leaf.detach() if leaf.grad is None else leaf.grad
        return (found * logits).sum()  # its gradient by the logits is the one that was left

    return adapter.from_loss(loss_fn)


def weighted(batch: LossBatch, powers: bool = True, gamma: float | None = None) -> Any:
    """Return γ^t G_t [n, T] of a batch of tensors; without `powers` G_t."""
    import torch

    factor = (batch.discount if gamma is None else gamma) ** torch.arange(batch.rewards.shape[1])
    to_go = (batch.rewards * factor).flip(1).cumsum(1).flip(1)
    return to_go if powers else to_go / factor


def times_steps(batch: LossBatch) -> Any:
    """Return the mean number of steps of a trajectory: what a mean over all steps of a batch lacks."""
    return batch.mask.sum() / len(batch.mask)


def idle() -> Any:
    """Return an optimiser that takes no step, so that what a backward pass left stays as it is."""
    return SimpleNamespace(
        zero_grad=lambda *_: None, step=lambda *_: None, state_dict=lambda: {"param_groups": [{"lr": 0}]}
    )
