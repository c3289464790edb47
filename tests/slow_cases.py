"""Cases in great number: the first of them by default, all of them by `make test-all`."""

from __future__ import annotations

import pytest


def some_slow(count: int, by_default: int) -> list[object]:
    """Return 0 .. count−1 for `parametrize`, those from `by_default` on marked slow."""
    return [case if case < by_default else pytest.param(case, marks=pytest.mark.slow) for case in range(count)]
