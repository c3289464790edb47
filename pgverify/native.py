"""The door to compiled code: libraries beside their sources where there was a compiler, and left out elsewhere."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

SWITCH = "PGVERIFY_NATIVE"
"""The environment variable that leaves compiled code out where it is 0: the answers are those of NumPy alone."""


def library(path: Path) -> ctypes.CDLL | None:
    """Return a compiled library; None where it was not built, was built for another machine, or is switched off.

    Parameters
    ----------
    path : Path
        Where `hatch_build.py` puts it.
    """
    if os.environ.get(SWITCH) == "0":
        return None
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        return None
