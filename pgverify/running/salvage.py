"""What can still be read of a damaged store: row by row, each judged by its checksum."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pgverify.running.tables import LAYOUT, ROOM, SCHEMA, read, sound, write

MOST_RUNS = 1000
"""Numbers of runs that are tried where the list of them cannot be read."""
MOST_CONCLUSIONS = 100
"""Claims and figures of a run: their list first, then each figure."""


def salvage(path: Path) -> tuple[sqlite3.Connection, int]:
    """Return a sound store in memory with every row that can be read, and the number of its cells.

    The file itself is left alone: a copy of it is read.
    """
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    fresh.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version={LAYOUT}; COMMIT;")
    kept = 0
    with copied(path) as copy, contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as old:
        old.text_factory = decoded
        with contextlib.suppress(sqlite3.Error):
            old.execute("PRAGMA writable_schema=ON")  # a file that was cut is read as far as it goes
        for number in range(1, MOST_RUNS + 1):
            found = _one(old, "runs", number) or _one(old, "runs_again", number)
            if found is None:
                continue
            write(fresh, "runs", found)
            write(fresh, "runs_again", found)
            for index in range(int(found[8])):
                cell = _one(old, "cells", number * ROOM + index)
                if cell is not None:
                    write(fresh, "cells", cell)
                    kept += 1
            for position in range(MOST_CONCLUSIONS):
                line = _one(old, "conclusions", number * ROOM + position)
                if line is not None:
                    write(fresh, "conclusions", line)
    return fresh, kept


@contextlib.contextmanager
def copied(path: Path) -> Iterator[Path]:
    """Yield a copy of a store and its write-ahead log in a folder where one may write."""
    with tempfile.TemporaryDirectory(prefix="pgverify-store-", ignore_cleanup_errors=True) as place:
        copy = Path(place) / path.name
        shutil.copyfile(path, copy)
        log = path.with_name(path.name + "-wal")
        if log.is_file():
            shutil.copyfile(log, copy.with_name(log.name))
        yield copy


def decoded(data: bytes) -> str:
    """Decode text whose bytes may have been damaged: its checksum will tell."""
    return data.decode(errors="replace")


def _one(connection: sqlite3.Connection, table: str, number: int) -> list[Any] | None:
    """Return a row by its number, None if it is gone or damaged."""
    key = "number" if table.startswith("runs") else "key"
    try:
        row = read(connection, table, f"{key}=?", (number,)).fetchone()
    except sqlite3.Error:
        return None
    return list(row[:-1]) if row is not None and sound(row) else None
