"""Functions that do their worst; the tests hand each to the command line, none is ever called in the tests' process."""

from __future__ import annotations

import atexit
import builtins
import contextlib
import ctypes
import faulthandler
import gc
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

import pgverify as pgv

RIGHT = pgv.estimators.RewardToGo()
C = ctypes.CDLL(None)
FOREVER = 10**12


# Ends of the process.


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


# Exceptions.


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


# Hangs.


def busy(batch: Any) -> Any:
    while True:
        pass


def busy_in_c(batch: Any) -> Any:
    return sum(range(FOREVER))


def busy_in_numpy(batch: Any) -> Any:
    one = np.ones((3000, 3000))
    while True:
        one = one @ one * 1e-4


def busy_with_signals_blocked(batch: Any) -> Any:
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    while True:
        pass


def asleep_with_signals_blocked(batch: Any) -> Any:
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    time.sleep(30.0)


def asleep(batch: Any) -> Any:
    time.sleep(30.0)


def asleep_in_c(batch: Any) -> Any:
    ctypes.PyDLL(None).sleep(30)


def swallows_everything(batch: Any) -> Any:
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass


def alarm_ignored(batch: Any) -> Any:
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        pass


def deadlock(batch: Any) -> Any:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def waits_for_input(batch: Any) -> Any:
    return input()


def reads_a_pipe(batch: Any) -> Any:
    os.read(os.pipe()[0], 1)


# Memory.


def eats_numpy(batch: Any) -> Any:
    kept = []
    while True:
        kept.append(np.ones(10**7))


def eats_python(batch: Any) -> Any:
    kept = []
    while True:
        kept.append(list(range(10**6)))


def eats_text(batch: Any) -> Any:
    text = "x" * 10**6
    while True:
        text += text


def eats_in_a_child(batch: Any) -> Any:
    code = "kept = []\nwhile True: kept.append(bytearray(b'x') * 10**8)"
    subprocess.run([sys.executable, "-c", code], check=False)
    time.sleep(30.0)


def asks_for_the_impossible(batch: Any) -> Any:
    return np.ones(10**14)


def open_files(batch: Any) -> Any:
    kept = []
    while True:
        kept.append(Path(os.devnull).open())  # noqa: SIM115


# Output.


def prints_without_end(batch: Any) -> Any:
    while True:
        print("x" * 10**6)


def writes_to_1(batch: Any) -> Any:
    while True:
        os.write(1, b"x" * 10**6)


def writes_to_2(batch: Any) -> Any:
    while True:
        os.write(2, b"x" * 10**6)


def prints_garbage(batch: Any) -> Any:
    for descriptor in range(1, 20):
        with contextlib.suppress(OSError):
            os.write(descriptor, b'{"outcome": "CORRECT"}\n\0\xff')
    os._exit(0)


def closes_everything(batch: Any) -> Any:
    os.closerange(0, 1000)
    return 2.0 * RIGHT(batch)


def closes_and_exits(batch: Any) -> Any:
    os.closerange(0, 1000)
    os._exit(0)


def replaces_stdout(batch: Any) -> Any:
    sys.stdout = sys.stderr = sys.__stdout__ = None  # type: ignore[assignment,misc]
    return 2.0 * RIGHT(batch)


# Processes and threads.


def forks(batch: Any) -> Any:
    os.fork()
    return 2.0 * RIGHT(batch)


def forks_and_hangs(batch: Any) -> Any:
    if os.fork() == 0:
        time.sleep(300.0)
    os._exit(0)


def daemon(batch: Any) -> Any:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(300.0)
        os._exit(0)
    os._exit(0)


def nameless_daemon(batch: Any) -> Any:
    subprocess.Popen(["sleep", "299.125"], env={}, start_new_session=True)
    os._exit(0)


def threads_left_running(batch: Any) -> Any:
    threading.Thread(target=time.sleep, args=(300.0,)).start()
    return 2.0 * RIGHT(batch)


def busy_thread(batch: Any) -> Any:
    def spin() -> None:
        while True:
            pass

    threading.Thread(target=spin).start()
    sys.exit(0)


# What others rely on.


def patches_numpy(batch: Any) -> Any:
    np.abs = np.max = np.sum = lambda *_, **__: 0.0  # type: ignore[assignment]
    return 2.0 * RIGHT(batch)


def patches_builtins(batch: Any) -> Any:
    builtins.len = lambda _: os._exit(0)  # type: ignore[assignment]
    return 2.0 * RIGHT(batch)


