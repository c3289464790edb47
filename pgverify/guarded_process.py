"""What a process tells its guardian, where it has one: what code of others it is about to run, and that it is done.

The guardian reads it when the process has ended: see `pgverify.guardian`.
"""

from __future__ import annotations

import os
import sys

VARIABLE = "PGVERIFY_GUARDED"
"""The environment variable with the descriptor to write to; empty where there is a guardian who need not be told."""

LEFT, FOLDER = "left ", "folder "
"""What is written before the exit code of a command that leaves by itself, and before the folder of its results."""

END_WITH_PARENT, KILLED = 1, 9
"""PR_SET_PDEATHSIG of Linux's prctl, and the signal."""


class Guardianship:
    """The way to the guardian.

    Attributes
    ----------
    descriptor : int
        Negative where nobody is told.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def tell(self, line: str) -> None:
        """Tell one line; a guardian that is gone is no reason to end."""
        if self.descriptor < 0:
            return
        try:
            os.write(self.descriptor, f"{' '.join(line.split())}\n".encode(errors="replace"))
        except OSError:
            self.descriptor = -1


def end_with_parent() -> None:
    """Have this process killed when the one that started it goes, however it goes; where the system can."""
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(END_WITH_PARENT, KILLED, 0, 0, 0)


def _found() -> Guardianship:
    """Return the guardian that the environment names; what this process starts does not inherit the descriptor."""
    text = os.environ.get(VARIABLE, "")
    if not text.isdecimal():
        return Guardianship(-1)
    try:
        os.set_inheritable(int(text), False)
        os.set_blocking(int(text), False)
    except OSError:  # inherited by a process that has no such descriptor
        return Guardianship(-1)
    os.environ[VARIABLE] = ""
    return Guardianship(int(text))


GUARDIAN = _found()
