"""The door to the compiled kernel: found beside this file where there was a compiler, and left out elsewhere."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path

KERNEL = Path(__file__).with_name("_kernel.so")
"""Built by `hatch_build.py` with the package."""

SWITCH = "PGVERIFY_NATIVE"
"""The environment variable that leaves the kernel out where it is 0: the answers are those of NumPy alone."""


@cache
def kernel() -> ctypes.CDLL | None:
    """Return the compiled kernel; None where it was not built, was built for another machine, or is switched off."""
    if os.environ.get(SWITCH) == "0":
        return None
    try:
        return ctypes.CDLL(str(KERNEL))
    except OSError:
        return None
