"""What was summed already, in a file: a walk that was ended goes on where it stood."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import numpy as np

from pgverify.choices.one_run import Leaf
from pgverify.choices.program_expectation import WeightedSums
from pgverify.choices.world import Choice
from pgverify.errors import InvalidFile

NUMBERS = ("runs", "mass", "lost_mass", "scale")
ARRAYS = ("total", "lost", "squares")


class KeptSums:
    """The sums of parts of a tree, each committed as soon as it is known.

    Parameters
    ----------
    connection : sqlite3.Connection or None
        None keeps nothing.
    """

    def __init__(self, connection: sqlite3.Connection | None) -> None:
        self._connection = connection

    def known(self, first: Leaf) -> dict[int, WeightedSums]:
        """Return what was summed before, by the number of the part."""
        if self._connection is None:
            return {}
        rows = self._connection.execute("select part, body from sums").fetchall()
        return {part: _restored(json.loads(body), first) for part, body in rows}

    def keep(self, part: int, sums: WeightedSums) -> None:
        """Commit the sums of a part."""
        if self._connection is not None:
            body = {name: getattr(sums, name) for name in NUMBERS}
            body |= {name: getattr(sums, name).tolist() for name in ARRAYS}
            with self._connection:
                self._connection.execute("insert or replace into sums values (?, ?)", (part, json.dumps(body)))


@contextmanager
def kept_sums(file: Path | None, first: Leaf, roots: Sequence[Sequence[Choice]]) -> Iterator[KeptSums]:
    """Yield what keeps the sums of a program's parts in a file.

    Raises
    ------
    InvalidFile
        When the file holds those of another program, or is no such file.
    """
    if file is None:
        yield KeptSums(None)
        return
    mark = _mark(first, roots)
    try:
        connection = sqlite3.connect(file)
    except sqlite3.Error as reason:
        raise InvalidFile(f"resume is {file}, which cannot be opened: {reason}") from None
    try:
        try:
            with connection:
                connection.execute("create table if not exists program (mark text)")
                connection.execute("create table if not exists sums (part integer primary key, body text)")
                found = connection.execute("select mark from program").fetchall()
                if not found:
                    connection.execute("insert into program values (?)", (mark,))
        except sqlite3.Error as reason:
            raise InvalidFile(f"resume is {file}, which is no file of sums: {reason}; name a new one") from None
        if found and found[0][0] != mark:
            raise InvalidFile(
                f"resume is {file}, whose first run and first draws are those of another program; name a new file"
            )
        yield KeptSums(connection)
    finally:
        connection.close()


def _mark(first: Leaf, roots: Sequence[Sequence[Choice]]) -> str:
    """Return what stands for a program: its first run, and the draws by which it was cut into parts."""
    digest = sha256(first.value.tobytes())
    for draw in (*first.draws, *(draw for root in roots for draw in root)):
        digest.update(f"{draw.place} {draw.index}".encode() + draw.probabilities.tobytes())
    return digest.hexdigest()


def _restored(body: dict[str, object], first: Leaf) -> WeightedSums:
    sums = WeightedSums(first.value)
    for name in NUMBERS:
        setattr(sums, name, body[name])
    for name in ARRAYS:
        setattr(sums, name, np.asarray(body[name], dtype=np.float64))
    return sums
