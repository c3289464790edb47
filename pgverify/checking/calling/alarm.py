"""A time limit for calls of somebody's function, by one alarm for many calls: setting it takes as long as a call."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

from pgverify.checking.calling.time_spent import Glances, is_over

try:  # what `signal` asks before it looks for members of an enumeration, which takes longer than all else
    from _signal import getsignal  # type: ignore[import-not-found, unused-ignore]
    from _signal import signal as set_handler  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from signal import getsignal
    from signal import signal as set_handler

handler_of = getsignal

INSISTENCE = 0.05
"""Seconds between interruptions after the time limit, for code that swallows the first in a bare `except:`."""

BETWEEN_LOOKS, LONGEST_BETWEEN_LOOKS = 0.05, 0.05
"""Time limits, and seconds, between looks at a call that seems to wait."""

AGAIN = 0.01
"""Time limits until it is asked again whether a call is over that was not."""

RECENT = 0.01
"""Time limits for which the clock of the processor need not be read again: under load that takes as long as a call."""


class TimeUp(BaseException):
    """The time limit of a call has passed; no handler for ordinary exceptions catches it."""


class Alarm:
    """Interrupts what runs between `start` and `stop` when it takes longer than a limit, by raising `TimeUp`.

    Time is that of the processor, and on the wall for a call that only waits: `is_over`. That a call waits is seen in
    some further `Glances`, for a machine that stood still looks the same at first.

    It works inside its own `with` block, where signals are: in the main thread on Unix, between two steps of the
    interpreter. Elsewhere nothing is interrupted. Alarms can be nested; an outer one goes on afterwards.

    Parameters
    ----------
    seconds : float
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._began = float("inf")
        self._read = -float("inf")
        self._worked = time.process_time()
        self._usable = self._rung = self._on_time = False
        self._looks: Glances | None = None

    def __enter__(self) -> Alarm:
        self._usable = (
            hasattr(signal, "SIGALRM")
            and threading.current_thread() is threading.main_thread()
            and handler_of(signal.SIGALRM) is not None  # a handler that is not Python's could not be put back
        )
        if self._usable:
            self._entered = time.monotonic()
            timer = signal.getitimer(signal.ITIMER_REAL)
            self._outer = set_handler(signal.SIGALRM, self._ring), timer
        return self

    def __exit__(self, *_: object) -> None:
        if not self._usable:
            return
        self._began = float("inf")
        handler, (left, interval) = self._outer
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        set_handler(signal.SIGALRM, handler)
        if left > 0.0:  # a test runner's own alarm, which may be due by now
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - self._entered), 1e-3), interval)

    def start(self) -> None:
        """Let the time of one call begin."""
        if not self._usable:
            return
        self._began = time.monotonic()
        if self._began - self._read > RECENT * self.seconds:
            self._worked, self._read = time.process_time(), self._began
        self._rung, self._on_time, self._looks = False, False, None
        # The function called before may have set the timer for itself.
        if not 0.0 < signal.getitimer(signal.ITIMER_REAL)[0] <= self.seconds:
            signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def stop(self) -> bool:
        """Let the time of the call end; return whether it has taken longer than the limit, interrupted or not."""
        late = self._usable and (self._rung or self._over(waits=self._on_time))
        self._began = float("inf")
        if self._usable and handler_of(signal.SIGALRM) != self._ring:  # whatever still rings, it shall not end us
            set_handler(signal.SIGALRM, self._ring)
        return late

    def worked(self) -> float:
        """Return the processor time since the last call began, or shortly before; 0 where nothing is interrupted."""
        return time.process_time() - self._worked if self._usable else 0.0

    def _over(self, waits: bool) -> bool:
        wall = time.monotonic() - self._began
        return wall > self.seconds and is_over(self.seconds, wall, time.process_time() - self._worked, waits)

    def _ring(self, *_: Any) -> None:
        if self._began == float("inf"):  # between two calls: the next one sets the alarm
            return
        if self._rung or self._over(waits=False) or (self._over(waits=True) and self._seen_waiting()):
            self._rung = True
            signal.setitimer(signal.ITIMER_REAL, INSISTENCE)
            raise TimeUp
        if self._looks is not None:
            signal.setitimer(signal.ITIMER_REAL, self._looks.every)
            return
        left = self._began + self.seconds - time.monotonic()
        work = self.seconds - (time.process_time() - self._worked)
        again = max(left, work, AGAIN * self.seconds, 1e-6)  # no call works faster than the wall clock
        signal.setitimer(signal.ITIMER_REAL, min(again, self.seconds))

    def _seen_waiting(self) -> bool:
        if self._looks is None:
            # What our signal has woken returns at once, and waited all the same unless the machine stood still.
            self._on_time = time.monotonic() - self._began < (1.0 + BETWEEN_LOOKS) * self.seconds
            self._looks = Glances(min(BETWEEN_LOOKS * self.seconds, LONGEST_BETWEEN_LOOKS))
        return self._looks.again(time.monotonic(), time.process_time())
