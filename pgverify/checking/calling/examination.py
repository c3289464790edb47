"""One call of an implementation on one batch, examined: nothing it does passes unseen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pgverify.checking.calling.alarm import Alarm
from pgverify.checking.calling.answer import Answer, Failure, Value
from pgverify.checking.calling.guarded_call import global_state, guarded
from pgverify.checking.calling.hints import shape_hint
from pgverify.checking.calling.in_words import SHOWN, batch_in_words
from pgverify.checking.calling.significant_bits import OF_DOUBLE, OF_HALF, significant_bits
from pgverify.trajectories import ARRAYS, Trajectories
from pgverify.validation import bracket, first_index

LARGEST = 1e100
"""Entries beyond this are refused: their squares, which variances are made of, come near the end of the range."""


def ask(
    implementation: Callable[[Trajectories], Any],
    batch: Trajectories,
    shapes: tuple[tuple[int, ...], ...],
    alarm: Alarm,
    watched: bool = False,
) -> Answer:
    """Call the implementation once on its own copy of the batch, and examine everything it does.

    Parameters
    ----------
    implementation : batch -> array
    batch : Trajectories
    shapes : tuple of shapes
        The shapes that are allowed.
    alarm : Alarm
        See `guarded`.
    watched : bool
        Whether the global random state is compared, which costs as much as the rest.
    """
    copy = batch.copy()
    before = global_state() if watched else None
    call = guarded(implementation, (copy,), alarm)
    notes: dict[str, str] = {}
    given, own = vars(copy), vars(batch)
    if changed := _changed(given, own):
        notes["mutation"] = f"changes its input ({', '.join(changed)}) on {describe(batch)}"
    if call.printed:
        notes["prints"] = f"prints {call.printed.strip()[:40]!r} on {describe(batch)}"
    if watched and before != global_state():
        notes["global random state"] = f"draws from the global random state on {describe(batch)}"
    if call.failure:
        return Failure(call.failure, describe(batch), timed_out=call.timed_out, notes=notes, seconds=alarm.worked())
    answer = _examined(call.raw, batch, shapes, notes)
    return replace(answer, seconds=alarm.worked()) if isinstance(answer, Failure) else answer


def describe(batch: Trajectories) -> str:
    """Return a batch as one would type it, shortened where it is long."""
    lengths = batch.lengths[:SHOWN].tolist()
    first = [
        (batch.states[i, : n + 1].tolist(), batch.actions[i, :n].tolist(), batch.rewards[i, :n].tolist())
        for i, n in enumerate(lengths)
    ]
    return batch_in_words(first, len(batch))


def _changed(given: dict[str, Any], own: dict[str, Any]) -> list[str]:
    """Return which arrays are no longer what they were."""
    changed = []
    for name in ARRAYS:
        now, original = given.get(name), own[name]  # it may be gone
        if not (isinstance(now, np.ndarray) and now.shape == original.shape and now.tobytes() == original.tobytes()):
            changed.append(name)
    return changed


def _examined(raw: Any, batch: Trajectories, shapes: tuple[tuple[int, ...], ...], notes: dict[str, str]) -> Answer:
    kind, size = raw.dtype.kind, raw.dtype.itemsize
    if kind not in "fiu":
        return _refused(f"returned dtype {raw.dtype}, must be float64, float32 or float16", batch, notes)
    if kind != "f":
        notes["integers"] = f"returns integers ({raw.dtype}) on {describe(batch)}"
    if raw.shape not in shapes:
        allowed = " or ".join(map(str, dict.fromkeys(shapes)))
        return _refused(f"returned shape {raw.shape}, must be {allowed}{shape_hint(raw.shape, batch)}", batch, notes)
    value = raw.astype(np.float64)
    largest = float(np.maximum.reduce(np.abs(value), axis=None, initial=0.0))
    if not largest <= LARGEST:
        bad = ~(np.abs(value) <= LARGEST)
        index = first_index(bad)
        row = batch.select([index[0]]) if value.ndim == 2 else batch
        note = f" (entries beyond {LARGEST:g} cannot be averaged)" if np.isfinite(value[index]) else ""
        return _refused(f"returned {value[index]} at {bracket(index)}{note}", row, notes)
    short = size < 8 and kind == "f"
    # The largest entry alone tells of most functions that they are not.
    single = size < 8 or bool(
        largest > 0.0 and float(np.float32(largest)) == largest and (value.astype(np.float32) == value).all()
    )
    telling = short or (single and bool((np.mod(np.frexp(value)[0] * 2.0**16, 1.0) != 0.0).any()))
    bits = significant_bits(value) if (single and kind == "f") or largest == 0.0 else OF_DOUBLE
    if bits and size == 2:
        bits = OF_HALF  # whatever numbers of fewer bits there are
    return Value(value, notes, single, telling, bits)


def _refused(happened: str, batch: Trajectories, notes: dict[str, str]) -> Failure:
    return Failure(happened, describe(batch), examined=True, notes=notes)
