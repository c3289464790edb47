"""Running: the missing cells of some workloads go to an executor, and each result to the store as it comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import TypeAlias

from pgverify.errors import InvalidInput
from pgverify.kinds import accepts
from pgverify.names import require_distinct_names
from pgverify.running.cell import CellResult, compute_cell, reason
from pgverify.running.executors import Pool
from pgverify.running.run import Run
from pgverify.running.source import StudySource, WrongWorker, local_source, sent_source
from pgverify.running.store import Store
from pgverify.running.workload import Workload, spell
from pgverify.studies import Cell

ProgressListener: TypeAlias = Callable[[str, int, int], None]
"""Told (study, cells done, cells in all) at the start and after each cell."""

DEATHS_OF_A_CELL = 3
"""A cell whose worker died this often is given up: the first time in company, then twice alone."""
DEATHS_OF_A_RUN = 12
"""So many pools may die in one run: beyond that the machine is at fault, and every retry costs a start."""


@dataclass(frozen=True)
class _Task:
    """A cell, the workload it belongs to, where its code is, and how often its worker died."""

    workload: Workload
    cell: Cell
    source: StudySource
    deaths: int = 0


@accepts()
def run_workloads(
    workloads: Sequence[Workload],
    store: Store,
    pool: Pool,
    progress: ProgressListener | None = None,
    again: bool = False,
) -> list[Run]:
    """Compute every missing cell and return the runs, in the order of the workloads.

    Guaranteed: rows and their order depend on the workloads alone, not on the executor, the number of workers,
    or how often a worker or this process died. A cell that raises is kept as a failure; the others finish.

    Parameters
    ----------
    workloads : sequence of Workload
    store : Store
        Finished cells found here are not computed again.
    pool : Pool
        `process_pool(workers)`, `serial_pool()`, `dask_pool(address)`, or any executor:
        `Pool(MPIPoolExecutor, window=1000, sends_files=True)`.
    progress : function (study, done, total), optional
    again : bool
        Compute cells of finished runs, too; what is there stays until all are computed anew.
    """
    names = [workload.study.name for workload in workloads]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InvalidInput(f"two studies are called {twice[0]!r}, each name may be given once")
    require_distinct_names("study", names)
    source_of = sent_source if pool.sends_files else local_source
    sources = {workload.study.name: source_of(workload.path, workload.needs) for workload in workloads}
    finished = {workload.study.name: store.begin(workload, again) for workload in workloads}
    counts = {name: len(cells) for name, cells in finished.items()}
    totals = {workload.study.name: len(workload.cells) for workload in workloads}
    tell = progress or _silence

    def keep(task: _Task, result: CellResult) -> None:
        name = task.workload.study.name
        store.keep(task.workload, task.cell.index, result)
        counts[name] += 1
        tell(name, counts[name], totals[name])

    for name, done in counts.items():
        tell(name, done, totals[name])
    _compute(
        deque(
            _Task(workload, cell, sources[workload.study.name])
            for workload in workloads
            for cell in workload.cells
            if cell.index not in finished[workload.study.name]
        ),
        pool,
        keep,
    )
    for workload in workloads:
        store.finish(workload)
    return [store.current(workload) for workload in workloads]


def _silence(study: str, done: int, total: int) -> None:
    """Tell nobody."""


Keep: TypeAlias = Callable[[_Task, CellResult], None]


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
            again = replace(task, deaths=task.deaths + 1)
            if again.deaths >= DEATHS_OF_A_CELL:
                keep(again, _given_up(f"its worker died {again.deaths} times: killed, out of memory, or crashed"))
            else:
                suspects.append(again)
        if deaths >= DEATHS_OF_A_RUN:
            for task in (*fresh, *suspects):
                keep(task, _given_up(f"given up: workers died {deaths} times in this run; use fewer workers"))
            return


def _given_up(error: str) -> CellResult:
    return CellResult(None, error)


def _drain(queue: deque[_Task], pool: Pool, keep: Keep) -> list[_Task]:
    """Compute the tasks of a queue; return those in flight when the executor broke, none if it did not."""
    flying: dict[Future[CellResult], _Task] = {}
    # Futures report themselves: waiting for any of a thousand would cost a thousand steps for each that is done.
    done: SimpleQueue[Future[CellResult]] = SimpleQueue()
    try:
        with pool.open() as executor:
            while queue or flying:
                while queue and len(flying) < pool.window:
                    future = executor.submit(compute_cell, queue[0].source, queue[0].cell)
                    flying[future] = queue.popleft()
                    future.add_done_callback(done.put)
                future = done.get()
                keep(flying[future], _result(future))
                del flying[future]
    except (BrokenExecutor, CancelledError):
        # Nothing in flight: the break came as the next task was submitted, so that one is as suspect.
        return _land(flying, keep) or ([queue.popleft()] if queue else [])
    return []


def _result(future: Future[CellResult]) -> CellResult:
    """Return a cell's result; what is raised here comes from the executor, but for a worker that is refused."""
    try:
        return future.result()
    except (BrokenExecutor, CancelledError, WrongWorker):
        raise
    except Exception as error:
        return _given_up(reason(error))


def _land(flying: dict[Future[CellResult], _Task], keep: Keep) -> list[_Task]:
    """Keep what had been computed before the executor broke; return the rest."""
    lost = []
    for future, task in flying.items():
        if future.done() and not future.cancelled() and future.exception() is None:
            keep(task, future.result())
        else:
            lost.append(task)
    return lost


def failures(runs: Iterable[Run]) -> list[str]:
    """Return one sentence for each failed cell: study, parameters, reason."""
    return [
        f"study {run.study!r}, cell {failure.index} ({spell(failure.parameters)}): {failure.error}"
        for run in runs
        for failure in run.failures
    ]
