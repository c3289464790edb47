"""Functions that end their process, or try to leave their call by an exception."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
import threading
import time
from typing import Any

from hostile_parts import RIGHT, C


def os_exit_0(batch: Any) -> Any:
    os._exit(0)


def os_exit_1(batch: Any) -> Any:
    os._exit(1)


def os_exit_3(batch: Any) -> Any:
    os._exit(3)


def os_exit_later(batch: Any) -> Any:
    if len(batch) == 1 and batch.actions[0].tolist() == [1, 1, 1]:
        os._exit(0)
    return RIGHT(batch)


def os_exit_in_a_thread(batch: Any) -> Any:
    threading.Thread(target=lambda: os._exit(0)).start()
    time.sleep(5.0)


def c_exit_0(batch: Any) -> Any:
    C.exit(0)


def c_quick_exit(batch: Any) -> Any:
    C._exit(0)


def abort(batch: Any) -> Any:
    os.abort()


def segfault(batch: Any) -> Any:
    faulthandler.disable()
    ctypes.string_at(0)


def stack_overflow_in_c(batch: Any) -> Any:
    sys.setrecursionlimit(10**9)
    nested: Any = []
    for _ in range(10**6):
        nested = [nested]
    repr(nested)
    os._exit(0)


def kill_oneself(batch: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def terminate_oneself(batch: Any) -> Any:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5.0)


def kill_the_group(batch: Any) -> Any:
    os.killpg(0, signal.SIGKILL)


def stop_oneself(batch: Any) -> Any:
    os.kill(os.getpid(), signal.SIGSTOP)


def exec_true(batch: Any) -> Any:
    os.execvp("true", ["true"])


def sys_exit_0(batch: Any) -> Any:
    sys.exit(0)


def system_exit(batch: Any) -> Any:
    raise SystemExit


def keyboard_interrupt(batch: Any) -> Any:
    raise KeyboardInterrupt


def generator_exit(batch: Any) -> Any:
    raise GeneratorExit


def interrupt_oneself(batch: Any) -> Any:
    os.kill(os.getpid(), signal.SIGINT)
    return 2.0 * RIGHT(batch)


class _Unspeakable(Exception):
    def __str__(self) -> str:
        os._exit(0)


def exception_that_exits(batch: Any) -> Any:
    raise _Unspeakable


def recursion(batch: Any) -> Any:
    return recursion(batch)


def endless_recursion(batch: Any) -> Any:
    sys.setrecursionlimit(10**9)
    return recursion(batch)


ENDS = (
    os_exit_0,
    os_exit_1,
    os_exit_3,
    os_exit_later,
    os_exit_in_a_thread,
    c_exit_0,
    c_quick_exit,
    abort,
    segfault,
    kill_oneself,
    terminate_oneself,
    kill_the_group,
    exec_true,
    exception_that_exits,
)

HANGS = (stop_oneself,)

OTHERS = (
    stack_overflow_in_c,
    sys_exit_0,
    system_exit,
    keyboard_interrupt,
    generator_exit,
    interrupt_oneself,
    recursion,
    endless_recursion,
)
