"""Opening the store of an output folder: to write, by one run at a time, or to read, which changes nothing."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pgverify.errors import InvalidFile
from pgverify.kinds import accepts
from pgverify.running.folder_lock import folder_lock
from pgverify.running.salvage import copied, decoded, salvage
from pgverify.running.store import Store
from pgverify.running.store_errors import damaged, said_plainly
from pgverify.running.tables import COLUMNS, LAYOUT, SCHEMA

FILE = "results.sqlite"
PATIENCE = 10.0
"""Seconds to wait for a lock that another program holds on the file."""


@accepts()
@contextmanager
def open_store(folder: str | Path, create: bool = True) -> Iterator[Store]:
    """Open the store of an output folder for the length of a `with` block.

    While it is open for writing, commits go to a write-ahead log beside it (`results.sqlite-wal`), which a killed run
    leaves behind and the next one reads; at the end all is in the one file again. On a network folder without shared
    memory SQLite keeps its slower journal instead; there, only one machine at a time may write.

    Parameters
    ----------
    folder : str or path
        The output folder; the store is `results.sqlite` in it.
    create : bool
        Make the folder and the store when absent, and write; otherwise read only, and refuse where there is none.

    Raises
    ------
    InvalidFile
        When there is no store and none is to be made, the file is none of ours, another run writes into the folder,
        or the file cannot be read or written.
    """
    root = Path(os.path.abspath(folder))  # noqa: PTH100, a study may change the working directory; links stay links
    path = root / FILE
    if not path.is_file() and not create:
        raise InvalidFile(f"{folder} holds no {FILE}, must be the output folder of `pgverify study run`")
    if create:
        with _opened_to_write(root, path) as store:
            yield store
    else:
        with _opened_to_read(path) as store:
            yield store


@contextmanager
def _opened_to_write(root: Path, path: Path) -> Iterator[Store]:
    with ExitStack() as stack:
        try:
            root.mkdir(parents=True, exist_ok=True)
            stack.enter_context(folder_lock(root))
        except OSError as reason:
            raise InvalidFile(f"{root} cannot be written to ({reason}), must be a folder for output") from None
        notes: list[str] = []
        with said_plainly(path):
            connection = _connect(str(path))
            stack.callback(_close, connection)
            if _is_damaged(connection, path):
                connection.close()
                notes.append(_replaced(path))
                connection = _connect(str(path))
                stack.callback(_close, connection)
            _prepare(connection, path)
            # A commit is then an append without waiting for the disk: a killed process loses nothing, and a power
            # cut at most the last cells, never the file.
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
        yield Store(connection, path, notes)


@contextmanager
def _opened_to_read(path: Path) -> Iterator[Store]:
    with ExitStack() as stack:
        notes: list[str] = []
        with said_plainly(path):
            connection = _reader(path, stack)
            if _is_damaged(connection, path):
                connection, cells = salvage(path)
                stack.callback(connection.close)
                notes.append(f"{path} is damaged; {_cells(cells)} can be read, the next `study run` goes on from there")
            elif _is_empty(connection):
                connection = _connect(":memory:")
                stack.callback(connection.close)
            _prepare(connection, path)
        yield Store(connection, path, notes)


def _reader(path: Path, stack: ExitStack) -> sqlite3.Connection:
    """Return a connection that cannot write; where the folder is read-only and a log is left, to a copy."""
    connection = _connect(f"{path.as_uri()}?mode=ro")
    stack.callback(connection.close)
    try:
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as reason:
        if (reason.sqlite_errorcode & 0xFF) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        connection = _connect(str(stack.enter_context(copied(path))))
        stack.callback(connection.close)
    except sqlite3.DatabaseError:
        pass  # the caller looks for the damage
    return connection


def _connect(name: str) -> sqlite3.Connection:
    connection = sqlite3.connect(name, timeout=PATIENCE, isolation_level=None, uri=name.startswith("file:"))
    connection.text_factory = decoded
    return connection


def _close(connection: sqlite3.Connection) -> None:
    """Bring everything into the one file; where somebody reads it meanwhile, the log stays beside it until later."""
    with contextlib.suppress(sqlite3.Error):
        connection.execute("PRAGMA busy_timeout=500")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
    with contextlib.suppress(sqlite3.Error):
        connection.close()


def _is_damaged(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether pages of the file make no sense, as after a cut or a flipped bit."""
    try:
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")
    except sqlite3.DatabaseError as reason:
        if damaged(reason):
            return True
        if (reason.sqlite_errorcode & 0xFF) == sqlite3.SQLITE_NOTADB:
            raise InvalidFile(
                f"{path} is no SQLite file ({reason}), must be a store of pgverify; it was left as it is"
            ) from None
        raise


def _is_empty(connection: sqlite3.Connection) -> bool:
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    return bool(layout == 0 and tables == 0)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables in an empty file, and refuse a file with others."""
    if _is_empty(connection):
        connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version={LAYOUT}; COMMIT;")
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    if layout != LAYOUT:
        raise InvalidFile(f"{path} has layout {layout}, must be {LAYOUT}; use a new output folder")
    for table, columns in COLUMNS.items():
        known = [column[1] for column in connection.execute(f"PRAGMA table_info({table})")]
        if known != [*columns, "checksum"]:
            raise InvalidFile(f"{path} has other tables than a store of pgverify; use a new output folder")


def _replaced(path: Path) -> str:
    """Put what can be read of a damaged store in its place, keep the damaged file, and say so."""
    readable, cells = salvage(path)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with contextlib.closing(_connect(str(part))) as fresh:
        readable.backup(fresh)
    readable.close()
    aside = next(place for n in range(1, 10_000) if not (place := path.with_name(f"{path.name}.damaged-{n}")).exists())
    for ending in ("", "-wal"):
        old = path.with_name(path.name + ending)
        if old.exists():
            old.rename(aside.with_name(aside.name + ending))
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    part.replace(path)
    return f"{path} was damaged: {_cells(cells)} could be read and are kept, the damaged file is {aside.name} beside it"


def _cells(count: int) -> str:
    return f"{count} cell{'' if count == 1 else 's'}"
