"""The alias table as its docstring defines it, cell by cell in Python's integers, and what a table gives exactly."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

EPSILON = Fraction(1, 2**53)
"""The spacing of the uniform numbers."""


def weights(row: list[float]) -> tuple[list[int], int]:
    """The weights k and the capacity C: Python rounds fractions to integers with ties to even."""
    cells = len(row)
    capacity = 2 ** (61 - (cells - 1).bit_length())
    found = [round(Fraction(p * cells) * capacity) for p in row]
    found[row.index(max(row))] += cells * capacity - sum(found)
    return found, capacity


def table(row: list[float]) -> tuple[list[float], list[int]]:
    """Thresholds and aliases, one turn after the other."""
    k, capacity = weights(row)
    light = [i for i, weight in enumerate(k) if weight < capacity]
    heavy = [i for i, weight in enumerate(k) if weight >= capacity]
    threshold, alias = [-1.0] * len(row), [-1] * len(row)
    present = heavy.pop(0)
    w = k[present]
    for _ in row:
        if w > capacity:
            cell = light.pop(0)
            threshold[cell], alias[cell] = k[cell] / capacity, present
            w -= capacity - k[cell]
        else:
            threshold[present] = w / capacity
            following = heavy.pop(0) if heavy else present
            alias[present] = present if w == capacity else following
            w += k[following] - capacity
            present = following
    assert not light
    assert not heavy
    return threshold, alias


def implied(threshold: np.ndarray, alias: np.ndarray) -> list[Fraction]:
    """P_i of one row [M], exactly."""
    cells = threshold.size
    given = [Fraction(float(t)) / cells for t in threshold]
    for t, other in zip(threshold, alias, strict=True):
        given[int(other)] += (1 - Fraction(float(t))) / cells
    return given


def allowed(row: list[float]) -> list[Fraction]:
    """How far the docstring lets each P_i be from p_i."""
    cells, total = len(row), sum(map(Fraction, row))
    bounds = [Fraction(p) * EPSILON + EPSILON / 2 + Fraction(1, 2**61) for p in row]
    bounds[row.index(max(row))] = abs(total - 1) + EPSILON + EPSILON / 2 + Fraction(cells, 2**61)
    return bounds


def chosen(threshold: np.ndarray, alias: np.ndarray) -> list[Fraction]:
    """The probability of each cell over the 2^53 multiples of 2^-53, with x = u·M rounded: by bisection, exactly."""
    cells = threshold.size
    counts = [0] * cells
    starts = [_first(Fraction(cell), cells) for cell in range(cells)] + [2**53]
    for cell, (start, end) in enumerate(pairwise(starts)):
        middle = _first(cell + Fraction(float(threshold[cell])), cells)
        counts[cell] += middle - start
        counts[int(alias[cell])] += end - middle
    return [count * EPSILON for count in counts]


def _first(bound: Fraction, cells: int) -> int:
    """The first n with x ≥ bound for u = n·2^-53, or 2^53; x grows with u, as rounding keeps the order."""
    low, high = 0, 2**53
    while low < high:
        middle = (low + high) // 2
        if Fraction(middle * 2.0**-53 * cells) >= bound:
            high = middle
        else:
            low = middle + 1
    return low


def rows(smallest: int = 1, largest: int = 40) -> st.SearchStrategy[list[float]]:
    """Rows of `smallest` to `largest` probabilities: zeros, equal ones, and any size down to 1e-300."""
    weight = st.one_of(
        st.just(0.0),
        st.just(1.0),
        st.floats(0.0, 1.0),
        st.floats(0.0, 300.0).map(lambda exponent: 10.0**-exponent),
    )
    return st.lists(weight, min_size=smallest, max_size=largest).filter(any).map(_divided)


def _divided(found: list[float]) -> list[float]:
    # Twice, as the sum of numbers near 1e-300 would have few digits.
    part = np.array(found) / max(found)
    return (part / part.sum()).tolist()
