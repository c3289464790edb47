"""One run at a time writes into an output folder; the lock ends with its process, however that ends."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgverify.errors import InvalidFile

FILE = ".pgverify-lock"

PATIENCE, BETWEEN = 2.0, 0.05
"""Seconds that a run is given to end, and between two looks: one that was killed takes a moment."""


class FolderInUse(InvalidFile):
    """Another run writes into the output folder."""


@contextmanager
def folder_lock(root: Path) -> Iterator[None]:
    """Hold the lock of an output folder.

    Raises
    ------
    FolderInUse
        When another process holds it.
    """
    path = root / FILE
    until = time.monotonic() + PATIENCE
    while (descriptor := _locked(path)) is None and time.monotonic() < until:
        time.sleep(BETWEEN)
    if descriptor is None:
        raise FolderInUse(
            f"{root} is being written to by another run; wait for it, or choose another folder with --out"
        )
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()  # while it is held: whoever waits for this file looks again
        os.close(descriptor)


def _locked(path: Path) -> int | None:
    """Return an open, locked descriptor of the file that has this name now, or None while another has it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _lock(descriptor):
            os.close(descriptor)
            return None
        try:
            same = os.fstat(descriptor).st_ino == path.stat().st_ino
        except FileNotFoundError:
            same = False
        if same:
            return descriptor
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Whether the lock was free; network folders without locks are taken for free."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
