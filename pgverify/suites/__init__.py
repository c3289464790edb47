"""Suites: named collections of problems on which the oracle judges, each problem there for a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pgverify.errors import unknown_name
from pgverify.kinds import suggesting as _suggesting
from pgverify.suites.continuous import continuous_suite
from pgverify.suites.standard import standard_suite
from pgverify.suites.suite_problem import SuiteProblem

__all__ = ["SuiteProblem", "get", "names"]

__getattr__ = _suggesting(__name__, __all__)

_SUITES: Mapping[str, Callable[[], tuple[SuiteProblem, ...]]] = MappingProxyType(
    {"standard": standard_suite, "continuous": continuous_suite}
)


def names() -> tuple[str, ...]:
    """Return the names of all suites."""
    return tuple(_SUITES)


def get(name: str) -> tuple[SuiteProblem, ...]:
    """Return the problems of a suite, smallest first.

    Raises
    ------
    UnknownName
        Listing the nearest suites.
    """
    if not isinstance(name, str) or name not in _SUITES:
        raise unknown_name("suite", name, _SUITES)
    return _SUITES[name]()
