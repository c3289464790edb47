"""Draws of JAX that nobody dictated, seen where its functions ask for random bits; JAX is loaded by whoever uses it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from pgverify.choices.one_run import ScriptedProgram, one_run
from pgverify.choices.whereabouts_of_draws import OURS, place_of
from pgverify.choices.world import Answers

SOURCES = ("jax._src.random.prng", "jax._src.prng")
"""Where every function of jax.random gets its bits; it has moved between versions."""


def line_of_jax_draw(run: ScriptedProgram, answers: Answers) -> str | None:
    """Return the line at which a run draws by jax.random; None where it does not, and where JAX is not loaded.

    Keys are numbers of the program, so that what is drawn by them leaves no trace: the run is made operation by
    operation, for in a compiled program nothing asks. What it raises is left to whoever runs it next.
    """
    jax: Any = sys.modules.get("jax")
    source: Any = next((sys.modules[name] for name in SOURCES if hasattr(sys.modules.get(name), "random_bits")), None)
    if jax is None or source is None:
        return None
    with _noting(source) as lines, contextlib.suppress(Exception, SystemExit), jax.disable_jit():
        one_run(run, answers)
    return lines[0] if lines else None


@contextlib.contextmanager
def _noting(source: Any) -> Iterator[list[str]]:
    lines: list[str] = []
    bits = source.random_bits

    def noting(*given: Any, **named: Any) -> Any:
        lines.append(place_of(_outside_jax(sys._getframe(1))))
        return bits(*given, **named)

    source.random_bits = noting
    try:
        yield lines
    finally:
        source.random_bits = bits


def _outside_jax(frame: FrameType | None) -> FrameType | None:
    while frame is not None and _passes_on(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def _passes_on(filename: str) -> bool:
    plain = filename.replace("\\", "/")
    return "/jax/" in plain or plain.endswith("/contextlib.py") or filename.startswith(OURS)
