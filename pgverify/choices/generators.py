"""The generators of random numbers that a process holds, and the states they are in."""

from __future__ import annotations

import gc
import random
import sys
import tempfile
from collections.abc import Iterable
from typing import Any

import numpy as np

KINDS = (np.random.BitGenerator, random.Random)
"""What draws: the generators of NumPy, old and new, have a bit generator each."""


NAMES: Any = getattr(tempfile, "_RandomNameSequence", None)
"""What makes up names: of temporary files, and of locks."""


def living_generators() -> list[Any]:
    """Return the generators that the garbage collector knows, whoever holds them.

    Those that only make up names, of temporary files and of the locks of multiprocessing, are none. After `gc.freeze`
    the collector tells nothing of what was there before: the generators that everybody has are known all the same.
    """
    known = gc.get_objects()
    names = {id(getattr(thing, "_rng", None)) for thing in (*known, *_naming()) if type(thing) is NAMES}
    living = [thing for thing in known if issubclass(type(thing), KINDS) and id(thing) not in names]
    return living if gc.get_freeze_count() == 0 else _with(living, _everybodys())


def _everybodys() -> tuple[Any, ...]:
    return np.random.mtrand._rand._bit_generator, random._inst


def _naming() -> list[Any]:
    """Return what makes up names of temporary files, and of locks, where there is any."""
    locks = getattr(sys.modules.get("multiprocessing.synchronize"), "SemLock", None)
    return [getattr(tempfile, "_name_sequence", None), getattr(locks, "_rand", None)]


def _with(living: list[Any], further: Iterable[Any]) -> list[Any]:
    seen = {id(one) for one in living}
    return [*living, *(one for one in further if id(one) not in seen)]


def state_of(generator: Any) -> Any:
    """Return the state of a generator as something that can be compared; None where it has none, as the system's."""
    try:
        return generator.getstate() if isinstance(generator, random.Random) else _plain(generator.state)
    except Exception:  # of somebody's own class, or one that asks the operating system
        return None


def states_of(generators: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Return generators with the states they are in."""
    return [(generator, state_of(generator)) for generator in generators]


def described_generator(generator: Any) -> str:
    """Return what a generator is, in words."""
    if generator is np.random.mtrand._rand._bit_generator:
        return "numpy.random's global generator"
    if generator is random._inst:
        return "Python's random module"
    return f"a generator of type {type(generator).__name__}"


def _plain(state: Any) -> Any:
    if isinstance(state, dict):
        return tuple((name, _plain(value)) for name, value in state.items())
    return state.tobytes() if isinstance(state, np.ndarray) else state
