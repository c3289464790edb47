"""Modules beside a study can be imported while its code runs, and by nobody else.

Two studies of one run may each have a `helper.py`: each finds its own.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
Key: TypeAlias = tuple[Path, object]
"""A folder, and the version of the files in it."""


class _Home:
    """The folder whose modules are visible now, how many calls need it, and the modules of all folders."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.inside = threading.local()
        self.key: Key | None = None
        self.calls = 0
        self.known: set[str] = set()
        self.wrote = False
        self.size = 0
        self.modules: dict[Key, dict[str, ModuleType]] = {}

    @contextmanager
    def visit(self, key: Key) -> Iterator[None]:
        """Show the modules of a folder: at once to calls that need the same, in turn to those that need another."""
        if getattr(self.inside, "depth", 0):  # a study that calls another one must not wait for itself
            sys.path.insert(0, str(key[0]))
            try:
                yield
            finally:
                _forget_path(key[0])
            return
        self._enter(key)
        self.inside.depth = 1
        try:
            yield
        finally:
            self.inside.depth = 0
            self._leave(key)

    def _enter(self, key: Key) -> None:
        with self.condition:
            while self.calls and self.key != key:
                self.condition.wait()
            self.calls += 1
            if self.calls == 1:
                self.key = key
                self.known = set(sys.modules)
                # Bytecode knows seconds: an edit within one, of the same length, would be taken for the old text.
                self.wrote, sys.dont_write_bytecode = sys.dont_write_bytecode, True
                if key not in self.modules:
                    importlib.invalidate_caches()
                sys.path.insert(0, str(key[0]))
                sys.modules.update(self.modules.get(key, {}))
                self.size = len(sys.modules)

    def _leave(self, key: Key) -> None:
        with self.condition:
            self.calls -= 1
            if self.calls:
                return
            _forget_path(key[0])
            sys.dont_write_bytecode = self.wrote
            mine = self.modules.get(key, {})
            if len(sys.modules) != self.size or key not in self.modules:  # something was imported: a scan is not free
                fresh = {name: module for name, module in list(sys.modules.items()) if name not in self.known}
                mine = {name: module for name, module in fresh.items() if _lies_in(key[0], name, module)}
            for name in mine:
                sys.modules.pop(name, None)
            self.modules[key] = mine
            self.condition.notify_all()


def _forget_path(folder: Path) -> None:
    if str(folder) in sys.path:
        sys.path.remove(str(folder))


_HOME = _Home()
"""Of the process, as `sys.modules` is."""


def _lies_in(folder: Path, name: str, module: ModuleType) -> bool:
    """Whether a module was imported from the folder: `first.py` in it, or a package `first`."""
    first = name.split(".")[0]
    if first == "pgverify" or first.startswith("pgverify_study_") or first == "__main__":
        return False
    places = [getattr(module, "__file__", None), *(getattr(module, "__path__", None) or ())]
    return any(
        Path(place) == folder / f"{first}.py" or Path(place).is_relative_to(folder / first)
        for place in places
        if isinstance(place, str)
    )


def at_home(folder: Path, version: object, function: Function) -> Function:
    """Return the function, during whose calls the modules beside a study can be imported.

    Parameters
    ----------
    folder : Path
        Where the study lies, absolute.
    version : hashable
        Of the files in it: after an edit they are imported anew.
    function : callable
    """
    key = (folder, version)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with _HOME.visit(key):
            return function(*args, **kwargs)

    return call  # type: ignore[return-value]
