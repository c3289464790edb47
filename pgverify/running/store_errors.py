"""What SQLite says, in one sentence with the way out; nothing that was committed is lost by any of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgverify.errors import InvalidFile

AGAIN = "rows so far are kept, and the same command goes on from there"


class StoreFailure(InvalidFile):
    """The store cannot be read or written; the message says why, and what to do."""


@contextmanager
def said_plainly(path: Path) -> Iterator[None]:
    """Turn any error of SQLite, and of the disk under it, into one sentence.

    Raises
    ------
    StoreFailure
    """
    try:
        yield
    except sqlite3.Error as reason:
        raise StoreFailure(sentence(path, reason)) from None
    except OSError as reason:
        raise StoreFailure(f"{path} cannot be used ({reason.strerror or reason}); {AGAIN}") from None


def sentence(path: Path, reason: sqlite3.Error) -> str:
    """Return what an error of SQLite means for whoever gave the command."""
    code = (getattr(reason, "sqlite_errorcode", None) or 0) & 0xFF  # the low byte says which kind
    said = " ".join(str(reason).split())
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"{path} is locked by another program ({said}); close it: {AGAIN}"
    if code == sqlite3.SQLITE_FULL:
        return f"{path} cannot grow, the disk is full ({said}); make room: {AGAIN}"
    if code == sqlite3.SQLITE_IOERR:
        return f"{path} cannot be read or written ({said}), is the disk full or gone? {AGAIN}"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return f"{path} cannot be written to ({said}), must be in a folder where you may write; {AGAIN}"
    if damaged(reason):
        return f"{path} is damaged ({said}); the same command reads back what can be read"
    return f"{path} cannot be used ({said}), must be a store of pgverify; use a new output folder"


def damaged(reason: sqlite3.Error) -> bool:
    """Whether pages of the file make no sense; the rest of it may still be read."""
    code = (getattr(reason, "sqlite_errorcode", None) or 0) & 0xFF
    return code == sqlite3.SQLITE_CORRUPT or "malformed" in str(reason)
