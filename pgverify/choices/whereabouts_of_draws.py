"""Where a draw is made: the line of the program, and the calls that led there."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from types import FrameType

import jaxtyping

PACKAGE = str(Path(__file__).resolve().parents[1]) + os.sep
"""Frames of this package are left out: they pass the draw on."""

CHECKS = (str(Path(jaxtyping.__file__).parent) + os.sep, "<@beartype")
"""So are those of run-time checks of its annotations."""

OURS = (PACKAGE, *CHECKS)

LIBRARIES = tuple(f"site-packages{os.sep}{name}{os.sep}" for name in ("torch", "numpy", "jax"))
"""Where the line is not named: it is the one that called these."""


def place_of(frame: FrameType | None) -> str:
    """Return file, line and function of a frame, or of the first around it that is not this package's."""
    outside = _outside(frame)
    if outside is None:
        return "an unknown line"
    return described_line(outside.f_code.co_filename, outside.f_lineno, outside.f_code.co_name)


@lru_cache(maxsize=4096)  # the same lines draw in every run
def described_line(filename: str, line: int, function: str) -> str:
    """Return a line of a program in words: with the folder of its file, as names such as utils.py repeat."""
    return f"{'/'.join(Path(filename).parts[-2:])}:{line} in {function}"


def calling_line() -> tuple[str, int]:
    """Return where the draw that is being made is made, in words, and a number that stands for the calls around it."""
    frame = _outside(sys._getframe(1))
    place = place_of(_caller_of_library(frame))
    calls = []
    while frame is not None and not frame.f_code.co_filename.startswith(OURS):
        calls.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return place, _numbered(tuple(calls))


@lru_cache(maxsize=4096)
def _numbered(calls: tuple[tuple[str, int], ...]) -> int:
    """Return a number that stands for some calls, the same in every process."""
    return int.from_bytes(blake2b(repr(calls).encode(), digest_size=8).digest(), "big")


def _caller_of_library(frame: FrameType | None) -> FrameType | None:
    """Return the first frame around one that is not a library's of numbers; itself where there is none."""
    outer = frame
    while outer is not None and any(library in outer.f_code.co_filename for library in LIBRARIES):
        outer = outer.f_back
    return frame if outer is None else outer


def _outside(frame: FrameType | None) -> FrameType | None:
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    return frame
