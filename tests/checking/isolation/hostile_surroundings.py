"""Functions that leave something behind: processes, threads, and other values where others rely on them."""

from __future__ import annotations

import atexit
import builtins
import gc
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
from hostile_parts import RIGHT


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


ENDS = (
    forks_and_hangs,
    daemon,
    nameless_daemon,
    collector_exits,
    tracer_exits,
)

HANGS = (
    patches_time,
    patches_signals,
)

OTHERS = (
    forks,
    threads_left_running,
    busy_thread,
    patches_numpy,
    patches_builtins,
    patches_json,
    patches_exit,
    atexit_hangs,
    atexit_ends_well,
    no_files_any_more,
    umask_of_nothing,
    gone_from_the_folder,
)
