"""Ctrl-C while something has been begun that must be put away: noted for one who looks, or raised, but never lost.

Python raises KeyboardInterrupt wherever it happens to be: in a library that catches everything, or in a destructor,
where exceptions are only printed, it is lost, and what should have ended goes on.
"""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pgverify.guarded_process import GUARDIAN
from pgverify.interruption import leave

TOGETHER = 1.0
"""Seconds in which two signals are one, where a guardian passes on what a whole group of processes was sent."""

PATIENCE = 5.0
"""Seconds in which what was begun is put away; whatever then still goes on is left as after a kill."""


@contextmanager
def noted_interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether Ctrl-C was pressed since; in the block it raises nothing.

    Where somebody else handles the signal, or this is not the main thread, that stays as it is.
    """
    pressed: list[int] = []
    with _handled(lambda number, _: pressed.append(number), signal.default_int_handler, leave):
        yield lambda: bool(pressed)


@contextmanager
def raised_interrupts() -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt in the block, where the command line would have left at once.

    Pressed again, or `PATIENCE` seconds later if the block has not ended by then, the process is left at once.
    """
    pressed: list[float] = []
    ended = threading.Event()

    def insist() -> None:
        time.sleep(PATIENCE)
        if not ended.is_set():
            leave()

    def handler(_number: int, _: object) -> None:
        pressed.append(time.monotonic())
        if len(pressed) > 1:
            if GUARDIAN.descriptor >= 0 and pressed[-1] - pressed[0] < TOGETHER:
                return
            leave()
        _thread.start_new_thread(insist, ())  # takes none of the locks that the interrupted code may hold
        raise KeyboardInterrupt

    try:
        with _handled(handler, leave):
            yield
    except BaseException as reason:
        if pressed and not isinstance(reason, KeyboardInterrupt):  # wrapped on the way
            raise KeyboardInterrupt from None
        raise
    finally:
        ended.set()
    if pressed:  # and lost on the way
        raise KeyboardInterrupt


@contextmanager
def _handled(handler: Callable[[int, object], None], *instead_of: object) -> Iterator[None]:
    """Handle the signals that end programs, where one of the given handlers does so far."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            former = signal.getsignal(number)
            if former in instead_of:
                before[number] = former
                signal.signal(number, handler)
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
