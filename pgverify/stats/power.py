"""What the tests share: critical values, power, and the two equations solved for size and for samples.

A two-sided t test is an F test with one direction (t² ~ F(1, n − 1)), so one power function serves all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pgverify.arrays import LARGEST
from pgverify.errors import InvalidData
from pgverify.validation import require_number

MOST_SAMPLES = 2**50
"""Beyond 1e15 samples nothing is settled by sampling; also where n − 1 is still exact in a double."""


def open_unit(name: str, value: Any) -> float:
    """Return a probability strictly between 0 and 1; NaN never passes."""
    return require_number(name, value, 5e-324, 1.0 - 2.0**-53, InvalidData, "a number in (0, 1)")


def nonnegative(name: str, value: Any) -> float:
    """Return a finite number of at least zero; NaN never passes."""
    return require_number(name, value, 0.0, LARGEST, InvalidData, "a finite number of at least 0")


def normal_critical(alpha: float) -> float:
    """Return z with P(|Z| > z) = alpha, computed in the lower tail, where small alpha keeps its digits."""
    from scipy.special import ndtri

    return -float(ndtri(alpha / 2))


def t_critical(freedom: int, alpha: float) -> float:
    """Return c with P(|t| > c) = alpha for Student's t."""
    from scipy.special import stdtrit

    return -float(stdtrit(freedom, alpha / 2))


def f_critical(directions: int, freedom: int, alpha: float) -> float:
    """Return c with P(F > c) = alpha; solved for the beta variable m/(m + rF), whose lower tail is exact."""
    from scipy.special import betaincinv

    y = float(betaincinv(freedom / 2, directions / 2, alpha))
    return freedom * (1 - y) / (directions * y) if y > 0 else math.inf


def f_power(directions: int, freedom: int, alpha: float, noncentrality: float) -> float:
    """Return the probability that noncentral F exceeds the critical value; 0 where it cannot be computed."""
    from scipy.special import ncfdtr

    critical = f_critical(directions, freedom, alpha)
    if not math.isfinite(critical):
        return 0.0
    if noncentrality <= 0:
        return alpha
    power = 1.0 - float(ncfdtr(directions, freedom, noncentrality, critical))
    return power if math.isfinite(power) else 0.0


def f_noncentrality(directions: int, freedom: int, alpha: float, power: float) -> float:
    """Return the smallest noncentrality found with probability `power`; infinite if there is none."""
    high = 1.0
    while f_power(directions, freedom, alpha, high) < power:
        high *= 2
        if high > 1e30:  # far beyond any bias of one standard deviation times MOST_SAMPLES
            return math.inf
    low = 0.0
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if f_power(directions, freedom, alpha, middle) < power:
            low = middle
        else:
            high = middle
    return high


def smallest_count(power_at: Callable[[int], float], power: float, minimum: int) -> int | None:
    """Return the smallest n with power_at(n) ≥ power, for a rising power; None beyond 2^50."""
    low, high = minimum - 1, minimum
    while power_at(high) < power:
        low, high = high, 2 * high
        if high > MOST_SAMPLES:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if power_at(middle) < power:
            low = middle
        else:
            high = middle
    return high
