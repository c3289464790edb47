"""From MODULE:FUNCTION, as it was typed, to a function."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from pgverify.errors import InvalidFile, InvalidInput, one_sentence, shortened, unknown_name

BY_FILE = "pgverify_implementation_"
"""What modules are called, with the name of their file, that were loaded from one: no other module is called so."""

LONGEST_REASON = 300
"""Characters of somebody else's exception that are shown."""


def load_function(name: str) -> Callable[..., Any]:
    """Return what MODULE:FUNCTION names.

    MODULE is a dotted name as `python -m` sees it, the current folder included, or the path of a .py file. As with
    `python FILE`, modules beside the file can be imported by it. FUNCTION may have dots: an attribute of an attribute.

    Raises
    ------
    InvalidInput
        When there is no such module or name, listing the nearest, or what it names is no function of a batch.
    InvalidFile
        When the import raises: whatever it was, in one sentence.
    """
    function = load_named("implementation", name)
    if inspect.isclass(function):
        raise InvalidInput(f"{name} is a class, must be a function of a batch: give the name of an instance")
    if not callable(function):
        raise InvalidInput(f"{name} is of type {type(function).__name__}, must be a function of a batch")
    return function


def load_named(what: str, name: str) -> Any:
    """Return what MODULE:NAME names, whatever it is; `what` stands in messages for what it was typed as.

    Raises
    ------
    InvalidInput, InvalidFile
        As `load_function`.
    """
    origin, _, path = name.rpartition(":")
    if not origin or not path:
        raise InvalidInput(
            f"{what} is {name!r}, must be MODULE:FUNCTION, such as package.module:function or file.py:function"
        )
    is_file = origin.endswith(".py") or "/" in origin
    return _attribute(_from_file(Path(origin)) if is_file else _from_name(origin), path)


def _from_name(name: str) -> ModuleType:
    make_importable(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as reason:
        missing = reason.name or ""
        if name != missing and not name.startswith(f"{missing}."):
            raise _cannot_be_imported(name, reason) from None  # something that the module itself imports
        raise _nothing_called("module", name, _modules_below(Path.cwd())) from None
    except (Exception, SystemExit) as reason:
        raise _cannot_be_imported(name, reason) from None


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        folder = path.parent if path.parent.is_dir() else Path()
        raise _nothing_called("file", str(path), map(str, folder.glob("*.py")))
    make_importable(Path.cwd())
    make_importable(path.resolve().parent)
    # A name of its own: a file called random.py must not replace the module that others import.
    name = f"{BY_FILE}{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InvalidFile(f"{path} is not a Python file, must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as reason:
        del sys.modules[name]
        raise _cannot_be_imported(str(path), reason) from None
    return module


def make_importable(folder: Path) -> None:
    """Let modules of a folder be imported."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _attribute(module: ModuleType, path: str) -> Any:
    owner: Any = module
    for part in path.split("."):
        try:
            owner = getattr(owner, part)
        except AttributeError:
            known = [known for known in vars(owner) if not known.startswith("_")] if hasattr(owner, "__dict__") else []
            raise _nothing_called("name", part, known) from None
        except Exception as reason:
            raise InvalidInput(f"{path!r} cannot be had: {shortened(one_sentence(reason), LONGEST_REASON)}") from None
    return owner


def _modules_below(folder: Path) -> list[str]:
    """Return the modules in a folder and in the folders in it, as they would be imported."""
    files = [*folder.glob("*.py"), *folder.glob("*/*.py")]
    parts = [file.relative_to(folder).with_suffix("").parts for file in files]
    return [".".join(p[:-1] if p[-1] == "__init__" else p) for p in parts if all(x.isidentifier() for x in p)]


def _nothing_called(kind: str, name: str, known: Iterable[str]) -> InvalidInput:
    names = list(known)
    return unknown_name(kind, name, names) if names else InvalidInput(f"unknown {kind} {name!r}: there is none here")


def _cannot_be_imported(name: str, reason: BaseException) -> InvalidFile:
    return InvalidFile(f"{name} cannot be imported: {shortened(one_sentence(reason), LONGEST_REASON)}")
