"""What is being computed, on standard error: one line that changes on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

BETWEEN_LINES = 2.0
"""Seconds between two lines where they stay."""


@contextlib.contextmanager
def told() -> Iterator[Callable[[str], None]]:
    """Yield a function that says what is being done; on a terminal nothing of it remains."""
    stream = sys.stderr
    if stream is None:  # closed by whoever started us
        yield lambda _: None
        return
    fleeting, last = stream.isatty(), -BETWEEN_LINES

    def tell(text: str) -> None:
        nonlocal last
        if fleeting:
            print(f"\r\x1b[2Kpgverify: {text} …", end="", file=stream, flush=True)
        elif time.monotonic() - last >= BETWEEN_LINES:
            print(f"pgverify: {text} …", file=stream, flush=True)
            last = time.monotonic()

    last = time.monotonic() - BETWEEN_LINES
    try:
        yield tell
    finally:
        if fleeting:
            print("\r\x1b[2K", end="", file=stream, flush=True)
