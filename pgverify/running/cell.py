"""One cell, computed wherever it is: whatever its code raises is this cell's failure and nobody else's."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from pgverify.errors import one_sentence
from pgverify.running.machine import machine, one_thread
from pgverify.running.rows import printable, rows_as_text
from pgverify.running.source import StudySource, WrongWorker, require_unchanged, study_of
from pgverify.studies import Cell


@dataclass(frozen=True)
class CellResult:
    """What became of a cell.

    Attributes
    ----------
    rows : str, optional
        The rows as JSON, or None for a failure.
    error : str, optional
        Why there are none, in one sentence.
    machine : str
        Kernel and threads it was computed with.
    """

    rows: str | None
    error: str | None = None
    machine: str = ""


def compute_cell(source: StudySource, cell: Cell) -> CellResult:
    """Return the rows of a cell, or the reason why there are none: not every exception survives a process.

    Raises
    ------
    KeyboardInterrupt
        Only when somebody pressed Ctrl-C: one that the study raises is the cell's failure.
    WrongWorker
        When this machine could not give the same bits: the run ends, for the cell is not to blame.
    """
    with _interrupts() as pressed:
        try:
            study = study_of(source)
            with one_thread():
                found = study.run(dict(cell.parameters), cell.seed)
                if pressed.really:  # the study caught it; it was meant for the run
                    raise KeyboardInterrupt
                require_unchanged(source)
                return CellResult(rows_as_text(found), None, machine())
        except WrongWorker:
            raise
        except BaseException as error:  # SystemExit and the like must not end the run
            if isinstance(error, KeyboardInterrupt) and pressed.really:
                raise
            return CellResult(None, reason(error))


def reason(error: BaseException) -> str:
    """Return an exception in one sentence that can be written down, even if it cannot say what it is."""
    return printable(one_sentence(error))


@dataclass
class _Pressed:
    """Whether Ctrl-C came while a cell was computed."""

    really: bool = field(default=False)


@contextmanager
def _interrupts() -> Iterator[_Pressed]:
    """Tell a Ctrl-C from a KeyboardInterrupt that the study raises; workers hear of no Ctrl-C at all."""
    pressed = _Pressed()
    here = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not here or not callable(before):  # ignored, as in workers
        yield pressed
        return

    def note(number: int, frame: FrameType | None) -> None:
        pressed.really = True
        before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
