"""One run of a scripted program: its answers dictated, its result a vector, its failure told with what led there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.choices.whereabouts_of_draws import LIBRARIES, OURS, described_line
from pgverify.choices.world import Answers, Choice, World
from pgverify.errors import InvalidInput, InvalidRun, one_sentence, shortened, shown
from pgverify.validation import Array

ScriptedProgram = Callable[[Any], Any]
"""world -> [d]"""

SHOWN = 4
"""Choices that a message lists from the end of a path."""


@dataclass(frozen=True, eq=False)
class Leaf:
    """A finished run: what it returned, and the draws that led to it.

    Attributes
    ----------
    value : [d]
    draws : tuple of Choice
    single : bool
        Whether the program returned single precision.
    normals : int
        How many of the draws were of normal numbers.
    remarks : tuple of str
        What should be said of it.
    """

    value: Float[Array, "d"]
    draws: tuple[Choice, ...]
    single: bool = False
    normals: int = 0
    remarks: tuple[str, ...] = ()


def one_run(run: ScriptedProgram, answers: Answers) -> Leaf:
    """Return what a program returns where its draws are answered as given.

    Raises
    ------
    InvalidRun
        When it raises, or returns no vector of finite numbers; the message has the choices that led there.
    InvalidInput
        What its world refused.
    """
    world = World(answers)
    try:
        returned = run(world)
    except (Exception, SystemExit) as reason:
        world.close()
        if isinstance(reason, InvalidInput):
            raise
        raise InvalidRun(
            f"run raised {shortened(one_sentence(reason), 300)}{_line(reason)}, {path(world.draws)}"
        ) from reason
    world.close()
    value, single = _vector(returned, world.draws)
    return Leaf(value, tuple(world.draws), single, world.normals, world.remarks)


def path(draws: Sequence[Choice]) -> str:
    """Return the choices that led somewhere, in words."""
    if not draws:
        return "before any choice"
    last = ", then ".join(str(draw) for draw in draws[-SHOWN:])
    return f"after {len(draws)} choice{'' if len(draws) == 1 else 's'}{', last' if len(draws) > SHOWN else ''}: {last}"


def _line(reason: BaseException) -> str:
    """Return where it was raised: the innermost line that is not a library's of numbers, to which it was handed on."""
    lines = [
        (trace.tb_frame.f_code.co_filename, trace.tb_lineno, trace.tb_frame.f_code.co_name)
        for trace in _traced(reason.__traceback__)
    ]
    if not lines:
        return ""
    own = [line for line in lines if not (line[0].startswith(OURS) or any(each in line[0] for each in LIBRARIES))]
    return f" at {described_line(*(own or lines)[-1])}"


def _traced(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _vector(returned: Any, draws: Sequence[Choice]) -> tuple[Float[Array, "d"], bool]:
    if returned is None:
        raise InvalidRun(f"run returned None, must return numbers [d]: a return statement is missing, {path(draws)}")
    try:
        array = np.asarray(returned)
        if np.iscomplexobj(array):
            raise InvalidRun(f"run returned complex numbers, must return real numbers [d], {path(draws)}")
        value = array.astype(np.float64)  # a copy: what the program fills anew in its next run is not kept
    except InvalidRun:
        raise
    except Exception:
        hint = "" if not getattr(returned, "requires_grad", False) else " that are detached: .detach().numpy()"
        raise InvalidRun(f"run returned {shown(returned)}, must return numbers [d]{hint}, {path(draws)}") from None
    if value.ndim != 1 or value.size == 0:
        raise InvalidRun(f"run returned shape {value.shape}, must return real numbers [d], d at least 1, {path(draws)}")
    if not np.isfinite(value).all():
        index = int(np.argmin(np.isfinite(value)))
        raise InvalidRun(f"run returned {value[index]} in entry {index}, must return finite numbers, {path(draws)}")
    return value, array.dtype.kind == "f" and array.dtype.itemsize < 8
