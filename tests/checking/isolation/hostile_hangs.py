"""Functions that do not come back."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from typing import Any

import numpy as np
from hostile_parts import FOREVER


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


HANGS = (
    busy,
    busy_in_c,
    busy_in_numpy,
    busy_with_signals_blocked,
    asleep_with_signals_blocked,
    asleep,
    asleep_in_c,
    swallows_everything,
    alarm_ignored,
    deadlock,
    reads_a_pipe,
)

OTHERS = (waits_for_input,)
