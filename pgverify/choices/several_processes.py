"""Parts of a tree in several processes, each of which makes the program anew."""

from __future__ import annotations

import multiprocessing
import pickle
import queue
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from pgverify.choices.one_run import Leaf, ScriptedProgram
from pgverify.choices.program_expectation import WeightedSums
from pgverify.choices.subtrees import summed
from pgverify.choices.world import Choice
from pgverify.errors import InvalidRun, one_sentence, shortened

IMPORTABLE = "for several processes it must be found at the top of a module or a file, or be made of what is"

LOOK = 0.2
"""Seconds between looks at whether the processes live."""


def sums_of_parts(
    run: ScriptedProgram,
    parts: Sequence[tuple[int, Sequence[Choice]]],
    idle: Collection[int],
    first: Leaf,
    limit: int,
    processes: int,
) -> Iterator[tuple[int, WeightedSums | None]]:
    """Yield the sums of parts of a tree, as they come: their number, and None where one has more runs than the limit.

    Raises
    ------
    InvalidRun
        When the program cannot be sent to another process, or one of these ended.
    InvalidInput
        What was refused in one of them.
    """
    if processes == 1 or len(parts) < 2:
        for number, root in parts:
            yield number, summed(run, root, idle, first, limit)
        return
    try:
        sent = pickle.dumps((run, tuple(idle), first, limit))
    except Exception as reason:
        raise InvalidRun(
            f"run cannot be sent to another process ({shortened(one_sentence(reason), 120)}): {IMPORTABLE}"
        ) from None
    context = multiprocessing.get_context("spawn")
    tasks, results = context.Queue(), context.Queue()
    for part in parts:
        tasks.put(part)
    workers = [
        context.Process(target=_work, args=(sent, tasks, results), daemon=True)
        for _ in range(min(processes, len(parts)))
    ]
    for worker in workers:
        tasks.put(None)
        worker.start()
    try:
        for _ in parts:
            number, found = _next(results, workers)
            if isinstance(found, BaseException):
                raise found
            yield number, found
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()
        tasks.cancel_join_thread()


def _next(results: Any, workers: Sequence[Any]) -> tuple[int, Any]:
    while True:
        try:
            return results.get(timeout=LOOK)
        except queue.Empty:
            ended = [worker.exitcode for worker in workers if worker.exitcode not in (None, 0)]
            if ended:
                raise InvalidRun(f"run ended a process of its own with exit code {ended[0]}: {IMPORTABLE}") from None


def _work(sent: bytes, tasks: Any, results: Any) -> None:
    """Sum one part after another, until there is none."""
    run, idle, first, limit = pickle.loads(sent)
    while (part := tasks.get()) is not None:
        number, root = part
        try:
            results.put((number, summed(run, root, idle, first, limit)))
        except Exception as refusal:
            results.put((number, refusal))
