"""Cases in great number: the first of them by default, all of them by `make test-all`."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def some_slow(count: int, by_default: int) -> list[object]:
    """Return 0 .. count−1 for `parametrize`, those from `by_default` on marked slow."""
    return [case if case < by_default else pytest.param(case, marks=pytest.mark.slow) for case in range(count)]


def slow_but(cases: Iterable[object], by_default: Iterable[object]) -> list[object]:
    """Return the cases for `parametrize`, all of them marked slow that are not among those run by default."""
    quick = list(by_default)
    return [case if case in quick else pytest.param(case, marks=pytest.mark.slow) for case in cases]
