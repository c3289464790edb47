"""What a function may change around it that outlives its call: noted before a check, put back after, and reported."""

from __future__ import annotations

import builtins
import contextlib
import decimal
import json
import locale
import math
import operator
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pgverify.checking.calling.alarm import handler_of

NUMBERS = (np, np.linalg, np.random, builtins, math)
"""What verdicts are computed with."""

OTHERS = (json, os, signal, sys, threading, time, random)
"""What others rely on to be what it was."""

MAY_CHANGE = ("stdin", "stdout", "stderr", "path", "meta_path", "path_hooks", "argv", "last_")
"""Names of `sys` that are no functions, or are told by themselves."""


SIGNALS = tuple(int(number) for number in signal.valid_signals() if number != getattr(signal, "SIGALRM", None))
"""Numbers of the signals whose handlers are looked after: as members of an enumeration they would take longer."""


@dataclass(frozen=True)
class Changes:
    """What was changed.

    Attributes
    ----------
    deciding : tuple of str
        Functions that were replaced, with which verdicts are computed.
    others : tuple of str
        The rest, in words.
    """

    deciding: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class Surroundings:
    """The state of the process as it is when this is made."""

    def __init__(self) -> None:
        self._names = [(module, dict(vars(module))) for module in (*NUMBERS, *OTHERS)]
        self._numbers = random.getstate(), np.random.get_state()  # noqa: NPY002
        self._context = decimal.getcontext().copy()
        self._modules = dict(sys.modules)
        self._filters = [*warnings.filters]
        self._state = {what: read() for what, (read, _) in STATE.items()}

    def restored(self) -> Changes:
        """Put back everything that was changed since, and return what it was."""
        functions, changed = [], []
        for module, known in self._names:
            now = vars(module)
            if _same_objects(now, known):
                continue
            for name, value in _functions_of(known).items():
                if now.get(name) is not value:
                    setattr(module, name, value)
                    functions.append(f"{module.__name__}.{name}")
        for what, (read, write) in STATE.items():
            before = self._state[what]
            with contextlib.suppress(Exception):  # what cannot be read or put back is no reason to have no report
                if read() != before:
                    changed.append(what)
                    write(before)
        if repr(decimal.getcontext()) != repr(self._context):
            changed.append("the context of decimal")
            decimal.setcontext(self._context)
        if not _same_objects(sys.modules, self._modules):
            changed.append("sys.modules")
            sys.modules.update(self._modules)
        if warnings.filters != self._filters:
            warnings.filters[:] = self._filters  # type: ignore[index]
        random.setstate(self._numbers[0])
        np.random.set_state(self._numbers[1])  # noqa: NPY002
        decisive = {module.__name__ for module in NUMBERS}
        deciding = tuple(name for name in functions if name.rpartition(".")[0] in decisive)
        return Changes(deciding, (*(name for name in functions if name not in deciding), *changed))


def _same_objects(
    now: Mapping[str, Any],
    before: Mapping[str, Any],
    every: Callable[..., bool] = all,
    each: Callable[..., Any] = map,
    same: Callable[..., bool] = operator.is_,
) -> bool:
    """Return whether every name still stands for the same object: of thousands of names hardly one ever does not.

    What it is computed with is bound here, for somebody may have replaced just these.
    """
    return every(each(same, before.values(), each(now.get, before)))


def _functions_of(names: Mapping[str, Any]) -> dict[str, Any]:
    public = {name: value for name, value in names.items() if callable(value) and not name.startswith("__")}
    return {name: value for name, value in public.items() if not name.startswith(MAY_CHANGE)}


def _handlers() -> dict[int, Any]:
    """Return the handlers of signals, but of the alarm, which is our own."""
    found = {number: handler_of(number) for number in SIGNALS}
    return {number: handler for number, handler in found.items() if handler is not None}


def _set_handlers(before: dict[int, Any]) -> None:
    for number, handler in before.items():
        if handler_of(number) is not handler:
            with contextlib.suppress(OSError, ValueError):  # not in this thread, or not this signal
                signal.signal(number, handler)


def _blocked() -> frozenset[int]:
    return (
        frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, set()))
        if hasattr(signal, "pthread_sigmask")
        else frozenset()
    )


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _set_environment(before: dict[str, str]) -> None:
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


def _set_path(before: list[str]) -> None:
    sys.path[:] = before


def _set_streams(before: tuple[Any, ...]) -> None:
    sys.stdin, sys.stdout, sys.stderr = before


STATE: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "the working directory": (os.getcwd, os.chdir),
    "the recursion limit": (sys.getrecursionlimit, sys.setrecursionlimit),
    "the trace function": (sys.gettrace, sys.settrace),
    "the profile function": (sys.getprofile, sys.setprofile),
    "the error handling of NumPy": (np.geterr, lambda before: np.seterr(**before)),
    "the handlers of signals": (_handlers, _set_handlers),
    "the mask of signals": (_blocked, lambda before: signal.pthread_sigmask(signal.SIG_SETMASK, before)),
    "environment variables": (lambda: dict(os.environ), _set_environment),
    "sys.path": (lambda: [*sys.path], _set_path),
    "the locale": (lambda: locale.setlocale(locale.LC_ALL), lambda before: locale.setlocale(locale.LC_ALL, before)),
    "standard input or output": (lambda: (sys.stdin, sys.stdout, sys.stderr), _set_streams),
    "the umask": (_umask, os.umask),
}
"""What is compared, and how it is read and put back."""
