"""How the third-party packages are loaded, and the problems for those that compile or are slow."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from pgverify.checking import standard_suite
from pgverify.problem import Problem


def load(name: str) -> Any:
    """Import a package, or skip the module: only `make test-thirdparty` installs it. Its warnings are its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"{name} is not installed here: make test-thirdparty")


def problems(*names: str) -> list[Problem]:
    """Return problems of the standard suite by name."""
    suite = {entry.name: entry.problem for entry in standard_suite()}
    return [suite[name] for name in names]


def few() -> list[Problem]:
    """Return five problems, for code that is slow: one, two and three steps; fixed lengths, random ones, and such as
    the actions decide; deterministic and random dynamics; tabular policies and shared features.
    """
    return problems("coin", "early-stop", "delayed-reward", "coin-door", "random-end")
