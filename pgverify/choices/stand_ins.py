"""Classes and functions of random numbers, replaced for a while under every name by which modules hold them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

COPIES = "numpy.random._pickle"
"""Where NumPy's generators are made when they are copied."""


def stand_in(original: Any, make: Callable[..., Any], also: tuple[type, ...] = ()) -> Any:
    """Return what takes the place of a class: a call makes something else, and `isinstance` answers as before.

    Parameters
    ----------
    original : type
    make : Callable
        Called with the arguments of the class.
    also : types
        Whose objects count as those of the class.
    """
    whole = getattr(original, "whole", original)
    held = {"__doc__": whole.__doc__, "whole": whole, "_made": staticmethod(make), "_counted": (whole, *also)}
    return _StandIn(whole.__name__, (), held)


class _StandIn(type):
    """The class of what takes the place of a class: made once, for every run of a program takes several of them."""

    whole: type
    _made: Callable[..., Any]
    _counted: tuple[type, ...]

    def __call__(cls, *given: Any, **named: Any) -> Any:
        return cls._made(*given, **named)

    def __instancecheck__(cls, thing: Any) -> bool:
        return isinstance(thing, cls._counted)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, cls._counted)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.whole, name)


@contextlib.contextmanager
def replaced_everywhere(module: Any, substitutes: Mapping[str, Any]) -> Iterator[None]:
    """Put something else in the place of names of a module, here and wherever another module has imported them.

    Those of Python itself are left alone: they make up names of files. So are those of this package.
    """
    names = tuple(name for name in substitutes if hasattr(module, name))
    before = {name: getattr(module, name) for name in names}
    loaded = set(sys.modules)
    held = [
        (table, key, before[name], substitutes[name])
        for table, key, name in _looked_for(module.__name__, names, len(loaded))
        if table.get(key) is before[name]
    ]
    try:
        for name in names:
            setattr(module, name, substitutes[name])
        for table, key, _, substitute in held:
            table[key] = substitute
        yield
    finally:
        for table, key, value, _ in held:
            table[key] = value
        for name, value in before.items():
            setattr(module, name, value)
        _given_back(set(sys.modules) - loaded, {id(substitutes[name]): before[name] for name in names})


def _given_back(modules: Iterable[str], values: Mapping[int, Any]) -> None:
    """Put back what modules that were imported meanwhile hold."""
    for module in modules:
        table = getattr(sys.modules.get(module), "__dict__", None)
        if type(table) is dict:
            for key, value in list(table.items()):
                if id(value) in values:
                    table[key] = values[id(value)]


@lru_cache(maxsize=64)  # to look through all modules takes as long as a run; what they import does not change
def _looked_for(module: str, names: tuple[str, ...], loaded: int) -> tuple[tuple[dict[str, Any], str, str], ...]:
    """Return the tables that hold something of a module: table, the name there, the name in the module."""
    del loaded
    wanted = {id(getattr(sys.modules[module], name)): name for name in names}
    return tuple(
        (table, key, wanted[id(value)])
        for other in list(sys.modules.values())
        if type(table := getattr(other, "__dict__", None)) is dict and _reached(str(table.get("__name__", "")))
        for key, value in list(table.items())
        if id(value) in wanted and other is not sys.modules[module]
    )


def _reached(module: str) -> bool:
    root = module.partition(".")[0]
    if module == COPIES or root == "__main__":
        return True
    return root not in ("pgverify", "numpy") and root not in sys.stdlib_module_names
