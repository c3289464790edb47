"""Random bytes of the operating system, seen where Python asks for them: they come anew in every run."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from pgverify.choices.made_generators import of_python
from pgverify.choices.whereabouts_of_draws import OURS, place_of

SOURCES = (("os", "urandom"), ("os", "getrandom"), ("random", "_urandom"))
"""Behind `secrets`, `uuid`, `random.SystemRandom`, and NumPy's generators that are made without a seed."""


@contextlib.contextmanager
def noting_entropy() -> Iterator[list[str]]:
    """Yield a list that takes the line that asks, whenever random bytes of the system are asked for."""
    lines: list[str] = []
    held = [(sys.modules[module], name) for module, name in SOURCES if hasattr(sys.modules[module], name)]
    before = [getattr(module, name) for module, name in held]
    begin = random.Random.__init__

    def noting(source: Callable[..., Any]) -> Callable[..., Any]:
        def ask(*given: Any, **named: Any) -> Any:
            if not of_python(sys._getframe(1)):
                lines.append(_line_that_asks(sys._getframe(1)))
            return source(*given, **named)

        return ask

    def seeded(self: random.Random, x: Any = None) -> None:
        if x is None and not of_python(sys._getframe(1)):
            lines.append(_line_that_asks(sys._getframe(1)))
        begin(self, x)

    for (module, name), source in zip(held, before, strict=True):
        setattr(module, name, noting(source))
    random.Random.__init__ = seeded  # type: ignore[method-assign]
    try:
        yield lines
    finally:
        for (module, name), source in zip(held, before, strict=True):
            setattr(module, name, source)
        random.Random.__init__ = begin  # type: ignore[method-assign]


def _line_that_asks(frame: FrameType | None) -> str:
    """Return the line outside of Python's own modules, through which `secrets` and `uuid` ask."""
    first = frame
    while frame is not None and (frame.f_code.co_filename.startswith(OURS) or _root(frame) in sys.stdlib_module_names):
        frame = frame.f_back
    return place_of(first if frame is None else frame)


def _root(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
