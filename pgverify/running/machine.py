"""What the last bits of a sum depend on beside the versions: the linear-algebra kernel and its threads.

Both belong to the machine and not to the study, so they are no part of the fingerprint: they are kept with each cell.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

from pgverify.counts import counted


class _Threads:
    """One thread for linear algebra while any cell is computed in this process, and then as many as before."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.cells = 0
        self.stack = ExitStack()


_THREADS = _Threads()
"""Of the process, as the thread pools of its libraries are."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let linear algebra use one thread, in whatever process: the order of a sum depends on their number."""
    with _THREADS.lock:
        _THREADS.cells += 1
        if _THREADS.cells == 1:
            controller = _controller(_loaded())
            if controller is not None:
                _THREADS.stack.enter_context(controller.limit(limits=1))
    try:
        yield
    finally:
        with _THREADS.lock:
            _THREADS.cells -= 1
            if not _THREADS.cells:
                _THREADS.stack.close()


def machine() -> str:
    """Return kernel, threads and vector instructions in use, as in "openblas Haswell, 1 thread; X86_V3"."""
    controller = _controller(_loaded())
    if controller is None:
        return f"kernel unknown (threadpoolctl is not installed), {_instructions()}"
    # The versions of the libraries that come with NumPy and SciPy are fixed by theirs; the kernel they chose is not.
    pools = {(pool["internal_api"], pool.get("architecture", ""), pool["num_threads"]) for pool in controller.info()}
    said = [
        f"{' '.join(filter(None, (library, kernel)))}, {counted(number, 'thread')}"
        for library, kernel, number in sorted(pools)
    ]
    return "; ".join([*said, _instructions()])


def _loaded() -> int:
    """Return a number that changes when a library with threads of its own was loaded since."""
    import sys

    return sum(name in sys.modules for name in ("numpy", "scipy.linalg", "torch", "jax", "numba", "sklearn"))


@cache
def _controller(loaded: int) -> Any:  # noqa: ARG001, another number asks anew
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


@cache
def _instructions() -> str:
    """Return the widest vector instructions that NumPy uses here."""
    import numpy as np

    found: Any = np.show_config(mode="dicts")
    known = found.get("SIMD Extensions", {})
    widest = [*known.get("baseline", ()), *known.get("found", ())]
    return str(widest[-1]) if widest else "no vector instructions"
