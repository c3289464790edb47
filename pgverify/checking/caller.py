"""Calls on chosen trajectories, one after another, until the time of a check is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.checking.alarm import Alarm
from pgverify.checking.probe import Answer, ask
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


class OutOfTime(Exception):
    """The total time limit of a check has passed; what was not listed by then is not judged."""


class Failed(Exception):
    """A call on one of many batches gave no value; the message says which, and why."""


class Changed(Exception):
    """Two calls on one batch gave different estimates; the message says by how much."""


class Caller:
    """Calls an implementation on chosen rows of a batch, and keeps what was noticed on the way.

    Parameters
    ----------
    implementation : batch -> [n, d] or [d]; with `weights`, batch -> [n, T]
    weights : bool
        Whether step weights are returned instead of estimates.
    alarm : Alarm
        The time limit of each call.
    deadline : float
        On the clock of `time.monotonic`: from then on every call raises `OutOfTime`.

    Attributes
    ----------
    notes : dict of kind to sentence
    ordered : int
        Size of the smallest batch of which two orders were seen to have different estimates; 0 if of none. From then
        on batches are listed in every order.
    """

    def __init__(
        self,
        implementation: Callable[[Trajectories], Any],
        weights: bool,
        alarm: Alarm,
        deadline: float = float("inf"),
    ) -> None:
        self.implementation, self.weights, self.alarm = implementation, weights, alarm
        self.deadline = deadline
        self.notes: dict[str, str] = {}
        self.ordered = 0

    def __call__(self, batch: Trajectories, watched: bool = False) -> Answer:
        """Return the estimate [d] of a batch; `watched` as in `ask`."""
        if time.monotonic() > self.deadline:
            raise OutOfTime
        size = batch.policy.parameters.size
        shapes = (batch.actions.shape,) if self.weights else ((len(batch), size), (size,))
        answer = ask(self.implementation, batch, shapes, self.alarm, watched)
        self.notes = {**answer.notes, **self.notes}
        if answer.value is None:
            return answer
        value = batch.score_weighted(answer.value) if self.weights else answer.value
        mean = value.sum(axis=0) / len(value) if value.ndim == 2 else value
        return Answer(mean, "", answer.notes, answer.single, answer.telling)

    def estimate(self, batch: Trajectories) -> Float[Array, "d"]:
        """Return the estimate [d] of a batch, or raise `Failed`."""
        answer = self(batch)
        if answer.value is None:
            raise Failed(answer.problem)
        return answer.value

    def same_again(self, batch: Trajectories, value: Float[Array, "d"], tolerance: float) -> None:
        """Call on a batch once more, and raise `Changed` if the estimate differs by more than rounding explains."""
        gap = float(np.abs(self.estimate(batch) - value).max(initial=0.0))
        if gap > tolerance * np.abs(value).max(initial=0.0):
            raise Changed(f"two calls on the same batch of {len(batch)} differ by {gap:.3g}")

    def plain(self, batch: Trajectories) -> Array | None:
        """Return what the implementation itself returns for a batch: with `weights`, the weights [n, T]."""
        if time.monotonic() > self.deadline:
            raise OutOfTime
        return ask(self.implementation, batch, (batch.actions.shape,), self.alarm).value
