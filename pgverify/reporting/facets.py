"""What figures ask of a table: its columns, its panels, and the words for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pgverify.errors import InvalidData


def needed(rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows, refusing a table without the columns or without rows."""
    absent = [name for name in columns if name not in rows]
    if absent:
        raise InvalidData(f"rows has no column {absent[0]!r}, it must have {', '.join(columns)}")
    if rows.empty:
        raise InvalidData("rows has 0 rows, at least one is needed to draw a figure")
    return rows


def names(rows: pd.DataFrame, column: str) -> list[str]:
    """Return the distinct names in the order of first appearance: it is the order of the cells."""
    return [str(name) for name in rows[column].drop_duplicates()]


def split(rows: pd.DataFrame, columns: list[str]) -> list[tuple[str, pd.DataFrame]]:
    """Split the rows by columns; a column with one value only goes without saying."""
    if rows.empty:
        raise InvalidData("rows has nothing to draw: no row has the quantity and the exact number needed")
    telling = [c for c in columns if rows[c].nunique(dropna=False) > 1]
    if not telling:
        return [(", ".join(str(rows[c].iloc[0]) for c in columns), rows)]
    groups = rows.groupby(telling, sort=False, dropna=False)
    return [
        (
            ", ".join(f"T = {v}" if c == "horizon" else str(v) for c, v in zip(telling, key, strict=True)),
            part,
        )
        for key, part in groups
    ]


def several_horizons(rows: pd.DataFrame) -> bool:
    """Return whether the horizon tells rows apart."""
    return "horizon" in rows and rows["horizon"].nunique() > 1


def level(rows: pd.DataFrame) -> str:
    """Spell the confidence of the intervals when they share one."""
    levels = rows["confidence"].dropna().unique() if "confidence" in rows else np.empty(0)
    if len(levels) != 1:
        return ""
    sure = float(levels[0])
    if sure >= 0.9999:  # intervals that are to hold all together: their percentage would read 100
        return f" (each fails with probability {1 - sure:.2g})"
    return f" ({100 * sure:.4g} % intervals)"


def percent(share: float, digits: int = 0) -> str:
    """Spell a share as a percentage."""
    return f"{100 * share:.{digits}f} %"
