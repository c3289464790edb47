"""Supervision of a check in a process of its own: what ends, hangs, or eats memory there is told here."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pgverify.checking.calling.time_spent import Glances
from pgverify.checking.isolation.between_processes import ANSWER, MARK, NOTE, REQUEST
from pgverify.checking.isolation.forwarded_output import ForwardedOutput
from pgverify.checking.isolation.limits import Limits
from pgverify.checking.isolation.process_tree import ProcessTree, adopting_orphans, children_now
from pgverify.checking.isolation.whereabouts import NOTE_BYTES, Doing, Whereabouts, glance, read_whereabouts
from pgverify.held_interrupts import noted_interrupts

START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from pgverify.isolated_child import main; "
"""The child finds pgverify where we did, and nothing before it."""

POLL, THOROUGH = 0.05, 0.5
"""Seconds between two looks at the process, and at all that it started: the latter asks for every process there is."""

BETWEEN_LOOKS = 0.06
"""Seconds between looks at whether the process waits: clocks of processes go in hundredths of a second."""

LAST_WORDS = 0.5
"""Seconds in which the process may end by itself once its answer is there."""

Listener = Callable[[Whereabouts], None]


@dataclass(frozen=True)
class Ending:
    """How a check in a process of its own ended.

    Attributes
    ----------
    answer : mapping or None
        What it wrote.
    happened : str
        Without one: what the process did instead, as it follows "it".
    where : Whereabouts
    """

    answer: Mapping[str, Any] | None
    happened: str
    where: Whereabouts


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with where the check was; everything that it started has been ended."""

    def __init__(self, where: Whereabouts) -> None:
        super().__init__(so_far(where))
        self.where = where


def so_far(where: Whereabouts) -> str:
    """Return how far a check has come, in words."""
    if not where.calls:
        return "before the first call"
    of = f", {where.number} of {where.of} problems begun" if where.of else ""
    return f"after {where.calls} calls, the last on problem {where.problem}{of}; no verdict yet"


def supervise(
    request: Mapping[str, Any], limits: Limits, listener: Listener | None = None, alone: bool = False
) -> Ending:
    """Run a check in a process of its own, and return how it ended; nothing that it started is left.

    Parameters
    ----------
    request : mapping
        What `child.main` reads; JSON.
    limits : Limits
    listener : function (Whereabouts), optional
        Told now and then where the check is.
    alone : bool
        Whether this process starts no other processes meanwhile.

    Raises
    ------
    Interrupted
        On Ctrl-C.
    """
    with noted_interrupts() as interrupted:
        ending = _supervised(request, limits, listener or _nobody, alone, interrupted)
    if interrupted():
        raise Interrupted(ending.where)
    return ending


def _supervised(
    request: Mapping[str, Any], limits: Limits, listener: Listener, alone: bool, interrupted: Callable[[], bool]
) -> Ending:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pgverify-", ignore_cleanup_errors=True) as name, adopting_orphans():
        folder = Path(name)
        (folder / REQUEST).write_text(json.dumps(request), encoding="utf-8")
        (folder / ANSWER).touch()  # with our permissions, whatever the function does to those of new files
        (folder / NOTE).write_bytes(bytes(NOTE_BYTES))
        with _started(folder, alone) as (child, tree):
            try:
                happened = _watch(child, tree, folder, limits, listener, began, interrupted)
                where = read_whereabouts(folder / NOTE)
                tree.end()
            except KeyboardInterrupt:  # where somebody else handles the signal
                raise Interrupted(read_whereabouts(folder / NOTE)) from None
        if happened:
            return Ending(None, happened, where)
        try:
            answer = json.loads((folder / ANSWER).read_text(encoding="utf-8"))
            if not isinstance(answer, dict):
                raise ValueError
        except (OSError, ValueError, RecursionError):
            return Ending(None, "spoiled the answer of its process", where)
        return Ending(answer, "", where)


@contextlib.contextmanager
def _started(folder: Path, alone: bool) -> Iterator[tuple[psutil.Popen, ProcessTree]]:
    mark, before, output = os.urandom(8).hex(), children_now(), ForwardedOutput()
    argv = [sys.executable, "-P", "-c", f"{START}main(sys.argv[2])", json.dumps(sys.path), str(folder)]
    child = psutil.Popen(  # whose `wait` sleeps until the end, where the system can
        argv,
        stdin=subprocess.DEVNULL,
        stdout=output.writing,
        stderr=output.writing,
        start_new_session=os.name == "posix",  # Ctrl-C is for us
        env={**os.environ, MARK: mark},
    )
    tree = ProcessTree(child, mark, before, alone)
    try:
        output.start()
        yield child, tree
    finally:
        tree.end()
        output.finish()


def _watch(
    child: psutil.Popen,
    tree: ProcessTree,
    folder: Path,
    limits: Limits,
    listener: Listener,
    began: float,
    interrupted: Callable[[], bool],
) -> str:
    """Wait until the answer is there, or Ctrl-C is pressed, and return nothing, or else what happened instead."""
    thorough = time.monotonic() + THOROUGH
    looks, before = Glances(BETWEEN_LOOKS, child.pid), ""
    while True:
        with contextlib.suppress(psutil.TimeoutExpired):
            child.wait(POLL)
        if interrupted():
            return ""
        where, now = glance(folder / NOTE), time.monotonic()
        if where.doing is Doing.DONE:
            with contextlib.suppress(psutil.TimeoutExpired):
                child.wait(LAST_WORDS)
            return ""
        if child.returncode is not None:
            return _how_it_ended(child.returncode)
        if happened := limits.exceeded_by(tree.memory(now >= thorough)):
            return happened
        if now >= thorough and (happened := limits.crowded_by(tree.crowd())):
            return happened
        work = tree.work()
        late = limits.passed(where, now, work, began, looks.again(now, work))
        if late and before:  # a note may have been read in the middle of its writing
            return late
        before = late
        if now >= thorough:
            thorough = now + THOROUGH
            listener(where)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended its process with exit code {code}"
    name = signal.strsignal(-code) or "unknown"
    return f"ended its process by signal {-code} ({name})"


def _nobody(where: Whereabouts) -> None:
    """Tell nobody."""
