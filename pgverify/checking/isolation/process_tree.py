"""A process with everything that it started, however it tried to get away; all of it can be ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator

import psutil

from pgverify.checking.isolation.between_processes import MARK

ADOPT, IS_ADOPTING = 36, 37
"""PR_SET_CHILD_SUBREAPER and PR_GET_CHILD_SUBREAPER of Linux's prctl."""

ROUNDS = 20
"""So often what is left is looked for and ended: something that forks faster than that is not ours to race."""


class ProcessTree:
    """Everything that a child process started.

    Parameters
    ----------
    child : psutil.Popen
        Started in a session of its own, with `MARK` in its environment.
    mark : str
        The value of `MARK`.
    before : set of int
        Child processes that were there before.
    alone : bool
        Whether this process starts nothing else: then every new orphan belongs to the child.
    """

    def __init__(self, child: psutil.Popen, mark: str, before: set[int], alone: bool) -> None:
        self._child, self._mark, self._before, self._alone = child, mark, before, alone
        self._seen: dict[int, psutil.Process] = {}
        self._ended = False

    def memory(self, thorough: bool) -> int:
        """Return the bytes that are resident: of the child, and of what it started where that is asked for too."""
        total = 0
        with contextlib.suppress(psutil.Error):
            total = self._child.memory_info().rss
            if thorough:
                self._seen |= self._below()
                for process in self._seen.values():
                    with contextlib.suppress(psutil.Error):
                        total += process.memory_info().rss
        return total

    def crowd(self) -> int:
        """Return how many threads the child has, and processes below it, ended ones that nobody waits for included."""
        with contextlib.suppress(psutil.Error):
            return int(self._child.num_threads()) + len(self._below())
        return 0

    def work(self) -> float:
        """Return the processor time that the child has used, in seconds."""
        with contextlib.suppress(psutil.Error):
            times = self._child.cpu_times()
            return float(times.user + times.system)
        return 0.0

    def end(self) -> None:
        """Kill the child and everything that it started, and wait until it is gone; once."""
        if self._ended:
            return
        if not (self._alone and sys.platform.startswith("linux")):  # there all that is left comes to us
            self._seen |= self._below()
        if self._child.poll() is None:
            with contextlib.suppress(OSError):
                if hasattr(os, "killpg"):
                    os.killpg(self._child.pid, signal.SIGKILL)
            with contextlib.suppress(OSError, psutil.Error):
                self._child.kill()
            with contextlib.suppress(psutil.TimeoutExpired):
                self._child.wait(timeout=5.0)
        for _ in range(ROUNDS):
            left = self._left()
            if not left:
                break
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(left, timeout=0.5)
        self._ended = True

    def _left(self) -> list[psutil.Process]:
        """Return what still runs: once seen below the child, or an orphan that came to us."""
        found = dict(self._seen)
        with contextlib.suppress(psutil.Error):
            for process in psutil.Process().children(recursive=True):
                if process.pid not in self._before and process.pid != self._child.pid and self._ours(process):
                    found[process.pid] = process
        return [process for process in found.values() if _runs(process)]

    def _below(self) -> dict[int, psutil.Process]:
        """Return what is below the child now; nothing once that has ended."""
        with contextlib.suppress(psutil.Error):
            return {process.pid: process for process in self._child.children(recursive=True)}
        return {}

    def _ours(self, process: psutil.Process) -> bool:
        if self._alone:
            return True
        with contextlib.suppress(psutil.Error):
            return bool(process.environ().get(MARK) == self._mark)
        return False


def children_now() -> set[int]:
    """Return the child processes of this process."""
    with contextlib.suppress(psutil.Error):
        return {process.pid for process in psutil.Process().children(recursive=True)}
    return set()


@contextlib.contextmanager
def adopting_orphans() -> Iterator[None]:
    """Have orphaned descendants come to this process, where the system can: none gets away by forking twice."""
    if not sys.platform.startswith("linux"):
        yield
        return
    prctl = ctypes.CDLL(None).prctl
    before = ctypes.c_int(0)
    prctl(IS_ADOPTING, ctypes.byref(before), 0, 0, 0)
    prctl(ADOPT, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(ADOPT, before.value, 0, 0, 0)


def _runs(process: psutil.Process) -> bool:
    try:
        if process.status() != psutil.STATUS_ZOMBIE:
            return process.is_running()
        with contextlib.suppress(OSError, ValueError):  # an orphan of ours: nobody else waits for it
            os.waitpid(process.pid, os.WNOHANG)
    except psutil.Error:
        pass
    return False
