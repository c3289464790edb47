"""What changed between two output folders beyond noise, at a stated total error rate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pgverify.counts import counted
from pgverify.errors import InvalidFile
from pgverify.reporting.judged import shown
from pgverify.running.opening import open_store
from pgverify.running.run import Run
from pgverify.running.store import Store
from pgverify.stats.holm import adjusted_by_holm
from pgverify.stats.power import normal_critical, open_unit
from pgverify.studies import Row

ROUNDING = 1e-9
"""Relative difference up to which exact numbers are the same: other libraries round otherwise."""

RANDOM = frozenset(["sampled", "low", "high", "z", "p_value"])
"""Columns that are drawn: without an interval nothing is said of them."""


@dataclass(frozen=True)
class Change:
    """Something that is no longer as it was.

    Attributes
    ----------
    study, where : str
        Which study; which claim, or which row in which cell.
    before, now : str
        As they are to be printed.
    p_value : float, optional
        Of the difference, where the number was drawn.
    bad : bool
        Whether a claim that held fails, or a number differs beyond noise; else it is told for completeness.
    """

    study: str
    where: str
    before: str
    now: str
    p_value: float | None = None
    bad: bool = True


@dataclass(frozen=True)
class DrawnNumbers:
    """A number that was drawn twice: how far apart, and how likely that is without a difference."""

    study: str
    where: str
    before: float
    now: float
    p_value: float


@dataclass(frozen=True)
class Differences:
    """All that was compared, and what changed.

    Attributes
    ----------
    changes : sequence of Change
    drawn, exact : int
        Numbers that were compared: with their noise, and to rounding.
    error_rate : float
        Probability that any drawn number is told as changed though it is not.
    """

    changes: Sequence[Change]
    drawn: int
    exact: int
    error_rate: float

    @property
    def bad(self) -> bool:
        """Whether anything changed that had better not."""
        return any(change.bad for change in self.changes)


def differences(folder: str | Path, earlier: str | Path, error_rate: float) -> Differences:
    """Compare the stores of two output folders: claims by name, exact numbers to rounding, drawn ones by their noise.

    The standard error of a drawn number is that of its interval; differences are judged as normal, all together by
    Holm's procedure. Where the seeds differ a random problem may be another, so that there sampled − exact is compared
    and exact numbers are not. No study's code runs.

    Parameters
    ----------
    folder, earlier : str or path
    error_rate : float
        The total, over all rows of all studies.

    Raises
    ------
    InvalidFile
        When a folder holds no store, or the two have no study in common.
    """
    rate = open_unit("error_rate", error_rate)
    with open_store(folder, create=False) as now, open_store(earlier, create=False) as before:
        pairs = list(_pairs(now, before))
        if not pairs:
            raise InvalidFile(f"{folder} and {earlier} have no study in common, nothing can be compared")
        changes: list[Change] = []
        drawn: list[DrawnNumbers] = []
        exact = 0
        for run, old in pairs:
            changes += _claims(run, now, old, before)
            numbers = _Numbers(run.study, same_seed=run.seed == old.seed)
            numbers.compare(now.cells(run), before.cells(old))
            changes += numbers.changes
            drawn += numbers.drawn
            exact += numbers.exact
    adjusted = adjusted_by_holm(np.array([one.p_value for one in drawn]))
    changes += [
        Change(one.study, one.where, f"{one.before:.6g}", f"{one.now:.6g}", one.p_value)
        for one, together in zip(drawn, adjusted, strict=True)
        if together <= rate
    ]
    return Differences(sorted(changes, key=lambda change: not change.bad), len(drawn), exact, rate)


def _pairs(now: Store, before: Store) -> Iterator[tuple[Run, Run]]:
    """Yield the runs of the same study: of the same seed and grid where there are such, else the first of each."""
    known = shown(before.runs())
    for run, _ in shown(now.runs()):
        same = [old for old, _ in known if (old.study, old.quick) == (run.study, run.quick)]
        twin = [old for old in same if old.seed == run.seed]
        if same:
            yield run, (twin or same)[0]


def _claims(run: Run, now: Store, old: Run, before: Store) -> Iterator[Change]:
    found, known = now.conclusion(run), before.conclusion(old)
    current = {claim.name: claim for claim in found.claims} if found else {}
    former = {claim.name: claim for claim in known.claims} if known else {}
    for name in [*former, *(name for name in current if name not in former)]:
        words = [_verdict(claims.get(name)) for claims in (former, current)]
        if words[0] != words[1]:
            yield Change(run.study, f"claim {name}", words[0], words[1], bad=words[1] != "holds")


def _verdict(claim: Any) -> str:
    return "not decided" if claim is None else "holds" if claim.holds else "fails"


class _Numbers:
    """Collects what the rows of two runs of one study say."""

    def __init__(self, study: str, same_seed: bool) -> None:
        self.study, self.same_seed = study, same_seed
        self.changes: list[Change] = []
        self.drawn: list[DrawnNumbers] = []
        self.exact = 0

    def compare(self, now: dict[str, list[Row]], before: dict[str, list[Row]]) -> None:
        """Compare cell by cell: a cell is known by its parameters, a row by its place in it."""
        for parameters in [*before, *(key for key in now if key not in before)]:
            rows, old = now.get(parameters), before.get(parameters)
            if rows is None or old is None or len(rows) != len(old):
                words = ["not computed" if one is None else counted(len(one), "row") for one in (old, rows)]
                self.changes.append(Change(self.study, f"cell {parameters}", words[0], words[1], bad=False))
                continue
            for place, (row, other) in enumerate(zip(rows, old, strict=True)):
                self._row(f"{parameters} row {place}", row, other)

    def _row(self, where: str, row: Row, old: Row) -> None:
        column = _estimate(row)
        if column is not None and column == _estimate(old):
            self._noisy(where, column, row, old)
        for name in [*old, *(name for name in row if name not in old)]:
            if name != column and name not in RANDOM:
                self._plain(f"{where} {name}", row.get(name), old.get(name))

    def _noisy(self, where: str, column: str, row: Row, old: Row) -> None:
        shift = old_shift = 0.0
        if not self.same_seed and _finite(row.get("exact")) and _finite(old.get("exact")):
            shift, old_shift = float(row["exact"]), float(old["exact"])
        value, former = float(row[column]) - shift, float(old[column]) - old_shift
        # The side of each interval that faces the other number: intervals of variances are not symmetric.
        up = value >= former
        error = math.hypot(_error(row, column, down=up), _error(old, column, down=not up))
        if error > 0.0:
            p_value = math.erfc(abs(value - former) / error / math.sqrt(2.0))
        else:
            p_value = 1.0 if math.isclose(value, former, rel_tol=ROUNDING, abs_tol=ROUNDING) else 0.0
        self.drawn.append(DrawnNumbers(self.study, f"{where} {column}", former, value, p_value))

    def _plain(self, where: str, value: Any, old: Any) -> None:
        if isinstance(value, str) or isinstance(old, str) or not (_finite(value) and _finite(old)):
            same = value == old or (value != value and old != old)  # NaN is what it was
        elif self.same_seed:
            self.exact += 1
            same = math.isclose(value, old, rel_tol=ROUNDING, abs_tol=ROUNDING)
        else:
            return
        if not same and self.same_seed:
            self.changes.append(Change(self.study, where, str(old), str(value)))


def _estimate(row: Row) -> str | None:
    """Return the column that an interval of the row is about: `sampled`, else the one before `low`."""
    if not all(_finite(row.get(name)) for name in ("low", "high")):
        return None
    names = list(row)
    column = "sampled" if "sampled" in row else names[names.index("low") - 1] if names.index("low") else None
    return column if column is not None and _finite(row.get(column)) else None


def _error(row: Row, column: str, down: bool) -> float:
    """Return the standard error that an interval stands for, of its lower or its upper side."""
    level = row["confidence"] if _finite(row.get("confidence")) else 0.0
    critical = normal_critical(1.0 - float(level)) if 0.0 < level < 1.0 else NARROWEST
    side = float(row[column]) - float(row["low"]) if down else float(row["high"]) - float(row[column])
    return max(side, 0.0) / critical


NARROWEST = 1.0
"""Standard errors of an interval whose level is not stated: the cautious reading, for it makes the noise large."""


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
