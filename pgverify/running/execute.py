"""Running: the missing cells of some workloads go to an executor, and each result to the store as it comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from pgverify.errors import InvalidFile, InvalidInput, one_sentence
from pgverify.foreign_code import foreign_code
from pgverify.running.executors import Pool
from pgverify.running.fingerprint import digest
from pgverify.running.rows import plain_rows
from pgverify.running.store import Run, Store
from pgverify.running.workload import Workload, spell
from pgverify.studies import Cell, Row, Study, load_study

ProgressListener: TypeAlias = Callable[[str, int, int], None]
"""Told (study, cells done, cells in all) at the start and after each cell."""

DEATHS_OF_A_CELL = 3
"""A cell whose worker died this often is given up: the first time in company, then twice alone."""
DEATHS_OF_A_RUN = 12
"""So many pools may die in one run: beyond that the machine is at fault, and every retry costs a start."""


@dataclass(frozen=True)
class _Task:
    """A cell, the workload it belongs to, and how often its worker died."""

    workload: Workload
    cell: Cell
    deaths: int = 0


def run_workloads(
    workloads: Sequence[Workload], store: Store, pool: Pool, progress: ProgressListener | None = None
) -> list[Run]:
    """Compute every missing cell and return the runs, in the order of the workloads.

    Guaranteed: rows and their order depend on the workloads alone, not on the executor, the number of workers,
    or how often a worker or this process died. A cell that raises is kept as a failure; the others finish.

    Parameters
    ----------
    workloads : sequence of Workload
    store : Store
        Finished cells found here are not computed again, unless their whole run had finished.
    pool : Pool
        `process_pool(workers)`, `serial_pool()`, or any executor: `Pool(client.get_executor, window=1000)`.
    progress : function (study, done, total), optional
    """
    names = [workload.study.name for workload in workloads]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InvalidInput(f"two studies are called {twice[0]!r}, each name may be given once")
    finished = {workload.study.name: store.begin(workload) for workload in workloads}
    counts = {name: len(cells) for name, cells in finished.items()}
    totals = {workload.study.name: len(workload.cells) for workload in workloads}
    tell = progress or _silence

    def keep(task: _Task, rows: list[Row] | None, error: str | None) -> None:
        name = task.workload.study.name
        store.put(task.workload, task.cell.index, rows, error)
        counts[name] += 1
        tell(name, counts[name], totals[name])

    for name, done in counts.items():
        tell(name, done, totals[name])
    _compute(
        deque(
            _Task(workload, cell)
            for workload in workloads
            for cell in workload.cells
            if cell.index not in finished[workload.study.name]
        ),
        pool,
        keep,
    )
    for workload in workloads:
        store.finish(workload)
    known = {(run.study, run.fingerprint): run for run in store.runs()}
    return [known[workload.study.name, workload.fingerprint] for workload in workloads]


def _silence(study: str, done: int, total: int) -> None:
    """Tell nobody."""


Keep: TypeAlias = Callable[[_Task, list[Row] | None, str | None], None]


def _compute(fresh: deque[_Task], pool: Pool, keep: Keep) -> None:
    """Compute tasks in parallel; those in flight when a worker died are then tried one at a time, alone."""
    suspects: deque[_Task] = deque()
    deaths = 0
    while fresh or suspects:
        queue = fresh or deque([suspects.popleft()])
        in_flight = _drain(queue, pool, keep)
        if not in_flight:
            continue
        deaths += 1
        for task in in_flight:
            again = _Task(task.workload, task.cell, task.deaths + 1)
            if again.deaths >= DEATHS_OF_A_CELL:
                keep(again, None, f"its worker died {again.deaths} times: killed, out of memory, or crashed")
            else:
                suspects.append(again)
        if deaths >= DEATHS_OF_A_RUN:
            for task in (*fresh, *suspects):
                keep(task, None, f"given up: workers died {deaths} times in this run; use fewer workers")
            return


def _drain(queue: deque[_Task], pool: Pool, keep: Keep) -> list[_Task]:
    """Compute the tasks of a queue; return those in flight when the executor broke, none if it did not."""
    flying: dict[Future[Any], _Task] = {}
    try:
        with pool.open() as executor:
            while queue or flying:
                while queue and len(flying) < pool.window:
                    flying[_submit(executor, queue[0])] = queue[0]
                    queue.popleft()
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    keep(flying[future], *_result(future))
                    del flying[future]
    except BrokenExecutor:
        # Nothing in flight: the break came as the next task was submitted, so that one is as suspect.
        return _land(flying, keep) or ([queue.popleft()] if queue else [])
    return []


def _result(future: Future[Any]) -> tuple[list[Row] | None, str | None]:
    """Return a cell's result; what is raised here comes from the executor: `compute_cell` raises nothing."""
    try:
        rows, error = future.result()
    except BrokenExecutor:
        raise
    except Exception as reason:
        return None, one_sentence(reason)
    return rows, error


def _land(flying: dict[Future[Any], _Task], keep: Keep) -> list[_Task]:
    """Keep what had been computed before the executor broke; return the rest."""
    lost = []
    for future, task in flying.items():
        if future.done() and not future.cancelled() and future.exception() is None:
            keep(task, *future.result())
        else:
            lost.append(task)
    return lost


def _submit(executor: Executor, task: _Task) -> Future[Any]:
    return executor.submit(compute_cell, str(task.workload.path), task.workload.source, task.cell)


def compute_cell(path: str, source: str, cell: Cell) -> tuple[list[Row] | None, str | None]:
    """Return (rows, None), or (None, the reason in one sentence): not every exception survives a process."""
    try:
        with foreign_code():  # a study that calls sys.exit must not end the run
            return plain_rows(_study(path, source).run(dict(cell.parameters), cell.seed)), None
    except Exception as error:
        return None, one_sentence(error)


@lru_cache(maxsize=64)
def _study(path: str, source: str) -> Study:
    """Load a study in a worker, once, and make sure that it is still the one the workload was made from."""
    if digest(Path(path).read_text(encoding="utf-8")) != source:
        raise InvalidFile(f"{path} was changed during the run; start it again")
    return load_study(path)[0]


def failures(runs: Iterable[Run]) -> list[str]:
    """Return one sentence for each failed cell: study, parameters, reason."""
    return [
        f"study {run.study!r}, cell {failure.index} ({spell(failure.parameters)}): {failure.error}"
        for run in runs
        for failure in run.failures
    ]
