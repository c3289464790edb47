"""One guarded call of somebody's function: nothing it does can crash the oracle."""

from __future__ import annotations

import io
import os
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pgverify.arrays import is_masked
from pgverify.checking.calling.alarm import Alarm, TimeUp
from pgverify.checking.calling.hints import NOTHING, door_hint, framework_hint
from pgverify.checking.isolation.noted_function import NotedFunction

MOST_KEPT = 10_000
"""Characters of what a call prints that are kept: the report tells the first few."""


class _Printed(io.StringIO):
    """Standard output of a call, as far as it is kept; survives being closed by it."""

    def write(self, text: str) -> int:
        """Keep the beginning, and take the rest for written."""
        room = MOST_KEPT - self.tell()
        if room > 0:
            super().write(text[:room])
        return len(text)

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
    printed, owner = _Printed(), os.getpid()
    if isinstance(function, NotedFunction):
        function.begin(arguments, alarm.seconds)
    try:
        raw, failure, timed_out = _called(function, arguments, alarm, printed)
        late = alarm.stop()
    except TimeUp:  # it rang when the call was over; the next time is far enough
        raw, failure, timed_out, late = None, "", True, True
        alarm.stop()
    if os.getpid() != owner:  # a copy of this process that the call forked: one of us is enough
        os._exit(1)
    if isinstance(function, NotedFunction):
        function.end()
    if late or timed_out:
        failure = failure or f"did not return within the time limit of {alarm.seconds:g} s"
        return Guarded(None, failure, printed.getvalue(), timed_out=True)
    return Guarded(raw, failure, printed.getvalue())


def _called(
    function: Callable[..., Any], arguments: tuple[Any, ...], alarm: Alarm, printed: io.StringIO
) -> tuple[Any, str, bool]:
    """Return the array, why there is none, and whether the time is up."""
    raw, failure, timed_out = None, "", False
    returned: Any = None
    shown, sys.stdout = sys.stdout, printed  # as `contextlib.redirect_stdout` does
    try:
        with np.errstate(all="ignore"):
            alarm.start()
            returned = function(*arguments)
            if returned is None:
                return None, NOTHING, False
            raw = np.asarray(returned)
            if raw.ndim == 0 and (hint := framework_hint(function, returned, None)):
                return None, f"returned one number, a {type(returned).__name__}, must return an array{hint}", False
            if is_masked(returned) and np.ma.getmaskarray(returned).any():
                raw, failure = None, "returned a masked array with masked entries"
    except KeyboardInterrupt as reason:
        if not isinstance(function, NotedFunction):
            raise
        failure = f"raised {type(reason).__name__}"  # Ctrl-C does not come to a process of its own
    except TimeUp:
        timed_out = True
    except TimeoutError as reason:  # a program that never answers: it is not asked a thousand times more
        failure, timed_out = f"raised {type(reason).__name__}: {_message(reason)}".rstrip(": "), True
    except BaseException as reason:  # SystemExit included: somebody's exit is not ours
        failure = f"raised {type(reason).__name__}: {_message(reason)}".rstrip(": ")
        failure += framework_hint(function, returned, reason) or door_hint(reason)
    finally:
        sys.stdout = shown
    return raw, failure, timed_out


def global_state() -> tuple[Any, ...]:
    """Return the states of both global generators, which are watched and never used."""
    state: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    inner = state["state"]
    return random.getstate(), inner["key"].tobytes(), inner.get("pos", 0)


def _message(reason: BaseException) -> str:
    try:
        text = " ".join(str(reason).split())[:200]
        return "".join(c if c.isprintable() else "�" for c in text)  # no escape sequences on somebody's terminal
    except BaseException:  # an exception that cannot even say what it is
        return ""