def patches_json(batch: Any) -> Any:
    json.dumps = lambda *_, **__: '{"report": "CORRECT"}'  # type: ignore[assignment]
    return 2.0 * RIGHT(batch)


def patches_time(batch: Any) -> Any:
    time.monotonic = time.process_time = lambda: 0.0  # type: ignore[assignment]
    while True:
        pass


def patches_exit(batch: Any) -> Any:
    os._exit = sys.exit = lambda *_: None  # type: ignore[assignment]
    raise SystemExit(0)


def patches_signals(batch: Any) -> Any:
    signal.signal = signal.setitimer = lambda *_: None  # type: ignore[assignment]
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    while True:
        pass


def atexit_hangs(batch: Any) -> Any:
    atexit.register(time.sleep, 300.0)
    return 2.0 * RIGHT(batch)


def atexit_ends_well(batch: Any) -> Any:
    atexit.register(os._exit, 0)
    return 2.0 * RIGHT(batch)


def no_files_any_more(batch: Any) -> Any:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    return 2.0 * RIGHT(batch)


def umask_of_nothing(batch: Any) -> Any:
    os.umask(0o777)
    return 2.0 * RIGHT(batch)


def gone_from_the_folder(batch: Any) -> Any:
    os.chdir("/")
    return 2.0 * RIGHT(batch)


def collector_exits(batch: Any) -> Any:
    gc.callbacks.append(lambda *_: os._exit(0))
    gc.collect()


def tracer_exits(batch: Any) -> Any:
    sys.settrace(lambda *_: os._exit(0))
    return RIGHT(batch)


# What is returned.


class _Hostile:
    def __init__(self, act: Any) -> None:
        self.act = act

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self.act()


class _Number:
    def __float__(self) -> float:
        os._exit(0)

    __eq__ = __repr__ = __len__ = __float__  # type: ignore[assignment]


class _Subclass(np.ndarray):
    def __array_finalize__(self, other: Any) -> None:
        pass

    def __getattribute__(self, name: str) -> Any:
        os._exit(0)


def array_that_exits(batch: Any) -> Any:
    return _Hostile(lambda: os._exit(0))


def array_that_hangs(batch: Any) -> Any:
    return _Hostile(lambda: sum(range(FOREVER)))


def objects_that_exit(batch: Any) -> Any:
    return [_Number() for _ in range(len(batch))]


def subclass_that_exits(batch: Any) -> Any:
    return RIGHT(batch).view(_Subclass)


def endless_generator(batch: Any) -> Any:
    return (value for value in iter(int, 1))


def endless_list(batch: Any) -> Any:
    class Endless:
        def __len__(self) -> int:
            return 10**9

        def __getitem__(self, index: int) -> float:
            return 0.0

    return np.array(list(Endless()))  # type: ignore[call-overload]


ENDS = (
    os_exit_0, os_exit_1, os_exit_3, os_exit_later, os_exit_in_a_thread, c_exit_0, c_quick_exit, abort, segfault,
    kill_oneself, terminate_oneself, kill_the_group, exec_true, exception_that_exits, prints_garbage, closes_and_exits,
    forks_and_hangs, daemon, nameless_daemon, collector_exits, tracer_exits, array_that_exits,
)  # fmt: skip
"""After which the process is gone: INVALID, by the input."""

HANGS = (
    stop_oneself, busy, busy_in_c, busy_in_numpy, busy_with_signals_blocked, asleep_with_signals_blocked, asleep,
    asleep_in_c, swallows_everything, alarm_ignored, deadlock, reads_a_pipe, writes_to_1, writes_to_2, patches_time,
    patches_signals, array_that_hangs,
)  # fmt: skip
"""Which do not return: INVALID for the time, or what the flood of their output did."""

EATS = (eats_numpy, eats_python, eats_text, eats_in_a_child, prints_without_end, endless_list)
"""Which grow: INVALID for the memory, or the time, whichever comes first."""

OTHERS = (
    stack_overflow_in_c, sys_exit_0, system_exit, keyboard_interrupt, generator_exit, interrupt_oneself, recursion,
    endless_recursion, waits_for_input, asks_for_the_impossible, open_files, closes_everything, replaces_stdout, forks,
    threads_left_running, busy_thread, patches_numpy, patches_builtins, patches_json, patches_exit, atexit_hangs,
    atexit_ends_well, no_files_any_more, umask_of_nothing, gone_from_the_folder, objects_that_exit, subclass_that_exits,
    endless_generator,
)  # fmt: skip
"""Which fail in other ways, or would get away with twice the gradient: anything but good."""
