"""Steps one after another, as vectorised libraries store them: edges between episodes are for the reader to see."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Integer

from pgverify.errors import InvalidEstimator, InvalidSampling, unknown_name
from pgverify.validation import Array, require_integer, require_shape

Autoreset: TypeAlias = Literal["same-step", "next-step"]
"""What a vectorised environment does at an end, in the words of Gymnasium 1: `AutoresetMode`."""

AUTORESETS = ("same-step", "next-step")

NOTHING = -1
"""Row and time of a step on which the environment only resets itself."""


@dataclass(frozen=True, eq=False)
class FlatSteps:
    """N steps of a batch, one after another; pieces of episodes follow each other in an order that means nothing.

    What is stored after the last step of a piece never belongs to it: not the state, not the value, not the return.

    Attributes
    ----------
    states, actions : [N] of int
    rewards, log_probs, values : [N]
        Of the step; V is that of s_t.
    next_states : [N] of int
        What the environment returns: with "same-step" the state after the reset at an end, with "next-step" s_{t+1}.
    final_states : [N] of int
        s_{t+1}, the state reached before any reset.
    next_values : [N]
        V(s_{t+1}) of the state reached, 0 where the episode has terminated: what belongs to a bootstrap.
    reset_values : [N]
        V of the state stored next, or of the first one at the end of the array: what does not.
    terminated, truncated : [N] of bool
        Whether the episode ended with this step, or was cut after it.
    episode_start : [N] of bool
        Whether a piece begins with this step.
    times : [N] of int
        t, the number of steps taken in the episode before, for γ^t; −1 on a reset step.
    rows : [N] of int
        Which trajectory of the batch it is; −1 on a reset step.
    reset_step : [N] of bool
        With "next-step", true on the step after each end: its action is ignored, it pays nothing, and it leads from the
        last state of one piece to the first of the next. No step of the batch: nobody should learn from it.
    shape : (n, T)
        Of the batch.
    """

    states: Integer[Array, "N"]
    actions: Integer[Array, "N"]
    rewards: Float[Array, "N"]
    log_probs: Float[Array, "N"]
    values: Float[Array, "N"]
    next_states: Integer[Array, "N"]
    final_states: Integer[Array, "N"]
    next_values: Float[Array, "N"]
    reset_values: Float[Array, "N"]
    terminated: Bool[Array, "N"]
    truncated: Bool[Array, "N"]
    episode_start: Bool[Array, "N"]
    times: Integer[Array, "N"]
    rows: Integer[Array, "N"]
    reset_step: Bool[Array, "N"]
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.states)

    def padded(self, weights: Float[Array, "N"]) -> Float[Array, "n T"]:
        """Return numbers of the steps as [n, T], for `batch.score_weighted`; those of reset steps are dropped.

        Parameters
        ----------
        weights : [N]

        Raises
        ------
        InvalidEstimator
            When they are not one number a step.
        """
        array = np.asarray(weights, dtype=np.float64)
        require_shape("weights", array, self.states.shape, "[N], one a step", InvalidEstimator)
        table = np.zeros(self.shape)
        real = ~self.reset_step
        table[self.rows[real], self.times[real]] = array[real]
        return table


def flat_steps(batch: Any, cut: int | None, autoreset: str) -> FlatSteps:
    """Return the steps of a batch of trajectories one after another: see `Trajectories.steps`."""
    if autoreset not in AUTORESETS:
        raise unknown_name("autoreset", autoreset, AUTORESETS)
    most = batch.actions.shape[1]
    size = max(most, 1) if cut is None else require_integer("cut", cut, 1, InvalidSampling, " step")
    rows, times = np.nonzero(batch.mask)
    # Pieces by their number, the latest first, then by trajectory: none is followed by what comes after it.
    order = np.lexsort((times, rows, -(times // size)))
    rows, times = rows[order], times[order]
    ends = times + 1 == batch.lengths[rows]
    last = ends | ((times + 1) % size == 0)
    terminated = ends & batch.terminated[rows]
    values = batch.values
    here, state = values[rows, times], batch.states[rows, times]
    reached, after = batch.states[rows, times + 1], np.where(terminated, 0.0, values[rows, times + 1])
    stored_next, value_next = np.roll(state, -1), np.roll(here, -1)
    steps = FlatSteps(
        states=state,
        actions=batch.actions[rows, times],
        rewards=batch.rewards[rows, times],
        log_probs=batch.log_probs[rows, times],
        values=here,
        next_states=np.where(last, stored_next, reached) if autoreset == "same-step" else reached,
        final_states=reached,
        next_values=after,
        reset_values=np.where(last, value_next, after),
        terminated=terminated,
        truncated=last & ~terminated,
        episode_start=times % size == 0,
        times=times,
        rows=rows,
        reset_step=np.zeros(len(rows), dtype=bool),
        shape=(len(batch.actions), most),
    )
    return steps if autoreset == "same-step" else _with_reset_steps(steps, last)


def _with_reset_steps(steps: FlatSteps, last: Bool[Array, "N"]) -> FlatSteps:
    """Return the same with a step after each end on which the environment resets itself."""
    at = np.flatnonzero(last)
    following = np.roll(steps.states, -1)[at]
    value = np.roll(steps.values, -1)[at]
    own: dict[str, Any] = {
        "states": steps.final_states[at],
        "actions": 0,
        "rewards": 0.0,
        "log_probs": 0.0,
        "values": steps.next_values[at],
        "next_states": following,
        "final_states": following,
        "next_values": value,
        "reset_values": value,
        "terminated": False,
        "truncated": False,
        "episode_start": False,
        "times": NOTHING,
        "rows": NOTHING,
        "reset_step": True,
    }
    arrays = {
        field.name: np.insert(getattr(steps, field.name), at + 1, own[field.name])
        for field in fields(steps)
        if field.name != "shape"
    }
    # What is stored after an end is now the reset step, at the last state of the piece itself.
    ends = arrays["terminated"] | arrays["truncated"]
    arrays["reset_values"] = np.where(ends, np.roll(arrays["values"], -1), arrays["reset_values"])
    return FlatSteps(**arrays, shape=steps.shape)
