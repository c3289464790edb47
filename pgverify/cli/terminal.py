"""Standard output for the answer alone, and a sign of life while somebody waits for it."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterator
from typing import TextIO

PATIENCE = 2.0
"""Seconds that pass in silence."""


@contextlib.contextmanager
def reserved_output() -> Iterator[TextIO]:
    """Yield standard output for the answer; whatever else is printed goes to standard error.

    That holds for compiled code and child processes too, and for what is printed when the process ends: descriptor 1 is
    not given back, for the answer is the last thing that a command prints. Where standard output is not the process's
    own (captured, in a test) `sys.stdout` is redirected meanwhile, and nothing else.
    """
    own: TextIO | None = sys.stdout
    if own is None or sys.stderr is None:  # closed by whoever started us
        with contextlib.redirect_stdout(None):
            yield own or io.StringIO()
        return
    own.flush()
    try:
        real = own.fileno() == 1
    except OSError:
        real = False
    with contextlib.ExitStack() as stack:
        answer = own
        if real:
            answer = stack.enter_context(open(os.dup(1), "w", encoding=own.encoding, errors="replace"))  # noqa: PTH123
            os.dup2(2, 1)
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield answer


@contextlib.contextmanager
def sign_of_life(text: str) -> Iterator[None]:
    """Show a spinner on standard error, when that is a terminal and the block takes longer than `PATIENCE`."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.live import Live
    from rich.spinner import Spinner

    # The spinner may not touch sys.stdout, which the oracle redirects with each call of the implementation.
    spinner = Spinner("dots", text)
    console = Console(stderr=True)
    live = Live(spinner, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
    timer = threading.Timer(PATIENCE, live.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        live.stop()
