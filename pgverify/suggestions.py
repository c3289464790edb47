"""Attributes that an object does not have are refused with the nearest that it has; imports next to nothing."""

from __future__ import annotations

from typing import Any, TypeVar

from pgverify.errors import UnknownAttribute

C = TypeVar("C", bound=type)


def suggests_names(cls: C) -> C:
    """Have the instances of a class suggest the nearest attribute for one that they lack: a class decorator.

    A class that has a `__getattr__` keeps it; one that type checkers see would allow every name.
    """
    if not hasattr(cls, "__getattr__"):
        cls.__getattr__ = suggested  # type: ignore[attr-defined]
    return cls


def suggested(owner: object, name: str) -> Any:
    """Return what is there though computing it raised; refuse what is not there: a `__getattr__`.

    Raises
    ------
    UnknownAttribute
    """
    if hasattr(type(owner), name):
        return object.__getattribute__(owner, name)
    raise UnknownAttribute(type(owner).__name__, name, lambda: dir(owner))
