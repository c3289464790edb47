"""What the two processes of a check agree on: imported by both, so it imports next to nothing."""

from __future__ import annotations

import ctypes
import signal
import sys

MARK = "PGVERIFY_ISOLATED"
"""The environment variable by which what a check started is known, wherever it went."""

REQUEST, ANSWER, NOTE = "request.json", "answer.json", "note"
"""The files in the folder that they share."""

END_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""


def end_with_parent() -> None:
    """Have this process killed when the one that started it goes, however it goes; where the system can."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(END_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
