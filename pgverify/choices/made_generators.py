"""Generators that are made while a program runs."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np

from pgverify.choices.generators import state_of
from pgverify.choices.stand_ins import replaced_everywhere, stand_in
from pgverify.choices.whereabouts_of_draws import CHECKS, OURS, PACKAGE


@contextlib.contextmanager
def noting_what_is_made() -> Iterator[list[tuple[Any, Any]]]:
    """Yield a list that takes every generator of NumPy and of `random` that is made, or copied, with its first state.

    Those that Python makes for itself, as for names of files, are left out.
    """
    made: list[tuple[Any, Any]] = []
    noting = {name: _noting(getattr(np.random, name), made) for name in ("default_rng",)}
    noting |= {
        name: stand_in(getattr(np.random, name), _noting(getattr(np.random, name), made))
        for name in ("Generator", "RandomState")
    }
    with replaced_everywhere(np.random, noting), _noting_python(made):
        yield made


def _noting(maker: Callable[..., Any], made: list[tuple[Any, Any]]) -> Callable[..., Any]:
    def make(*given: Any, **named: Any) -> Any:
        generator = maker(*given, **named)
        if not (given and generator is given[0]):  # default_rng(generator) makes none
            bits = getattr(generator, "bit_generator", None) or generator._bit_generator
            if isinstance(bits, np.random.BitGenerator):
                made.append((bits, state_of(bits)))
        return generator

    return make


@contextlib.contextmanager
def _noting_python(made: list[tuple[Any, Any]]) -> Iterator[None]:
    begin = random.Random.__init__

    def noting(self: random.Random, *given: Any, **named: Any) -> None:
        begin(self, *given, **named)
        maker: FrameType | None = sys._getframe(1)
        while maker is not None and maker.f_code.co_filename.startswith(CHECKS):
            maker = maker.f_back
        ours = maker is not None and maker.f_code.co_filename.startswith(PACKAGE)  # a walk has some of its own
        if not (ours or of_python(maker)):
            made.append((self, state_of(self)))

    random.Random.__init__ = noting  # type: ignore[method-assign]
    try:
        yield
    finally:
        random.Random.__init__ = begin  # type: ignore[method-assign]


def of_python(frame: FrameType | None) -> bool:
    """Return whether a frame, or the first around it that is not ours, is of a module of Python that draws for itself.

    So does what is made while a module is imported: that happens in one run alone.
    """
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    root = str(frame.f_globals.get("__name__", "")).partition(".")[0] if frame is not None else ""
    if root in sys.stdlib_module_names and root not in ("random", "secrets", "uuid", "copy", "copyreg"):
        return True
    while frame is not None and not frame.f_code.co_filename.startswith(OURS):
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
