"""One name means one thing: no function hides a module, and no two classes share a name."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping

import pytest
from package_sources import packages, sources


def hidden(modules: Mapping[str, str], folders: Collection[str]) -> set[str]:
    """Return the modules for which their package exports something else under the same name.

    `import package.name` would succeed, and `package.name` then be whichever came last.
    """
    found = set()
    for package in folders:
        tree = ast.parse(modules[package])
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    module = f"{package}.{alias.asname or alias.name}"
                    if module in modules and f"{node.module}.{alias.name}" != module:
                        found.add(module)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and f"{package}.{node.name}" in modules:
                found.add(f"{package}.{node.name}")
    return found


def shared(modules: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the public names of classes, aliases of types included, that several modules define."""
    homes: dict[str, list[str]] = {}
    for module, source in modules.items():
        for node in ast.parse(source).body:
            name = ""
            if isinstance(node, ast.ClassDef):
                name = node.name
            elif isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation).endswith("TypeAlias"):
                name = ast.unparse(node.target)
            elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                target = node.targets[0].id  # an alias of a type is written as a class is: Row = tuple[int, float]
                name = target if target[:1].isupper() and not target.isupper() else ""
            if name and not name.startswith("_"):
                homes.setdefault(name, []).append(module)
    return {name: where for name, where in homes.items() if len(where) > 1}


def test_no_function_hides_a_module() -> None:
    assert hidden(sources(), packages()) == set()


def test_no_two_classes_share_a_name() -> None:
    assert shared(sources()) == {}


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ("from pgverify.room.thing import thing", True),
        ("from pgverify.room.thing import make as thing", True),
        ("if TYPE_CHECKING:\n    from pgverify.other import thing", True),
        ("def thing(): ...", True),
        ("class thing: ...", True),
        ("from pgverify.room import thing", False),
        ("from pgverify.room import thing as thing", False),
        ("from pgverify.room.thing import other", False),
    ],
)
def test_a_hidden_module_is_seen(package: str, expected: bool) -> None:
    """Negative control: each way to give the name away, and three that do not."""
    modules = {"pgverify.room": package, "pgverify.room.thing": ""}
    assert hidden(modules, {"pgverify.room"}) == ({"pgverify.room.thing"} if expected else set())


def test_a_shared_name_is_seen() -> None:
    """Negative control: classes and aliases of types; constants and private classes may repeat."""
    first = "class Row: ...\nclass _Inner: ...\nDraw = tuple[int, int]\nMANY = 3\nScalar: TypeAlias = int"
    second = "class Draw: ...\nRow: TypeAlias = dict[str, int]\nclass _Inner: ...\nMANY = 3"
    assert set(shared({"one": first, "two": second})) == {"Row", "Draw"}
