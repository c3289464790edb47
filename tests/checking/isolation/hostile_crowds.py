"""Functions that leave ever more threads and processes behind, or fail slowly, call after call."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from hostile_parts import RIGHT


def leaves_threads(batch: Any) -> Any:
    for _ in range(20):
        threading.Thread(target=time.sleep, args=(300.0,)).start()
    return 2.0 * RIGHT(batch)


def leaves_copies(batch: Any) -> Any:
    for _ in range(3):
        os.fork()
    return 2.0 * RIGHT(batch)


def leaves_sleepers(batch: Any) -> Any:
    for _ in range(4):
        if os.fork() == 0:
            time.sleep(300.0)
            os._exit(0)
    return 2.0 * RIGHT(batch)


def fails_slowly(batch: Any) -> Any:
    until = time.process_time() + 0.4
    while time.process_time() < until:
        pass
    raise OSError("too many open files")


OTHERS = (
    leaves_threads,
    leaves_copies,
    leaves_sleepers,
    fails_slowly,
)
