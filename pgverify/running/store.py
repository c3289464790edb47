"""The store: one SQLite file in the output folder, each finished cell committed at once."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pgverify.errors import InvalidInput
from pgverify.names import require_name
from pgverify.running.cell import CellResult
from pgverify.running.conclusion import Conclusion, as_lines, from_lines
from pgverify.running.fingerprint import versions
from pgverify.running.rows import from_json, printable, rows_as_text, to_json
from pgverify.running.run import FailedCell, Run
from pgverify.running.store_errors import said_plainly
from pgverify.running.tables import ROOM, read, sound, write
from pgverify.running.workload import Workload
from pgverify.studies import Row


@dataclass(frozen=True)
class _StoredCell:
    index: int
    parameters: str
    rows: str | None
    error: str | None
    machine: str


class Store:
    """Runs and their cells. Open it with `open_store`.

    A run is known by its study and its fingerprint. One that was interrupted is resumed by `begin`; one that had
    finished is found finished, unless it is wanted again. Runs with another seed are kept beside it, and so are
    interrupted ones with another fingerprint: a quick run between does not cost the hours of a long one.

    Attributes
    ----------
    path : Path
    notes : sequence of str
        What a reader must know about the file, one sentence each: that it was damaged, and what was read back.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, notes: Sequence[str] = ()) -> None:
        self._connection = connection
        self._numbers: dict[str, int] = {}
        self.path = path
        self.notes = tuple(notes)

    def begin(self, workload: Workload, again: bool = False) -> set[int]:
        """Begin or resume a run; return the cells that are finished already.

        Parameters
        ----------
        workload : Workload
        again : bool
            Compute a finished run once more; its rows stay until all are there anew.
        """
        with said_plainly(self.path):
            same = [run for run in self._runs() if run.fingerprint == workload.fingerprint]
            done = {run.number: self._finished(run) for run in same}
            whole = [run for run in same if len(done[run.number]) == run.total]
            partial = [run for run in same if len(done[run.number]) < run.total]
            usable = partial if again or not whole else whole
            known = max(usable, key=lambda run: run.number, default=None)
            if known is None:
                number = 1 + max((run.number for run in self._runs()), default=0)
                self._write_run(_begun(workload, number))
                done[number] = set()
            else:
                number = known.number
                if known.path != str(workload.path):  # the same text may have moved to another folder since
                    self._write_run(replace(known, path=str(workload.path)))
            self._numbers[workload.fingerprint] = number
            return done[number]

    def put(self, workload: Workload, index: int, rows: list[Row] | None, error: str | None = None) -> None:
        """Commit a finished cell, or the reason it could not be finished."""
        self.keep(workload, index, CellResult(None if rows is None else rows_as_text(rows), error))

    def keep(self, workload: Workload, index: int, result: CellResult) -> None:
        """Commit what became of a cell; what SQLite cannot hold is that cell's failure."""
        key = self._numbers[workload.fingerprint] * ROOM + index
        parameters = to_json(dict(workload.cells[index].parameters))
        error = None if result.error is None else printable(result.error)
        with said_plainly(self.path):
            try:
                values = (key, workload.fingerprint, parameters, result.rows, error, result.machine)
                write(self._connection, "cells", values)
            except (sqlite3.DataError, OverflowError) as reason:  # a row of a gigabyte
                error = f"its rows cannot be kept: {reason}"
                write(self._connection, "cells", (key, workload.fingerprint, parameters, None, error, result.machine))

    def finish(self, workload: Workload) -> bool:
        """Whether every cell of a run is finished; if so, drop the finished ones that it supersedes.

        These are of the same study, seed and grid: an earlier text, or earlier versions. Other seeds are kept.
        """
        with said_plainly(self.path):
            runs = self._runs()
            (mine,) = (run for run in runs if run.number == self._numbers[workload.fingerprint])
            if len(self._finished(mine)) < mine.total:
                return False
            for old in runs:
                same = (old.study, old.seed, old.quick) == (mine.study, mine.seed, mine.quick)
                twin = old.fingerprint == mine.fingerprint
                if same and old.number != mine.number and (twin or len(self._finished(old)) == old.total):
                    self._forget(old.number)
        return True

    def runs(self) -> list[Run]:
        """Return every run, by study in alphabetical order, the most recently begun one first."""
        with said_plainly(self.path):
            found = [self._counted(run) for run in self._runs()]
        return sorted(found, key=lambda run: (run.study, -run.number))

    def current(self, workload: Workload) -> Run:
        """Return the run that `begin` began or resumed."""
        number = self._numbers[workload.fingerprint]
        return next(run for run in self.runs() if run.number == number)

    def rows(self, run: Run) -> list[Row]:
        """Return the rows of a run in the order of its cells, whatever the order they were finished in."""
        with said_plainly(self.path):
            cells = self._cells(run)
            return [row for cell in cells if cell and cell.rows is not None for row in from_json(cell.rows)]

    def cells(self, run: Run) -> dict[str, list[Row]]:
        """Return the rows of every finished cell of a run, by its parameters as JSON."""
        with said_plainly(self.path):
            return {
                cell.parameters: list(from_json(cell.rows))
                for cell in self._cells(run)
                if cell is not None and cell.rows is not None
            }

    def conclude(self, run: Run, conclusion: Conclusion) -> None:
        """Keep claims and figures of a run, all or none, in place of earlier ones."""
        with said_plainly(self.path), _transaction(self._connection):
            self._drop_conclusion(run.number)
            for position, line in enumerate(as_lines(conclusion)):
                write(self._connection, "conclusions", (run.number * ROOM + position, *line))

    def conclusion(self, run: Run) -> Conclusion | None:
        """Return the claims and figures of a run, None if there are none yet or they are damaged."""
        with said_plainly(self.path):
            where = (run.number * ROOM, (run.number + 1) * ROOM)
            try:
                lines = list(read(self._connection, "conclusions", "key >= ? AND key < ?", where))
            except sqlite3.DatabaseError:
                return None
        return from_lines([tuple(line[1:-1]) for line in lines]) if lines and all(map(sound, lines)) else None

    def mark_reported(self, run: Run) -> None:
        """Say that the reports of a run were written."""
        with said_plainly(self.path):
            self._write_run(replace(run, reported=True))

    def _runs(self) -> list[Run]:
        """Return the runs without counting their cells; a damaged line is read from its second copy."""
        known: dict[int, Run] = {}
        for table in ("runs_again", "runs"):
            for row in read(self._connection, table):
                if sound(row):
                    number, study, fingerprint, path, source, seed, quick, libraries, total, *words, reported, _ = row
                    try:
                        require_name("study", study)  # the file may come from anywhere
                    except InvalidInput:
                        continue
                    known[number] = Run(
                        number, study, fingerprint, path, source, seed, bool(quick), from_json(libraries), total,
                        words[0], words[1], bool(reported),
                    )  # fmt: skip
        return [known[number] for number in sorted(known)]

    def _write_run(self, run: Run) -> None:
        values = (
            run.number, run.study, run.fingerprint, run.path, run.source, run.seed, int(run.quick),
            to_json(run.versions), run.total, run.question, run.published, int(run.reported),
        )  # fmt: skip
        with _transaction(self._connection):
            for table in ("runs", "runs_again"):
                write(self._connection, table, values)

    def _cells(self, run: Run) -> Iterator[_StoredCell | None]:
        """Yield the cells of a run in order, None for one that is damaged."""
        where = (run.number * ROOM, (run.number + 1) * ROOM)
        for row in read(self._connection, "cells", "key >= ? AND key < ?", where):
            key, fingerprint, parameters, rows, error, machine, _ = row
            good = sound(row) and fingerprint == run.fingerprint
            yield _StoredCell(key - where[0], parameters, rows, error, machine) if good else None

    def _finished(self, run: Run) -> set[int]:
        return {cell.index for cell in self._cells(run) if cell is not None and cell.error is None}

    def _counted(self, run: Run) -> Run:
        """Return the run with what its cells say, one at a time: there may be many."""
        done = damaged = 0
        failures = []
        machines: Counter[str] = Counter()
        for cell in self._cells(run):
            if cell is None:
                damaged += 1
                continue
            if cell.error is not None:
                failures.append(FailedCell(cell.index, from_json(cell.parameters), cell.error))
                continue
            done += 1
            machines[cell.machine] += 1
        return replace(
            run, done=done, failures=tuple(failures), damaged=damaged, machines=dict(sorted(machines.items()))
        )

    def _drop_conclusion(self, number: int) -> None:
        where = (number * ROOM, (number + 1) * ROOM)
        self._connection.execute("DELETE FROM conclusions WHERE key >= ? AND key < ?", where)

    def _forget(self, number: int) -> None:
        where = (number * ROOM, (number + 1) * ROOM)
        with _transaction(self._connection):
            self._drop_conclusion(number)
            self._connection.execute("DELETE FROM cells WHERE key >= ? AND key < ?", where)
            for table in ("runs", "runs_again"):
                self._connection.execute(f"DELETE FROM {table} WHERE number=?", (number,))


def _begun(workload: Workload, number: int) -> Run:
    """Return a run of which no cell is computed yet."""
    study = workload.study
    return Run(
        number, study.name, workload.fingerprint, str(workload.path), workload.source, workload.seed, workload.quick,
        versions(workload.needs.imported), len(workload.cells), printable(study.question), printable(study.source),
        reported=False,
    )  # fmt: skip


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit all that happens in the block, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # SQLite may have rolled back by itself
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
