"""The store: one SQLite file in the output folder, each finished cell committed at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgverify.errors import InvalidFile
from pgverify.running.fingerprint import versions
from pgverify.running.rows import from_json, to_json
from pgverify.running.workload import Workload
from pgverify.studies import Row

FILE = "results.sqlite"
LAYOUT = 1
"""Kept in SQLite's `user_version`; raise it when the tables change."""

_TABLES = """
CREATE TABLE runs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  study TEXT NOT NULL, fingerprint TEXT NOT NULL, path TEXT NOT NULL, source TEXT NOT NULL,
  seed INTEGER NOT NULL, quick INTEGER NOT NULL, versions TEXT NOT NULL, total INTEGER NOT NULL,
  finished INTEGER NOT NULL DEFAULT 0, UNIQUE (study, fingerprint)
);
CREATE TABLE cells (
  study TEXT NOT NULL, cell INTEGER NOT NULL, fingerprint TEXT NOT NULL,
  parameters TEXT NOT NULL, rows TEXT, error TEXT, PRIMARY KEY (study, cell, fingerprint)
);
"""


@dataclass(frozen=True)
class FailedCell:
    """A cell that could not be computed, and why, in one sentence."""

    index: int
    parameters: dict[str, Any]
    error: str


@dataclass(frozen=True)
class Run:
    """One run of one study, as the store knows it.

    Attributes
    ----------
    study, fingerprint, path, source : str
        As in the workload.
    seed : int
    quick : bool
    versions : dict
        Of everything a number may depend on, by name.
    total, done : int
        Cells in the grid, cells finished.
    finished : bool
        True when every cell is.
    failures : sequence of FailedCell
        Cells that raised; they are tried again when the run is resumed.
    """

    study: str
    fingerprint: str
    path: str
    source: str
    seed: int
    quick: bool
    versions: dict[str, str]
    total: int
    done: int
    finished: bool
    failures: Sequence[FailedCell]


class Store:
    """Runs and their cells. Open it with `open_store`.

    A run is known by its study and its fingerprint. One that was interrupted is resumed by `begin`; one that
    had finished is begun anew. Interrupted runs with another fingerprint are kept: a quick run between does
    not cost the hours of a long one.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def begin(self, workload: Workload) -> set[int]:
        """Begin or resume a run; return the cells that are finished already."""
        key = (workload.study.name, workload.fingerprint)
        with self._connection as db:
            row = db.execute("SELECT finished FROM runs WHERE study=? AND fingerprint=?", key).fetchone()
            if row is not None and row[0]:
                self._forget(*key)
                row = None
            if row is None:
                db.execute(
                    "INSERT INTO runs (study, fingerprint, path, source, seed, quick, versions, total) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *key, str(workload.path), workload.source, workload.seed, int(workload.quick),
                        to_json(versions()), len(workload.cells),
                    ),
                )  # fmt: skip
            else:  # the same text may have moved to another folder since
                db.execute("UPDATE runs SET path=? WHERE study=? AND fingerprint=?", (str(workload.path), *key))
        query = "SELECT cell FROM cells WHERE study=? AND fingerprint=? AND error IS NULL"
        return {cell for (cell,) in self._connection.execute(query, key)}

    def put(self, workload: Workload, index: int, rows: list[Row] | None, error: str | None = None) -> None:
        """Commit a finished cell, or the reason it could not be finished."""
        with self._connection as db:
            db.execute(
                "INSERT OR REPLACE INTO cells (study, cell, fingerprint, parameters, rows, error) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    workload.study.name,
                    index,
                    workload.fingerprint,
                    to_json(dict(workload.cells[index].parameters)),
                    None if rows is None else to_json(rows),
                    error,
                ),
            )

    def finish(self, workload: Workload) -> bool:
        """Mark the run finished if every cell is, and drop the finished runs it supersedes."""
        key = (workload.study.name, workload.fingerprint)
        query = "SELECT COUNT(*) FROM cells WHERE study=? AND fingerprint=? AND error IS NULL"
        (done,) = self._connection.execute(query, key).fetchone()
        if done < len(workload.cells):
            return False
        with self._connection as db:
            db.execute("UPDATE runs SET finished=1 WHERE study=? AND fingerprint=?", key)
            query = "SELECT fingerprint FROM runs WHERE study=? AND finished=1 AND fingerprint<>?"
            for (old,) in db.execute(query, key).fetchall():
                self._forget(workload.study.name, old)
        return True

    def runs(self) -> list[Run]:
        """Return every run, by study in alphabetical order, the most recently begun one first."""
        query = (
            "SELECT study, fingerprint, path, source, seed, quick, versions, total, finished FROM runs "
            "ORDER BY study, number DESC"
        )
        return [self._run(*row) for row in self._connection.execute(query).fetchall()]

    def rows(self, run: Run) -> list[Row]:
        """Return the rows of a run in the order of its cells, whatever the order they were finished in."""
        query = "SELECT rows FROM cells WHERE study=? AND fingerprint=? AND error IS NULL ORDER BY cell"
        found = self._connection.execute(query, (run.study, run.fingerprint))
        return [row for (text,) in found for row in from_json(text)]

    def _run(
        self,
        study: str,
        fingerprint: str,
        path: str,
        source: str,
        seed: int,
        quick: int,
        known: str,
        total: int,
        finished: int,
    ) -> Run:
        key = (study, fingerprint)
        query = "SELECT COUNT(*) FROM cells WHERE study=? AND fingerprint=? AND error IS NULL"
        (done,) = self._connection.execute(query, key).fetchone()
        query = (
            "SELECT cell, parameters, error FROM cells "
            "WHERE study=? AND fingerprint=? AND error IS NOT NULL ORDER BY cell"
        )
        failures = tuple(
            FailedCell(cell, from_json(parameters), error)
            for cell, parameters, error in self._connection.execute(query, key)
        )
        return Run(
            study, fingerprint, path, source, seed, bool(quick), from_json(known), total, done,
            bool(finished), failures,
        )  # fmt: skip

    def _forget(self, study: str, fingerprint: str) -> None:
        for table in ("cells", "runs"):
            self._connection.execute(f"DELETE FROM {table} WHERE study=? AND fingerprint=?", (study, fingerprint))


@contextmanager
def open_store(folder: str | Path, create: bool = True) -> Iterator[Store]:
    """Open the store of an output folder for the length of a `with` block.

    Parameters
    ----------
    folder : str or path
        The output folder; the store is `results.sqlite` in it.
    create : bool
        Make the folder and the store when absent; otherwise refuse.

    Raises
    ------
    InvalidFile
        When there is no store and none is to be made, or the file is none of ours.
    """
    root = Path(folder)
    path = root / FILE
    if not path.is_file() and not create:
        raise InvalidFile(f"{root} holds no {FILE}, must be the output folder of `pgverify study run`")
    try:
        root.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path)
    except (OSError, sqlite3.Error) as reason:
        raise InvalidFile(f"{root} cannot be written to ({reason}), must be a folder for output") from None
    try:
        _prepare(connection, path)
        yield Store(connection)
    finally:
        connection.close()


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    try:
        (layout,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        if layout == 0 and tables == 0:
            connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={LAYOUT}; COMMIT;")
            layout = LAYOUT
    except sqlite3.Error as reason:
        raise InvalidFile(f"{path} cannot be read ({reason}), must be a store of pgverify") from None
    if layout != LAYOUT:
        raise InvalidFile(f"{path} has layout {layout}, must be {LAYOUT}; use a new output folder")
