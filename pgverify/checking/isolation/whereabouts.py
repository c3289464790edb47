"""Where a check is: written down in shared memory before each call, for whoever finds the process ended or stuck.

A call takes some 200 µs, so a note may take a few: it is bytes, which are put into words by the one reader who asks.
"""

from __future__ import annotations

import mmap
import struct
import time
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

from pgverify.checking.calling.in_words import SHOWN, PlainTrajectory, batch_in_words

NOTE_BYTES = 1 << 16
PLACE = struct.Struct("<BxxxIIIQddd")  # what is done, problems done and in all, -, calls, when it began, limit
NAME, LONGEST_NAME = 64, 192
INPUT = struct.Struct("<IIIHcc")  # trajectories, of them shown, steps, length of the text, kinds of states and actions
SHAPE, LENGTHS, DATA = 320, 352, 384

KINDS = {"i8": b"q", "i4": b"i", "f8": b"d", "f4": b"f"}
"""Kinds of numbers as NumPy and as `struct` call them."""


class Doing(IntEnum):
    """What the process of a check is doing."""

    STARTING = 0
    IMPORTING = 1
    JUDGING = 2
    CALLING = 3
    DONE = 4


@dataclass(frozen=True)
class Whereabouts:
    """Where a check is.

    Attributes
    ----------
    doing : Doing
    problem : str
        Of the last call; empty before the first.
    number, of : int
        The last problem of the suite that was begun, counted from 1, and how many there are.
    calls : int
        Begun so far.
    began, work : float
        `time.monotonic()` and the processor time of the process when it began doing this.
    limit : float
        Seconds for the call.
    given : str
        What the function was last called with, in words.
    """

    doing: Doing
    problem: str = ""
    number: int = 0
    of: int = 0
    calls: int = 0
    began: float = 0.0
    work: float = 0.0
    limit: float = 0.0
    given: str = ""


class Notebook:
    """The writer's side: a file in memory, which stays although the process ends.

    Parameters
    ----------
    path : Path
        A file of `NOTE_BYTES` bytes.
    """

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(0, 2)  # the memory keeps a descriptor: what somebody writes to it comes after what is read
            self._memory = mmap.mmap(file.fileno(), NOTE_BYTES)
        self._calls = self._number = self._of = 0

    def doing(self, what: Doing, limit: float = 0.0) -> None:
        """Write down what begins now."""
        PLACE.pack_into(
            self._memory, 0, what, self._number, self._of, 0, self._calls, time.monotonic(), time.process_time(), limit
        )

    def on(self, problem: str, number: int, of: int) -> None:
        """Write down the problem of the calls that follow."""
        text = problem.encode()[:LONGEST_NAME]
        self._number, self._of = max(number, self._number), of
        self._memory[NAME : NAME + len(text) + 1] = text + b"\0"

    def calling(self, batch: Any, count: int, limit: float) -> None:
        """Write down a call that begins: with a batch, or, where that is None, for so many estimates."""
        self._calls += 1
        shown, steps, kinds, data = 0, 0, (b"q", b"q"), b""
        if batch is not None and batch.actions.shape[1] * SHOWN * 3 * 8 < NOTE_BYTES - 2 * DATA:
            shown, steps = min(SHOWN, count), batch.actions.shape[1]
            actions = batch.actions if batch.actions.ndim == 2 else batch.actions[:, :, 0]  # a note: one number a step
            rows = batch.states[:shown], actions[:shown], batch.rewards[:shown]
            kinds = KINDS[rows[0].dtype.str[1:]], KINDS[rows[1].dtype.str[1:]]
            data = b"".join([row.tobytes() for row in rows])
            lengths = batch.lengths[:shown].astype("<u8").tobytes()
            self._memory[LENGTHS : LENGTHS + len(lengths)] = lengths
        INPUT.pack_into(self._memory, SHAPE, count, shown, steps, 0, *kinds)
        self._memory[DATA : DATA + len(data)] = data
        self.doing(Doing.CALLING, limit)


def glance(path: Path) -> Whereabouts:
    """Return what a notebook says, without what the function was called with."""
    try:
        with path.open("rb", buffering=0) as file:
            return _place(file.read(SHAPE))
    except (OSError, ValueError, struct.error):
        return Whereabouts(Doing.STARTING)


def read_whereabouts(path: Path) -> Whereabouts:
    """Return what a notebook says; what cannot be read, because somebody wrote over it, is left out."""
    try:
        page = path.read_bytes()
        where = _place(page)
        return replace(where, given=_given(page)) if where.calls else where
    except (OSError, ValueError, struct.error):
        return Whereabouts(Doing.STARTING)


def _place(page: bytes) -> Whereabouts:
    doing, number, of, _, calls, began, work, limit = PLACE.unpack_from(page)
    problem = page[NAME : NAME + LONGEST_NAME].split(b"\0")[0].decode(errors="replace")
    return Whereabouts(Doing(doing), problem, number, of, calls, began, work, limit)


def _given(page: bytes) -> str:
    count, shown, steps, _, *kinds = INPUT.unpack_from(page, SHAPE)
    if not shown:
        return f"{count} trajectories"
    lengths = struct.unpack_from(f"<{shown}Q", page, LENGTHS)
    place, columns = DATA, []
    for kind, width in ((kinds[0], steps + 1), (kinds[1], steps), (b"d", steps)):
        layout = struct.Struct(f"={width}{kind.decode()}")
        columns.append([layout.unpack_from(page, place + row * layout.size) for row in range(shown)])
        place += shown * layout.size
    first: list[PlainTrajectory] = []
    for length, states, actions, rewards in zip(lengths, *columns, strict=True):
        first.append((states[: length + 1], actions[:length], rewards[:length]))
    return batch_in_words(first, count)
