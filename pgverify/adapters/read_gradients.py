"""Gradients as an optimiser of PyTorch would step along them, before their norm is clipped, without the step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.adapters.module_parameters import imported_torch
from pgverify.errors import InvalidRun
from pgverify.validation import Array


class EnoughRead(BaseException):
    """The last gradient that was wanted is read: nothing that comes after it is needed."""


class ReadGradients:
    """What was read.

    Parameters
    ----------
    parameters : tensors
        Whose gradients these are.
    wanted : int
        Steps of the optimiser.
    """

    def __init__(self, parameters: Sequence[Any], wanted: int) -> None:
        self.parameters = parameters
        self.wanted = wanted
        self.steps: list[Float[Array, "d"]] = []
        self.clipped = False
        self._pending: Float[Array, "d"] | None = None

    def before_clipping(self) -> None:
        """Take the gradient as it is before its norm is clipped."""
        self._pending = self._now()

    def before_step(self) -> None:
        """Take the gradient of a step, and leave none to step along.

        Raises
        ------
        EnoughRead
            When it was the last that is wanted.
        """
        self.clipped |= self._pending is not None and not np.array_equal(self._pending, self._now())
        self.steps.append(self._now() if self._pending is None else self._pending)
        self._pending = None
        if len(self.steps) == self.wanted:
            raise EnoughRead

    def mean(self) -> Float[Array, "d"]:
        """Return the mean over the steps that were read, which have frozen parameters.

        Raises
        ------
        InvalidRun
            When no optimiser stepped, or not as often as was wanted.
        """
        if len(self.steps) < self.wanted:
            raise InvalidRun(
                f"the agent stepped its optimiser {len(self.steps)} times in an update, must step it at least "
                f"{self.wanted} times; ask for fewer minibatches"
            )
        return np.asarray(np.mean(self.steps, axis=0, dtype=self.steps[0].dtype))

    def _now(self) -> Float[Array, "d"]:
        parts = [
            np.zeros(p.numel(), dtype=np.float32) if p.grad is None else p.grad.detach().cpu().numpy().ravel()
            for p in self.parameters
        ]
        return np.concatenate(parts)


@contextmanager
def read_gradients(parameters: Sequence[Any], wanted: int = 1) -> Iterator[ReadGradients]:
    """Read the gradients of some steps of whatever optimiser, and end the block after the last of them.

    Nothing steps: the gradients of every optimiser that is about to are taken away, so that parameters and the state of
    the optimiser stay as they are.

    Parameters
    ----------
    parameters : tensors
    wanted : int
        Steps, at least 1.
    """
    torch = imported_torch()
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    reading = ReadGradients(parameters, wanted)
    ours = {id(p) for p in parameters}
    clip = torch.nn.utils.clip_grad_norm_

    def clipped(given: Any, *rest: Any, **named: Any) -> Any:
        listed = [given] if isinstance(given, torch.Tensor) else list(given)
        if any(id(p) in ours for p in listed):
            reading.before_clipping()
        return clip(listed, *rest, **named)

    def before_step(optimizer: Any, args: Any, kwargs: Any) -> None:  # noqa: ARG001 — as torch calls it
        held = [p for group in optimizer.param_groups for p in group["params"]]
        if any(id(p) in ours for p in held):
            reading.before_step()
        for p in held:
            p.grad = None

    handle = register_optimizer_step_pre_hook(before_step)
    torch.nn.utils.clip_grad_norm_ = clipped
    try:
        yield reading
    except EnoughRead:
        pass
    finally:
        torch.nn.utils.clip_grad_norm_ = clip
        handle.remove()
        for p in parameters:
            p.grad = None
