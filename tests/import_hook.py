"""An import hook that puts a decorator on every function and class of a package, kept in compiled files of its own.

jaxtyping's puts `jaxtyped` there, which reads every signature at import: see deferred_checks.py.
"""

from __future__ import annotations

import ast
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

MARK = "deferred_checks"
"""The module of the decorator, and the name by which a decorated module has it."""

DECORATOR = f"{MARK}.checked_from_the_first_call"
COMPILED = ".decorated-2.pyc"
"""The end of the names of compiled files, in place of .pyc; another number for another way of decorating."""


def install(package: str) -> None:
    """Decorate what the modules of a package define from now on."""
    sys.meta_path.insert(0, _Finder(package))


class _Finder(MetaPathFinder):
    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != self.package and not fullname.startswith(self.package + "."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> CodeType:  # type: ignore[override]
        tree = _Decorated().visit(ast.parse(data, path))
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True, optimize=_optimize)

    def get_data(self, path: str) -> bytes:
        return super().get_data(_own(path))

    def set_data(self, path: str, data: Any, **keywords: Any) -> None:
        super().set_data(_own(path), data, **keywords)


def _own(path: str) -> str:
    """Return the name of a compiled file that ordinary imports do not read."""
    return str(Path(path).with_suffix(COMPILED)) if path.endswith(".pyc") else path


class _Decorated(ast.NodeTransformer):
    def visit_Module(self, node: ast.Module) -> ast.Module:
        self.generic_visit(node)
        first = 1 if ast.get_docstring(node) is not None else 0
        futures = [part for part in node.body if isinstance(part, ast.ImportFrom) and part.module == "__future__"]
        first += len(futures)
        node.body.insert(first, ast.Import([ast.alias(MARK)]))
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.decorator_list.append(_decorator(node))  # innermost: others may hide the annotations
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        node.decorator_list.insert(0, _decorator(node))  # outermost: `dataclass` comes first
        return node


def _decorator(node: ast.FunctionDef | ast.ClassDef) -> ast.expr:
    decorator = ast.parse(DECORATOR, mode="eval").body
    for part in ast.walk(decorator):
        ast.copy_location(part, node)
    return decorator
