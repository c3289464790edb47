"""One guarded call of somebody's function: nothing it does can crash the oracle or pass unseen."""

from __future__ import annotations

import contextlib
import io
import random
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.trajectories import Trajectories
from pgverify.validation import Array, bracket, first_index

ARRAYS = ("states", "actions", "rewards", "lengths", "terminated", "values")


@dataclass(frozen=True, eq=False)
class Answer:
    """What a call gave: an array that can be judged, or the reason why there is none.

    Attributes
    ----------
    value : [n, d], [d] or [n, T], float64, or None
    problem : str
        Why there is no value; empty where there is one.
    warnings : tuple of str
        What was noticed beside the value: mutated input, prints, global random numbers, integers.
    single : bool
        Whether the value came in, or is representable in, single precision.
    """

    value: Float[Array, "*shape"] | None
    problem: str = ""
    warnings: tuple[str, ...] = ()
    single: bool = False


class _TimeUp(BaseException):
    """The time limit of a call has passed; no handler for ordinary exceptions catches it."""


def ask(
    implementation: Callable[[Trajectories], Any],
    batch: Trajectories,
    shapes: tuple[tuple[int, ...], ...],
    time_limit: float,
) -> Answer:
    """Call the implementation once on its own copy of the batch, and examine everything it does.

    Parameters
    ----------
    implementation : batch -> array
    batch : Trajectories
    shapes : tuple of shapes
        The shapes that are allowed.
    time_limit : float
        Seconds; enforced where signals are available, that is in the main thread on Unix.
    """
    copy = replace(batch, **{name: getattr(batch, name).copy() for name in ARRAYS})
    printed = io.StringIO()
    numpy_state, python_state = _global_numpy_state(), random.getstate()
    try:
        with contextlib.redirect_stdout(printed), _limited(time_limit), np.errstate(all="ignore"):
            raw = implementation(copy)
    except KeyboardInterrupt:
        raise
    except _TimeUp:
        return Answer(None, f"did not return within the time limit of {time_limit:g} s on {describe(batch)}")
    except BaseException as reason:  # SystemExit included: somebody's exit is not ours
        what = " ".join(str(reason).split())[:200]
        return Answer(None, f"raised {type(reason).__name__}: {what} on {describe(batch)}")
    warnings = []
    changed = [name for name in ARRAYS if not np.array_equal(getattr(copy, name), getattr(batch, name), equal_nan=True)]
    if changed:
        warnings.append(f"changes its input ({', '.join(changed)})")
    if printed.getvalue():
        warnings.append(f"prints ({printed.getvalue().strip()[:40]!r})")
    if python_state != random.getstate() or numpy_state != _global_numpy_state():
        warnings.append("draws from the global random state")
    return _examined(raw, batch, shapes, tuple(warnings))


def _global_numpy_state() -> bytes:
    """Return the state of NumPy's global generator, which is watched and never used."""
    state: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    inner = state["state"]
    return bytes(inner["key"].tobytes()) + int(inner.get("pos", 0)).to_bytes(8, "little")


def describe(batch: Trajectories) -> str:
    """Return a batch as one would type it, shortened where it is long."""
    first = [
        f"s={batch.states[i, : batch.lengths[i] + 1].tolist()} a={batch.actions[i, : batch.lengths[i]].tolist()} "
        f"r={np.round(batch.rewards[i, : batch.lengths[i]], 6).tolist()}"
        for i in range(min(len(batch), 2))
    ]
    more = f", … ({len(batch)} trajectories)" if len(batch) > 2 else ""
    return f"the batch {'; '.join(first)}{more}"


def _examined(raw: Any, batch: Trajectories, shapes: tuple[tuple[int, ...], ...], warnings: tuple[str, ...]) -> Answer:
    try:
        array = np.asarray(raw)
    except Exception as reason:
        return Answer(None, f"returned {type(raw).__name__}, which is no array ({reason})", warnings)
    if array.dtype.kind not in "fiu":
        return Answer(None, f"returned dtype {array.dtype}, must be real numbers, on {describe(batch)}", warnings)
    if array.dtype.kind in "iu":
        warnings = (*warnings, f"returns integers ({array.dtype})")
    if array.shape not in shapes:
        allowed = " or ".join(map(str, shapes))
        return Answer(None, f"returned shape {array.shape}, must be {allowed}, on {describe(batch)}", warnings)
    value = array.astype(np.float64)
    bad = ~np.isfinite(value)
    if bad.any():
        index = first_index(bad)
        row = batch.select([index[0]]) if value.ndim == 2 else batch
        return Answer(None, f"returned {value[index]} at {bracket(index)}, on {describe(row)}", warnings)
    with np.errstate(over="ignore"):
        single = array.dtype.itemsize < 8 or bool((value.astype(np.float32) == value).all() and (value != 0).any())
    return Answer(value, "", warnings, single)


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    usable = hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread()
    if not usable:
        yield
        return

    def stop(*_: object) -> None:
        raise _TimeUp

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
