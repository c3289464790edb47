"""One guarded call of somebody's function: nothing it does can crash the oracle or pass unseen."""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.checking.alarm import Alarm, TimeUp
from pgverify.trajectories import ARRAYS, Trajectories
from pgverify.validation import Array, bracket, first_index

LARGEST = 1e100
"""Entries beyond this are refused: their squares, which variances are made of, come near the end of the range."""

Notes = Mapping[str, str]
"""What was noticed beside the value, by kind: the sentence names the first input on which it was."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What a call gave: an array that can be judged, or the reason why there is none.

    Attributes
    ----------
    value : [n, d], [d] or [n, T], float64, or None
    problem : str
        Why there is no value; empty where there is one.
    notes : mapping of kind to sentence
        Mutated input, prints, global random numbers, integers.
    single : bool
        Whether the value came in, or is representable in, single precision.
    telling : bool
        Whether single precision says something: numbers such as 0, 1/2 and 3/4 are representable in any.
    timed_out : bool
        Whether the time limit ended the call.
    """

    value: Float[Array, "*shape"] | None
    problem: str = ""
    notes: Notes = field(default_factory=dict)
    single: bool = False
    telling: bool = False
    timed_out: bool = False


class _Printed(io.StringIO):
    """Standard output of a call; survives being closed by it."""

    def close(self) -> None:
        """Stay open."""


@dataclass(frozen=True)
class Guarded:
    """What became of a call: an array, or a failure, and what was printed."""

    raw: Any
    failure: str
    printed: str
    timed_out: bool = False


def guarded(function: Callable[..., Any], arguments: tuple[Any, ...], alarm: Alarm) -> Guarded:
    """Call a function and turn what it returns into an array, whatever happens.

    A masked array with masked entries is a failure: what lies under the mask would be judged otherwise.

    Parameters
    ----------
    function : any callable
    arguments : tuple
    alarm : Alarm
        Its time limit, inside its `with` block.
    """
    printed = _Printed()
    try:
        raw, failure, timed_out = _called(function, arguments, alarm, printed)
        late = alarm.stop()
    except TimeUp:  # it rang when the call was over; the next time is far enough
        raw, failure, timed_out, late = None, "", True, True
        alarm.stop()
    if late or timed_out:
        failure = failure or f"did not return within the time limit of {alarm.seconds:g} s"
        return Guarded(None, failure, printed.getvalue(), timed_out=True)
    return Guarded(raw, failure, printed.getvalue())


def _called(
    function: Callable[..., Any], arguments: tuple[Any, ...], alarm: Alarm, printed: io.StringIO
) -> tuple[Any, str, bool]:
    """Return the array, why there is none, and whether the time is up."""
    raw, failure, timed_out = None, "", False
    try:
        with contextlib.redirect_stdout(printed), np.errstate(all="ignore"):
            alarm.start()
            returned = function(*arguments)
            raw = np.asarray(returned)
            if isinstance(returned, np.ma.MaskedArray) and np.ma.getmaskarray(returned).any():
                raw, failure = None, "returned a masked array with masked entries"
    except KeyboardInterrupt:
        raise
    except TimeUp:
        timed_out = True
    except TimeoutError as reason:  # a program that never answers: it is not asked a thousand times more
        failure, timed_out = f"raised {type(reason).__name__}: {_message(reason)}".rstrip(": "), True
    except BaseException as reason:  # SystemExit included: somebody's exit is not ours
        failure = f"raised {type(reason).__name__}: {_message(reason)}".rstrip(": ")
    return raw, failure, timed_out


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
    changed = [name for name in ARRAYS if not _same(vars(copy).get(name), getattr(batch, name))]  # it may be gone
    if changed:
        notes["mutation"] = f"changes its input ({', '.join(changed)}) on {describe(batch)}"
    if call.printed:
        notes["prints"] = f"prints {call.printed.strip()[:40]!r} on {describe(batch)}"
    if watched and before != global_state():
        notes["global random state"] = f"draws from the global random state on {describe(batch)}"
    if call.failure:
        return Answer(None, f"{call.failure} on {describe(batch)}", notes, timed_out=call.timed_out)
    return _examined(call.raw, batch, shapes, notes)


def describe(batch: Trajectories) -> str:
    """Return a batch as one would type it, shortened where it is long."""
    first = [
        f"s={batch.states[i, : batch.lengths[i] + 1].tolist()} a={batch.actions[i, : batch.lengths[i]].tolist()} "
        f"r={np.round(batch.rewards[i, : batch.lengths[i]], 6).tolist()}"
        for i in range(min(len(batch), 2))
    ]
    more = f", … ({len(batch)} trajectories)" if len(batch) > 2 else ""
    return f"the batch {'; '.join(first)}{more}"


def _message(reason: BaseException) -> str:
    try:
        text = " ".join(str(reason).split())[:200]
        return "".join(c if c.isprintable() else "�" for c in text)  # no escape sequences on somebody's terminal
    except BaseException:  # an exception that cannot even say what it is
        return ""


def _same(given: Any, original: Array) -> bool:
    return isinstance(given, np.ndarray) and given.shape == original.shape and given.tobytes() == original.tobytes()


def global_state() -> tuple[Any, ...]:
    """Return the states of both global generators, which are watched and never used."""
    state: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    inner = state["state"]
    return random.getstate(), inner["key"].tobytes(), inner.get("pos", 0)


def _examined(raw: Any, batch: Trajectories, shapes: tuple[tuple[int, ...], ...], notes: dict[str, str]) -> Answer:
    if raw.dtype.kind not in "fiu" or (raw.dtype.itemsize < 4 and raw.dtype.kind == "f"):
        return Answer(None, f"returned dtype {raw.dtype}, must be float64 or float32, on {describe(batch)}", notes)
    if raw.dtype.kind in "iu":
        notes["integers"] = f"returns integers ({raw.dtype}) on {describe(batch)}"
    if raw.shape not in shapes:
        allowed = " or ".join(map(str, dict.fromkeys(shapes)))
        return Answer(None, f"returned shape {raw.shape}, must be {allowed}, on {describe(batch)}", notes)
    value = raw.astype(np.float64)
    bad = ~(np.abs(value) <= LARGEST)
    if bad.any():
        index = first_index(bad)
        row = batch.select([index[0]]) if value.ndim == 2 else batch
        note = f" (entries beyond {LARGEST:g} cannot be averaged)" if np.isfinite(value[index]) else ""
        return Answer(None, f"returned {value[index]} at {bracket(index)}{note}, on {describe(row)}", notes)
    short = raw.dtype.itemsize < 8 and raw.dtype.kind == "f"
    single = raw.dtype.itemsize < 8 or bool((value.astype(np.float32) == value).all() and (value != 0).any())
    telling = short or (single and bool((np.mod(np.frexp(value)[0] * 2.0**16, 1.0) != 0.0).any()))
    return Answer(value, "", notes, single, telling)
