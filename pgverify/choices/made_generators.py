"""Generators that are made while a program runs."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pgverify.choices.generators import state_of


@contextlib.contextmanager
def noting_what_is_made() -> Iterator[list[tuple[Any, Any]]]:
    """Yield a list that takes every generator made by `numpy.random.default_rng`, with its first state.

    The function is replaced in every module that holds it, under whatever name.
    """
    made: list[tuple[Any, Any]] = []
    original = np.random.default_rng
    substitute = _noting(original, made)
    replaced: list[tuple[dict[str, Any], str]] = []
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        if type(names) is dict and not str(names.get("__name__", "")).startswith("pgverify."):
            replaced += [(names, name) for name, value in list(names.items()) if value is original]
    for names, name in replaced:
        names[name] = substitute
    try:
        yield made
    finally:
        for names, name in replaced:
            names[name] = original


def _noting(maker: Callable[..., Any], made: list[tuple[Any, Any]]) -> Callable[..., Any]:
    def make(*given: Any, **named: Any) -> Any:
        generator = maker(*given, **named)
        if not (given and generator is given[0]):  # default_rng(generator) makes none
            made.append((generator.bit_generator, state_of(generator.bit_generator)))
        return generator

    return make
