"""Signatures as they are written, annotations with their shapes, and where in the source they stand."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from pathlib import Path
from typing import Any

HOME = "https://github.com/pgverify/pgverify"
ROOT = Path(__file__).resolve().parents[1]
WIDEST = 88
"""Characters of a signature in one line."""


def plain(value: Any) -> Any:
    """Return what a decorator, a cache or a binding was put around."""
    value = getattr(value, "__func__", value)
    return inspect.unwrap(value) if callable(value) and not inspect.isclass(value) else value


def signature(value: Any, shown: str) -> str:
    """Return a signature, in one line or with one parameter a line."""
    target = value.__init__ if inspect.isclass(value) and "__init__" in vars(value) else value
    try:
        found = inspect.signature(plain(target) if not inspect.isclass(target) else target)
    except (TypeError, ValueError):
        return shown
    parameters = []
    star = False
    for name, parameter in found.parameters.items():
        if name in ("self", "cls"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            parameters.append("*")
            star = True
        star = star or parameter.kind is parameter.VAR_POSITIONAL
        mark = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        mark = "**" if parameter.kind is parameter.VAR_KEYWORD else mark
        text = f"{mark}{name}"
        if parameter.annotation is not parameter.empty:
            text += f": {annotation(parameter.annotation)}"
        if parameter.default is not parameter.empty:
            gap = " = " if parameter.annotation is not parameter.empty else "="
            text += f"{gap}{_default(parameter.default)}"
        parameters.append(text)
    end = ""
    if not inspect.isclass(value) and found.return_annotation is not found.empty:
        end = f" -> {annotation(found.return_annotation)}"
    line = f"{shown}({', '.join(parameters)}){end}"
    if len(line) <= WIDEST:
        return line
    inner = "".join(f"    {each},\n" for each in parameters)
    return f"{shown}(\n{inner}){end}"


def annotation(value: Any) -> str:
    """Return an annotation as it is written in the source."""
    return value if isinstance(value, str) else inspect.formatannotation(value).replace("pgverify.", "")


def _default(value: Any) -> str:
    if type(value).__name__ == "_HAS_DEFAULT_FACTORY_CLASS":
        return "…"
    if inspect.isclass(value) or inspect.isfunction(value):
        return value.__name__
    return repr(value)


def source_address(value: Any) -> str:
    """Return where on the code host a name is defined: file and line; empty where no file defines it."""
    target = plain(value)
    try:
        path = Path(inspect.getsourcefile(target) or "").resolve()
        line = inspect.getsourcelines(target)[1]
    except (TypeError, OSError):
        return ""
    return _address(path, line)


def _address(path: Path, line: int) -> str:
    return f"{HOME}/blob/main/{path.relative_to(ROOT).as_posix()}#L{line}" if path.is_relative_to(ROOT) else ""


@cache
def constant(module: str, name: str) -> tuple[str, str]:
    """Return the docstring of a constant, the text below its assignment, and where in the source it stands."""
    from importlib import import_module

    path = Path(import_module(module).__file__ or "").resolve()
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for at, node in enumerate(body):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            after = body[at + 1] if at + 1 < len(body) else None
            value = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            text = value if isinstance(value, str) else ""
            return text, _address(path, node.lineno)
        if isinstance(node, ast.ImportFrom) and node.module and any((a.asname or a.name) == name for a in node.names):
            original = next(a.name for a in node.names if (a.asname or a.name) == name)
            return constant(node.module, original)
    return "", ""
