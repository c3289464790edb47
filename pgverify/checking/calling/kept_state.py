"""State between calls: an answer that depends on the calls before it is not random, and no independent estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.checking.calling.answer import Failure
from pgverify.checking.calling.implementation import LimitedFunction, OutOfTime
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

IN_A_ROW = 24
"""Calls on one batch in a row."""

SETTLING = 12
"""The first of them: random answers come ever closer to each other with a probability of 1/11!, and move one way with
2/12!. Those that are a few values, as when rows are left out by chance, make steps of one length again and again, but
then they turn back: steps that do not shorten have to lead on."""

LONGEST_CYCLE = 8
"""Calls after which answers may begin again: three periods of them are in a row."""

ROUNDS = 4
"""Times that a batch is called after another one."""

ROUNDING = 1e-12
"""Relative difference of answers that are the same."""

CALL_BEFORE = (
    "it keeps state between calls: what it answers depends on the batch of the call before, and on nothing else that "
    "changes"
)
DRIFTS = "it keeps state between calls: asked the same again and again, its answers settle down, as running averages do"
MOVES = "it keeps state between calls: asked the same again and again, its answers move one way, as with a schedule"
CYCLES = "it keeps state between calls: asked the same again and again, its answers recur every {period} calls"

NEXT_STEP = (
    "judge it with its state held: a function that makes a new one for every batch, or that freezes what it has learnt"
)
"""What to do: the expectation of an estimate with a memory is one given that memory."""

DEPENDENT = (
    "its estimates depend on each other through its state: the rates of error hold for independent ones, and say little"
)
NEIGHBOURS = "two estimates in a row share a batch through its state: the rates of error hold but for that"
"""What is to be known of sampled estimates with a memory; the second where it holds the call before alone."""


def kept_state(implementation: LimitedFunction, batch: Trajectories) -> str:
    """Return in words how the answers of a function depend on its calls before; "" where no such thing is seen.

    For one that gave two answers to one batch. Random ones neither settle down, nor recur, nor are the same after the
    same call.

    Parameters
    ----------
    implementation : LimitedFunction
    batch : Trajectories
        With a step at least.
    """
    other = replace(batch, rewards=2.0 * batch.rewards + batch.mask)
    try:
        row = _answers(implementation, lambda _: batch, IN_A_ROW)
        pairs = _answers(implementation, lambda call: (other, batch)[call % 2], 2 * ROUNDS)
    except OutOfTime:
        return ""
    return "" if row is None or pairs is None else state_in(row, pairs[1::2])


def state_in(row: Float[Array, "calls d"], after_another: Float[Array, "rounds d"]) -> str:
    """Return in words what kind of memory answers show; "" where they show none.

    Parameters
    ----------
    row : [calls, d]
        Answers to one batch in a row, `IN_A_ROW` of them.
    after_another : [rounds, d]
        Answers to that batch, each after a call on another one.
    """
    alone = row[1:]
    if _one(after_another) and _one(alone) and not _same(after_another[0], alone[0]):
        return CALL_BEFORE
    for period in range(2, LONGEST_CYCLE + 1):
        if all(_same(row[k], row[k + period]) for k in range(IN_A_ROW - period)) and not _one(alone):
            return CYCLES.format(period=period)
    moved = np.diff(row[:SETTLING], axis=0)
    moved[np.abs(moved) <= ROUNDING * np.abs(row).max(initial=0.0)] = 0.0
    if _settles(moved):
        return DRIFTS
    return MOVES if (moved @ moved.sum(axis=0) > 0.0).all() else ""


def _settles(moved: Float[Array, "calls d"]) -> bool:
    """Return whether answers come ever closer to each other: by several steps, none longer than the one before."""
    steps = np.abs(moved).max(axis=1)
    if steps[1] == 0.0 or steps[-1] >= steps[0] or (steps[1:] > steps[:-1]).any():
        return False
    onwards = (moved[1:] * moved[:-1]).sum(axis=1) > 0.0
    return bool((onwards | (steps[1:] < steps[:-1]) | (steps[1:] == 0.0)).all())


def dependence(state: str) -> str:
    """Return the warning that sampled estimates with such a memory need."""
    return NEIGHBOURS if state == CALL_BEFORE else DEPENDENT


def _answers(
    implementation: LimitedFunction, batch: Callable[[int], Trajectories], calls: int
) -> Float[Array, "calls d"] | None:
    answers = [implementation.estimate(batch(call)) for call in range(calls)]
    values = [answer.array for answer in answers if not isinstance(answer, Failure)]
    return np.stack(values) if len(values) == calls else None


def _one(answers: Float[Array, "calls d"]) -> bool:
    return all(_same(answers[0], each) for each in answers[1:])


def _same(one: Float[Array, "d"], other: Float[Array, "d"]) -> bool:
    return bool(np.abs(one - other).max(initial=0.0) <= ROUNDING * np.abs(one).max(initial=0.0))
