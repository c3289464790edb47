"""Every shape in an annotation is one that the run-time checks can see.

The hook of conftest.py evaluates each annotation of a function when it is first called, among the names that its
module has by then: among them all that are known where it is defined. Where that fails, whatever the reason, it takes
`Any` instead and says nothing: a shape without quotes, `Float[Array, n]`, is such a failure, because `from __future__
import annotations` keeps Python itself from looking. So are a shape that jaxtyping cannot parse, and, beside a
well-written shape, the name of a type that is imported for the type checker only. The fields of a class that is no
dataclass, and functions that are async, are never looked at.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import deferred_checks
import jaxtyping
import numpy as np
import pytest
from import_hook import MARK
from jaxtyping import TypeCheckError
from package_sources import sources

DTYPES = {name for name in dir(jaxtyping) if hasattr(getattr(jaxtyping, name), "dtypes")}
"""Float, Int, Bool, …: what a shape is the second argument of."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef


def shapes(tree: ast.AST) -> list[ast.Subscript]:
    """Return every subscript such as Float[Array, "S A"] below a node."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).removeprefix("jaxtyping.") in DTYPES
    ]


def annotations(tree: ast.AST) -> Iterator[tuple[ast.expr, int]]:
    """Yield what the hook evaluates, each with the line by which its names must be known.

    For a parameter or a result that is the line of the function, for a field that of its class, since the
    constructor of a dataclass is made when the class is complete.
    """
    for node in ast.walk(tree):
        if isinstance(node, Definition):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
            for annotation in (node.returns, *(argument.annotation for argument in given if argument)):
                if annotation is not None:
                    yield annotation, node.lineno
        elif isinstance(node, ast.ClassDef):
            for field in node.body:
                if isinstance(field, ast.AnnAssign):
                    yield field.annotation, node.lineno


def bound_before(tree: ast.Module, line: int) -> set[str]:
    """Return the names that a module has when it comes to a line, besides what only type checkers see."""
    found = set(dir(builtins))
    for statement in tree.body:
        if (statement.end_lineno or 0) >= line:
            break
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ClassDef | Definition):
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
    return found


def unseen(source: str, module: ModuleType) -> list[str]:
    """Return one line for each shape of a module that is written down and not checked."""
    tree = ast.parse(source)
    wrong = []
    if shapes(tree) and vars(module).get(MARK) is not deferred_checks:  # what the hook puts into a module
        wrong.append("1: the module was imported before the hook was there")
    for shape in shapes(tree):
        text = ast.unparse(shape)
        written = shape.slice.elts[-1] if isinstance(shape.slice, ast.Tuple) else shape.slice
        if not (isinstance(written, ast.Constant) and isinstance(written.value, str)):
            wrong.append(f"{shape.lineno}: the shape of {text} is no string literal")
            continue
        try:
            eval(text, vars(module))
        except Exception as reason:
            wrong.append(f"{shape.lineno}: {text} cannot be evaluated ({reason})")
    for annotation, line in annotations(tree):
        if shapes(annotation):
            names = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}
            wrong += [
                f"{annotation.lineno}: {name} of {ast.unparse(annotation)} is not defined by line {line}"
                for name in sorted(names - bound_before(tree, line))
            ]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not any(
            word in ast.unparse(said)
            for word, where in (("dataclass", node.decorator_list), ("Protocol", node.bases))
            for said in where
        ):  # a protocol's attributes are those of the classes that keep it
            fields = [field for field in node.body if isinstance(field, ast.AnnAssign) and shapes(field.annotation)]
            wrong += [f"{field.lineno}: a field of {node.name}, which is no dataclass" for field in fields]
        if isinstance(node, ast.AsyncFunctionDef):
            wrong.append(f"{node.lineno}: {node.name} is async")
    return wrong


@pytest.mark.parametrize("name", sorted(sources()))
def test_every_shape_is_checked(name: str) -> None:
    assert unseen(sources()[name], importlib.import_module(name)) == []


HEAD = """from __future__ import annotations
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol
from jaxtyping import Float
from pgverify.validation import Array
if TYPE_CHECKING:
    from pgverify.problem import Problem
"""


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('def f(x: Float[Array, "n"]) -> Float[Array, "n d"]: ...', None),
        ('@dataclass\nclass C:\n    x: Float[Array, "n"]\n    def f(self) -> C: ...', None),
        ('class C(Protocol):\n    x: Float[Array, "n"]', None),
        ("def f(x: Float[Array, n]): ...", "no string literal"),
        ("def f() -> tuple[Float[Array, n], int]: ...", "no string literal"),
        ("def outer():\n    def inner(*x: Float[Array, n]): ...", "no string literal"),
        ("@dataclass\nclass C:\n    x: Float[Array, n]", "no string literal"),
        ("def f(x: Float[Array, 3]): ...", "no string literal"),
        ('def f(x: Float[Array, "*a *b"]): ...', "cannot be evaluated"),
        ('def f() -> Float[Array, "n"] | Problem: ...', "Problem of Float[Array, 'n'] | Problem is not defined"),
        ('class C:\n    def f(self) -> tuple[C, Float[Array, "n"]]: ...', "C of "),
        ('def f() -> tuple[Later, Float[Array, "n"]]: ...\nclass Later: ...', "Later of "),
        ('def f():\n    class D: ...\n    def g() -> tuple[D, Float[Array, "n"]]: ...', "D of "),
        ('class C(NamedTuple):\n    x: Float[Array, "n"]', "no dataclass"),
        ('async def f(x: Float[Array, "n"]): ...', "async"),
    ],
)
def test_a_shape_that_is_not_checked_is_seen(
    written: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: each way in which the hook loses a shape, and three well-written ones."""
    module = ModuleType("written")
    monkeypatch.setitem(sys.modules, "written", module)  # where a dataclass looks up its own module
    module.__dict__[MARK] = deferred_checks
    source = HEAD + written
    exec(compile(source, "written", "exec"), vars(module))
    found = unseen(source, module)
    assert (expected is None) == (found == [])
    assert all(expected in line for line in found[:1] if expected)


def test_a_module_imported_before_the_hook_is_seen() -> None:
    """Negative control: pytest imports its plugins, and so the root of this package, before any conftest.py."""
    assert "before the hook" in unseen('x: Float[Array, "n"]', ModuleType("early"))[0]


def test_the_shapes_that_had_no_quotes_are_checked_now() -> None:
    """What the rules above stand for: NumPy has nothing against any of these."""
    from pgverify.mdps.gymnasium_tables import _from_outcomes

    with pytest.raises(TypeCheckError, match="begin"):
        _from_outcomes(np.ones((2, 2)) / 2, 2, 1, [(s, 0, 1.0, s, 0.0, False) for s in range(2)])
