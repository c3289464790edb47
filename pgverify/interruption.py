"""Ctrl-C, from the first moment on: next to nothing is imported here, for until then it would be a traceback."""

from __future__ import annotations

import os
import sys
from os import _exit  # as it is before code that is not ours finds another one in its place

from pgverify.guarded_process import GUARDIAN, LEFT, VARIABLE

TYPE_CHECKING = False  # as that of `typing`, which takes long to import
if TYPE_CHECKING:
    import signal
    from typing import NoReturn
else:
    import _signal as signal  # without the enumerations, which would take as long as all the rest before the handler

INTERRUPTED = 130

WATCHED = {signal.SIGINT, signal.SIGTERM, *([signal.SIGCHLD] if hasattr(signal, "SIGCHLD") else [])}
"""Signals that a guardian waits for, which are blocked until the process below it can answer them."""

CLEAR_LINE = b"\r\x1b[2K\x1b[?25h"
"""Of a terminal, and its cursor is shown: what a progress bar would have done at its end."""


def leave(*_: object) -> NoReturn:
    """Leave at once, with one sentence: the handler of signals wherever nothing has to be put away."""
    try:
        os.write(2, CLEAR_LINE if os.isatty(2) else b"")
        os.write(2, b"pgverify: interrupted before the answer was complete\n")
    finally:  # whether or not somebody listens
        GUARDIAN.tell(f"{LEFT}{INTERRUPTED}")
        _exit(INTERRUPTED)


def end() -> NoReturn:
    """Leave when it has been said that we were interrupted, with the exit code for it.

    `sys.exit` would not always do: Python remembers a KeyboardInterrupt that once came out of `exec`, as when a class
    is made while something is imported, and ends by the signal instead; and it would wait for threads.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:  # they may be closed
        GUARDIAN.tell(f"{LEFT}{INTERRUPTED}")
        _exit(INTERRUPTED)


def leave_when_interrupted() -> None:
    """Have Ctrl-C, and a request to end, leave at once; who has Ctrl-C ignored, as under nohup, is left alone."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)
        signal.signal(signal.SIGTERM, leave)
    if VARIABLE in os.environ and hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)


def ignore_interrupts() -> None:
    """Have nothing that comes now change an answer that has been told."""
    if signal.getsignal(signal.SIGINT) is leave:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
