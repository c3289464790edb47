"""Tables as CSV: every float with the digits that give back its 64 bits, the same bytes for the same run."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from pgverify.studies import Claim, Row

CLAIM_COLUMNS = ("name", "statement", "evidence", "expected", "found", "holds", "certainty")


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Return the columns in the order of their first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """Write rows in their order; what a row lacks stays empty. The csv module writes floats with `repr`."""
    columns = columns_of(rows)
    _write(path, columns, [[row.get(name) for name in columns] for row in rows])


def write_claims(claims: Sequence[Claim], path: Path) -> None:
    """Write claims in their order."""
    _write(path, CLAIM_COLUMNS, [[getattr(claim, name) for name in CLAIM_COLUMNS] for claim in claims])


def _write(path: Path, header: Sequence[str], lines: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)
