from __future__ import annotations

from fractions import Fraction

import numpy as np
from alias_reference import EPSILON, rows
from hypothesis import example, given
from hypothesis import strategies as st

from pgverify.randomness import choose_by_inversion

BESIDE_ONE = 1 - 2.0**-53


def sums(row: list[float]) -> list[float]:
    """The cumulative sums from the left, in doubles."""
    found, total = [], 0.0
    for p in row:
        total += p
        found.append(total)
    return found


def by_definition(row: list[float], u: float) -> int:
    passed = sum(c <= u for c in sums(row))
    return min(passed, max(i for i, p in enumerate(row) if p > 0))


def around_the_sums(row: list[float]) -> np.ndarray:
    borders = np.array([0.0, *sums(row), BESIDE_ONE])
    around = np.concatenate([borders, np.nextafter(borders, 2), np.nextafter(borders, -1)])
    return around[(around >= 0) & (around < 1)]


@example([0.1] * 10 + [0.0])  # the sums end at 1 − 2^-53, which is the largest uniform number
@example([0.0, 0.0, 1.0])
@example([0.0, 0.5, 0.0, 0.5 - 9e-13, 0.0])
@example([0.5, 0.5 + 9e-13, 0.0])
@example([1.0])
@given(rows())
def test_chooses_as_defined_and_never_a_cell_of_probability_zero(row: list[float]) -> None:
    uniform = around_the_sums(row)
    cells = choose_by_inversion(np.tile(row, (uniform.size, 1)), uniform)
    assert cells.tolist() == [by_definition(row, u) for u in uniform.tolist()]
    assert (np.array(row)[cells] > 0).all()


def test_without_its_last_cell_rounding_would_leave_a_zero_over() -> None:
    """Negative control: ten tenths sum to 1 − 2^-53 in doubles, and that number passes all of them."""
    row = [0.1] * 10 + [0.0]
    assert sums(row)[-1] == BESIDE_ONE
    assert sum(c <= BESIDE_ONE for c in sums(row)) == 11
    assert choose_by_inversion(np.array([row]), np.array([BESIDE_ONE])).tolist() == [9]


@example([0.5, 0.5 + 9e-13, 0.0])
@example([0.0, 0.5, 0.0, 0.5 - 9e-13, 0.0])
@given(rows())
def test_the_probability_over_all_uniform_numbers(row: list[float]) -> None:
    """Counted exactly: n·2^-53 ≥ c holds from n = ⌈c·2^53⌉ on, and the last positive cell takes the rest."""
    last = max(i for i, p in enumerate(row) if p > 0)
    first = [0, *(min(2**53, -((-Fraction(c) * 2**53) // 1)) for c in sums(row))]
    first = [*first[: last + 1], 2**53]
    bound = (len(row) + 2) * EPSILON + abs(sum(map(Fraction, row)) - 1)
    for i, p in enumerate(row[: last + 1]):
        assert abs((first[i + 1] - first[i]) * EPSILON - Fraction(p)) <= bound


@given(st.lists(rows(3, 3), min_size=1, max_size=6), st.data())
def test_each_row_has_its_own_number(several: list[list[float]], data: st.DataObject) -> None:
    uniform = np.array([data.draw(st.floats(0, BESIDE_ONE)) for _ in several])
    cells = choose_by_inversion(np.array(several), uniform)
    assert cells.tolist() == [by_definition(row, u) for row, u in zip(several, uniform.tolist(), strict=True)]


def test_no_draws() -> None:
    assert choose_by_inversion(np.empty((0, 3)), np.empty(0)).shape == (0,)
