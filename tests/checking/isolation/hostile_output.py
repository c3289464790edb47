"""Functions that flood, spoil or close what is printed, and objects that do their worst when they are read."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

import numpy as np
from hostile_parts import FOREVER, RIGHT


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
    return (2.0 * RIGHT(batch)).view(_Subclass)  # nobody needs to ask it for anything: its numbers are judged


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
    prints_garbage,
    closes_and_exits,
    array_that_exits,
)

HANGS = (
    writes_to_1,
    writes_to_2,
    array_that_hangs,
)

EATS = (
    prints_without_end,
    endless_list,
)

OTHERS = (
    closes_everything,
    replaces_stdout,
    objects_that_exit,
    subclass_that_exits,
    endless_generator,
)
