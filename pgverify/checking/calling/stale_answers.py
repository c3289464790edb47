"""Answers from memory: a function that remembers which object it was given, and not what was in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pgverify.checking.calling.guarded_call import guarded
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.trajectories import ARRAYS, Trajectories

CLOSE = 1e-6
"""Relative difference that single precision may make."""

ATTEMPTS = 8
"""On new objects: a number that was used before has an answer of its own in such a memory, and spoils an attempt."""

ASKED_AGAIN = 16
"""Times that what looks like a memory is asked again: answers of which there are few, as where single rows are left out
at random, coincide now and then, and never every time."""

STALE = (
    "its answers are stale: the same object with other content gets the old answer, as from a cache keyed by id(batch) "
    "or an address, which is used again"
)
"""What was seen, and the mechanism behind it."""


def remembers_objects(implementation: LimitedFunction, batch: Trajectories) -> bool:
    """Return whether a function answers by which object it is given, on a batch and on the same with other rewards.

    An object is filled anew in place, so that neither it nor its arrays move: the answer must become that of the new
    content. Two other objects of the first content must have the first answer, or the function is random, and one of
    the new content another, or the content does not matter. What looks like a memory must do so each time that it is
    asked again.

    Parameters
    ----------
    implementation : LimitedFunction
    batch : Trajectories
        With a step at least.
    """
    alive: list[Trajectories] = []  # to the end, so that no number is used again, and each attempt meets new ones
    for _ in range(ATTEMPTS):
        found = _remembers(implementation, batch, alive)
        if found is not False:
            return bool(found)
    return False


def _remembers(implementation: LimitedFunction, batch: Trajectories, alive: list[Trajectories]) -> bool | None:
    """Return what one attempt shows; None where there is no answer: then no further one is asked for."""
    changed = replace(batch, rewards=2.0 * batch.rewards + batch.mask)
    kept, equal, another, other = batch.copy(), batch.copy(), batch.copy(), changed.copy()
    alive += [kept, equal, another, other]
    first = _answer(implementation, kept)
    if first is None:
        return None
    same = [_answer(implementation, item) for item in (equal, another)]
    truth = _answer(implementation, other)
    for name in ARRAYS:
        getattr(kept, name)[...] = getattr(changed, name)
    again = _answer(implementation, kept)
    if truth is None or again is None:
        return False
    if not all(_close(first, answer) for answer in same) or not _close(first, again) or _close(first, truth):
        return False
    for _ in range(ASKED_AGAIN):
        if not _close(first, _answer(implementation, kept)) or _close(first, _answer(implementation, other)):
            return False
    return True


def _answer(implementation: LimitedFunction, batch: Trajectories) -> Any:
    """Return what the function itself returns, on this very object: `estimate` would hand over a copy."""
    tables = implementation.tables.of(batch.rollout)
    call = guarded(implementation.function, (batch,), implementation.alarm)
    tables.changed()  # what it did to them has been judged by now; they are put back
    return None if call.failure or call.raw.dtype.kind not in "fiu" else np.array(call.raw, dtype=np.float64)


def _close(one: Any, other: Any) -> bool:
    if other is None or one.shape != other.shape:
        return False
    return bool(np.abs(one - other).max(initial=0.0) <= CLOSE * np.abs(one).max(initial=0.0))
