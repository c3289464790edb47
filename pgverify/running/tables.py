"""The tables of the store: every row has a checksum, and is found by one number, so that no index can be damaged."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from typing import Any

from pgverify.running.rows import to_json

LAYOUT = 2
"""Kept in SQLite's `user_version`; raise it when the tables change."""
ROOM = 2**32
"""Keys of a run: its number times this, plus the index of the cell."""

RUN_COLUMNS = (
    "number", "study", "fingerprint", "path", "source", "seed", "quick", "versions", "total", "question", "published",
    "reported",
)  # fmt: skip
CELL_COLUMNS = ["key", "fingerprint", "parameters", "rows", "error", "machine"]
CONCLUSION_COLUMNS = ["key", "name", "content", "picture"]

_RUN_TYPES = (
    "number INTEGER PRIMARY KEY, study TEXT, fingerprint TEXT, path TEXT, source TEXT, seed INTEGER, quick INTEGER, "
    "versions TEXT, total INTEGER, question TEXT, published TEXT, reported INTEGER, checksum TEXT"
)
# A run is written down twice, on different pages: without it its cells would be rows of nothing.
SCHEMA = f"""
CREATE TABLE runs ({_RUN_TYPES});
CREATE TABLE runs_again ({_RUN_TYPES});
CREATE TABLE cells (
  key INTEGER PRIMARY KEY, fingerprint TEXT, parameters TEXT, rows TEXT, error TEXT, machine TEXT, checksum TEXT
);
CREATE TABLE conclusions (key INTEGER PRIMARY KEY, name TEXT, content TEXT, picture BLOB, checksum TEXT);
"""

COLUMNS = {
    "runs": RUN_COLUMNS,
    "runs_again": RUN_COLUMNS,
    "cells": CELL_COLUMNS,
    "conclusions": CONCLUSION_COLUMNS,
}


def checksum(values: Sequence[Any]) -> str:
    """Return a short hash of a row."""
    plain = [value.hex() if isinstance(value, bytes) else value for value in values]
    return hashlib.blake2b(to_json(plain).encode(errors="surrogatepass"), digest_size=8).hexdigest()


def write(connection: sqlite3.Connection, table: str, values: Sequence[Any]) -> None:
    """Insert a row, or put it in place of the one with its number."""
    marks = ", ".join("?" * (len(values) + 1))
    names = ", ".join([*COLUMNS[table], "checksum"])
    connection.execute(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", (*values, checksum(values)))


def read(connection: sqlite3.Connection, table: str, where: str = "1", given: Sequence[Any] = ()) -> sqlite3.Cursor:
    """Return a cursor over rows in the order of their numbers, each followed by its checksum."""
    columns = COLUMNS[table]
    names = ", ".join([*columns, "checksum"])
    return connection.execute(f"SELECT {names} FROM {table} WHERE {where} ORDER BY {columns[0]}", given)


def sound(row: Sequence[Any]) -> bool:
    """Whether a row, read with its checksum, is as it was written."""
    *values, known = row
    return bool(known == checksum(values))
