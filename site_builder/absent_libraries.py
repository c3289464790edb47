"""Stand-ins for libraries that are too heavy to be installed for the sake of the docstrings that mention them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any

HEAVY = ("torch", "jax")
INNER = ("numpy", "nn", "func", "tree_util", "random", "flatten_util", "experimental")
"""Modules of theirs that may be imported by name."""


class StandIn(ModuleType):
    """A module that has whatever is asked of it, and can be called, used as a decorator, or inherited from."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        inner = StandIn(f"{self.__name__}.{name}")
        setattr(self, name, inner)
        return inner

    def __call__(self, *given: Any, **_named: Any) -> Any:
        """Return what is decorated, or the stand-in."""
        return given[0] if given and callable(given[0]) else self

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        return ()


@contextmanager
def stood_in_for() -> Iterator[None]:
    """Put stand-ins where heavy libraries would be imported from; those that are installed stay themselves.

    Modules of the package that have seen a stand-in are forgotten afterwards: whoever imports them next gets the
    library, or its absence.
    """
    absent = [name for name in HEAVY if find_spec(name) is None]
    names = [*absent, *(f"{name}.{inner}" for name in absent for inner in INNER)]
    before = set(sys.modules)
    for name in names:
        sys.modules[name] = StandIn(name)
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        for name in set(sys.modules) - before:
            if name.startswith("pgverify.") and any(
                type(value) is StandIn for value in vars(sys.modules[name]).values()
            ):
                room, _, short = name.rpartition(".")
                vars(sys.modules[room]).pop(short, None)
                del sys.modules[name]
