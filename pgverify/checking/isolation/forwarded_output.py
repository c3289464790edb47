"""What a process prints goes on to standard error, up to a bound: a flood may neither fill a disk nor stop us."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
import threading

MOST_PRINTED = 1 << 20
"""Bytes that are passed on."""

CHUNK = 1 << 16


class ForwardedOutput:
    """A pipe to give to a process as its standard output and error; what comes is passed on by a thread."""

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        self._thread = threading.Thread(target=self._forward, daemon=True)

    def start(self) -> None:
        """Begin to pass on; called when the process has its own copy of the pipe's end."""
        os.close(self.writing)
        self._thread.start()

    def finish(self) -> None:
        """Wait until all is passed on; what holds the pipe open longer is not waited for."""
        self._thread.join(timeout=0.5)

    def _forward(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        total = 0
        with contextlib.suppress(OSError, ValueError):
            while chunk := os.read(self._reading, CHUNK):
                if total < MOST_PRINTED and sys.stderr is not None:
                    sys.stderr.write(decoder.decode(chunk[: MOST_PRINTED - total]))
                    sys.stderr.flush()
                    if total + len(chunk) >= MOST_PRINTED:
                        sys.stderr.write(f"\n(the implementation printed more than {MOST_PRINTED} bytes)\n")
                total += len(chunk)
        os.close(self._reading)
