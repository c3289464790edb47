"""The compiled kernel of streaming, or None where NumPy alone serves."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

from pgverify.native import library

KERNEL = Path(__file__).with_name("_kernel.so")
"""Built by `hatch_build.py` with the package."""


@cache
def kernel() -> ctypes.CDLL | None:
    """Return the compiled kernel; None where it was not built, was built for another machine, or is switched off."""
    return library(KERNEL)
