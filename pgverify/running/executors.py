"""Where cells are computed: worker processes by default, in this process, or any executor of the caller's."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from typing import Any

from pgverify.errors import InvalidInput
from pgverify.kinds import accepts, known_arguments
from pgverify.validation import require_integer

ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Set to 1 in workers: the order of a sum, and so its last bit, depends on the number of threads."""

MOST_WORKERS = 16
"""Processes for each processor, each with NumPy in its memory: beyond that a digit too many was typed."""


@known_arguments
@dataclass(frozen=True)
class Pool:
    """How to open an executor, as often as one dies, and how many cells to hand it at once.

    Attributes
    ----------
    open : function () -> context manager of an Executor
    window : int
        Cells in flight. After a worker died any of them may be the cause; enough to keep all workers busy.
    sends_files : bool
        Send the study's file and those beside it with each cell: for workers that do not see this machine's files.
    said : str
        What computes, in words; empty for an executor of the caller's.
    """

    open: Callable[[], AbstractContextManager[Executor]]
    window: int
    sends_files: bool = False
    said: str = ""


class SerialExecutor(Executor):
    """Computes at once, in this process: for tests and debuggers."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return a future that is done."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def serial_pool() -> Pool:
    """Return a pool that computes one cell after the other in this process."""
    return Pool(SerialExecutor, 1, said="this process, one thread")


@accepts()
def process_pool(workers: int | None = None) -> Pool:
    """Return a pool of worker processes, each a fresh interpreter with one thread for linear algebra.

    Parameters
    ----------
    workers : int, optional
        At least 1, at most `MOST_WORKERS` a processor; by default one a processor that this process may use.

    Raises
    ------
    InvalidInput
        When `workers` is below 1, or more than this machine can be meant to start.
    """
    here = processors()
    count = here if workers is None else require_integer("workers", workers, 1, InvalidInput)
    if count > MOST_WORKERS * here:
        raise InvalidInput(
            f"workers is {count}, must be at most {MOST_WORKERS * here}, {MOST_WORKERS} for each of the {here} "
            f"processors here; {here} is what keeps them busy"
        )
    said = f"{count} worker process{'' if count == 1 else 'es'} on {here} processor{'' if here == 1 else 's'}"
    return Pool(lambda: _processes(count), 2 * count, said=f"{said}, one thread each")


def processors() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


@contextmanager
def _processes(count: int) -> Iterator[Executor]:
    with _one_thread():
        executor = _Workers(count, mp_context=get_context("spawn"), initializer=_prepare_worker)
        try:
            yield executor
        except BaseException:
            # A cell may take hours: an interrupted run must not wait for it. Finished cells are in the store.
            for process in list((getattr(executor, "_processes", None) or {}).values()):
                process.terminate()
            executor.shutdown(wait=True, cancel_futures=True)
            raise
        executor.shutdown(wait=True)


class _Workers(ProcessPoolExecutor):
    """Worker processes that Ctrl-C does not reach, not even while they start: the parent decides."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the future; workers are started in here and inherit the mask of signals."""
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            return super().submit(fn, *args, **kwargs)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(fn, *args, **kwargs)
        finally:  # a Ctrl-C that came meanwhile is delivered now
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Set the variables while workers start: they are read once, when a worker imports NumPy."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _prepare_worker() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it: a killed parent cannot say goodbye."""
    # Where signals cannot be masked this is the first chance; elsewhere it is taken care of already.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()
