"""One guard for every call of code that is not ours: an exit in it is a failure of that code, and not the end of us.

`sys.exit(0)` in a study would otherwise leave the command line with 0, nothing printed, and no page.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

from pgverify.errors import one_sentence
from pgverify.guarded_process import GUARDIAN


class ExitAttempted(RuntimeError):
    """Code that is not ours tried to end the process, or to end whoever called it; the message says how."""


@contextlib.contextmanager
def foreign_code(doing: str = "code that is not ours runs") -> Iterator[None]:
    """Turn what only ends programs into an ordinary exception; Ctrl-C stays what it is.

    What no exception can be made of, C's `exit` or a signal, the guardian tells: of it this process leaves a note.

    Parameters
    ----------
    doing : str
        What is done, as it follows "while".

    Raises
    ------
    ExitAttempted
        In place of `SystemExit`, `GeneratorExit`, and whatever else is an exception of no ordinary kind; and where
        `os._exit` is called.
    """
    GUARDIAN.tell(doing)
    try:
        with _no_way_out():
            yield
        GUARDIAN.tell("")
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as reason:
        raise ExitAttempted(f"it tried to leave by {one_sentence(reason)}") from reason


@contextlib.contextmanager
def _no_way_out() -> Iterator[None]:
    """Have `os._exit`, after which nobody could say anything, raise: in this process and thread, for others need it."""
    process, thread, leave = os.getpid(), threading.get_ident(), os._exit

    def refuse(status: int) -> None:
        if (os.getpid(), threading.get_ident()) == (process, thread):
            raise ExitAttempted(f"it tried to leave by os._exit({status!r})")
        leave(status)  # a process that was forked, a thread that watches something

    os._exit = refuse  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = leave
