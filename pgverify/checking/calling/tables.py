"""The tables of the problems that somebody's function is given: compared after every call, and put back.

They are read-only, but anybody may change that; the suite is shared by all checks of a process, and must not be.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np

SMALL = 100_000
"""Entries of S·A·S up to which everything that is computed from tables once is computed at once, and watched."""

LARGEST = 1_000_000
"""Bytes of an array that is compared: longer ones would take longer than the call."""

WARMED = ("pgverify.policies", "pgverify.dynamics")
"""Whose properties are computed before the first call: a table that a call makes would be known as it left it."""

MOST_WATCHED = 64
"""Problems that are watched at a time."""

WROTE = "wrote to the tables of the problem, which are not its own ({table})"
"""What is said of a function that did."""


class WatchedTables:
    """All arrays that can be reached from a rollout or a problem, with what was in them.

    Parameters
    ----------
    root : Rollout or Problem
    """

    def __init__(self, root: Any) -> None:
        self._root = root
        self._look_at_all()

    def _look_at_all(self) -> None:
        root = self._root
        mdp = getattr(root, "problem", root).mdp
        self._small = mdp.num_states**2 * mdp.num_actions <= SMALL
        self._owners: dict[int, dict[str, Any]] = {}
        self._entries: list[tuple[dict[str, Any], str, Any, str]] = []
        self._arrays: dict[int, tuple[np.ndarray, bytes, str]] = {}
        self._look_at(root, "")
        self._contents = list(self._arrays.values())
        self._watched = [array for array, _, _ in self._contents]
        self._bytes = [content for _, content, _ in self._contents]
        names = {
            key: [name for owner, name, _, _ in self._entries if owner is self._owners[key]] for key in self._owners
        }
        self._known = [*self._owners.values()], sum(map(len, self._owners.values()))
        at_once = [(self._owners[key], itemgetter(*each)) for key, each in names.items() if each]
        self._values = [(owner, read, read(owner)) for owner, read in at_once]

    def changed(self) -> str:
        """Return which table was changed since, and put all back; empty if none was."""
        owners, known = self._known
        if self._intact():
            if sum(map(len, owners)) != known:
                self._look_at_all()  # a table that is computed once was computed now, and is watched from here on
            return ""
        found = ""
        for owner, name, value, path in self._entries:
            if owner.get(name) is not value:
                owner[name] = value
                found = found or path
        for array, content, path in self._contents:
            if array.tobytes() != content:
                array.setflags(write=True)
                array[...] = np.frombuffer(content, array.dtype).reshape(array.shape)
                array.setflags(write=False)
                found = found or path
        return found

    def _intact(self) -> bool:
        """Return whether all is as it was, in a few µs: what is the same object is not looked into by `==`."""
        try:
            for owner, read, values in self._values:
                if read(owner) != values:
                    return False
        except (KeyError, ValueError):  # one is gone, or there are two arrays, which are neither equal nor different
            return False
        return [*map(np.ndarray.tobytes, self._watched)] == self._bytes

    def _look_at(self, thing: object, path: str) -> None:
        if isinstance(thing, np.ndarray):
            if thing.dtype != np.object_ and thing.nbytes <= LARGEST:
                self._arrays.setdefault(id(thing), (thing, thing.tobytes(), path))
            return
        if isinstance(thing, tuple | list):
            for index, item in enumerate(thing):
                self._look_at(item, f"{path}[{index}]")
            return
        owner = getattr(thing, "__dict__", None)
        if not isinstance(owner, dict) or not _is_ours(type(thing)) or id(owner) in self._owners:
            return
        self._owners[id(owner)] = owner
        if self._small and type(thing).__module__.startswith(WARMED):
            for name in _computed_once(type(thing)):
                getattr(thing, name)
        for name, value in list(owner.items()):
            below = f"{path}.{name}" if path else name
            self._entries.append((owner, name, value, below))
            self._look_at(value, below)


def _is_ours(kind: type) -> bool:
    """Return whether a class may hold tables: ours, and the matrices of scipy.sparse."""
    return kind.__module__.startswith(("pgverify.", "scipy.sparse"))


def _computed_once(kind: type) -> Iterator[str]:
    for above in kind.__mro__:
        for name, value in vars(above).items():
            if isinstance(value, cached_property):
                yield name


class TablesOfProblems:
    """The tables of every problem that comes along, watched from its first call on."""

    def __init__(self) -> None:
        self._watched: dict[int, tuple[Any, WatchedTables]] = {}

    def of(self, root: Any) -> WatchedTables:
        """Return the tables of a rollout or a problem."""
        known = self._watched.get(id(root))
        if known is None:
            if len(self._watched) >= MOST_WATCHED:
                self._watched.clear()
            known = root, WatchedTables(root)  # kept: an id is one as long as its object lives
            self._watched[id(root)] = known
        return known[1]
