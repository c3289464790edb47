from __future__ import annotations

from collections.abc import Callable

import pytest
from scipy.stats import binom


@pytest.fixture(scope="session")
def count_bounds() -> Callable[[int, float], tuple[int, int]]:
    """Counts within which a binomial falls, except with probability 1e-9 on each side."""

    def bounds(trials: int, probability: float) -> tuple[int, int]:
        return int(binom.ppf(1e-9, trials, probability)), int(binom.isf(1e-9, trials, probability))

    return bounds
