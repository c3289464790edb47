from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from alias_reference import EPSILON, allowed, chosen, implied, rows, table, weights
from hypothesis import example, given
from hypothesis import strategies as st

from pgverify.errors import InvalidData
from pgverify.randomness import AliasTable, Channel, Stream

HARD = {
    "single cell": [1.0],
    "one of three is certain": [0.0, 1.0, 0.0],
    "the last is certain": [0.0] * 7 + [1.0],
    "thirds": [1 / 3] * 3,
    "sevenths, whose multiples are rounded": [1 / 7] * 7,
    "tenths around a zero": [0.1] * 5 + [0.0] + [0.1] * 5,
    "smallest": [1e-300, 1.0, 1e-300],
    "subnormal": [5e-324, 1.0],
    "below the spacing of the uniform numbers": [2.0**-55, 1 - 2.0**-53, 2.0**-55, 2.0**-54],
    "around the least weight": [2.0**-60, 1.0, 2.0**-61, 2.0**-62, 2.0**-63],
    "short of one": [0.5 - 9e-13, 0.0, 0.5],
    "beyond one": [0.25, 0.75 + 9e-13, 0.0],
    "beyond one, certain": [0.0, 1.0 + 9e-13],
    "an average cell passes on what it takes": [3 / 8, 2 / 8, 3 / 8, 0.0],
    "many average cells in turn": [1.5 / 32, *[1 / 32] * 29, 1.5 / 32, 0.0],
    "largest twice": [0.4, 0.2, 0.4, 0.0],
}
hard = pytest.mark.parametrize("row", HARD.values(), ids=HARD.keys())


def check_row(row: list[float]) -> None:
    """Every guarantee of the docstring that concerns the table of one row."""
    made = AliasTable.of([row])
    threshold, alias = made.threshold[0], made.alias[0]
    assert (threshold.tolist(), alias.tolist()) == table(row)
    assert ((threshold >= 0) & (threshold <= 1)).all()
    k, capacity = weights(row)
    given = implied(threshold, alias)
    for i, p in enumerate(row):
        assert abs(given[i] - Fraction(p)) <= allowed(row)[i]
        assert alias[i] == i or k[alias[i]] >= capacity
        if p == 0:
            assert threshold[i] == 0
            assert given[i] == 0
            assert i not in alias
        if p < 2.0**-62:
            assert given[i] == 0
        if p > 2.0**-61:
            assert given[i] > 0


@hard
def test_hard_rows(row: list[float]) -> None:
    check_row(row)


@given(rows())
def test_any_row(row: list[float]) -> None:
    check_row(row)


@given(rows(), st.floats(-9e-13, 9e-13))
def test_rows_that_sum_to_one_within_the_tolerance(row: list[float], off: float) -> None:
    most = row.index(max(row))
    check_row([p + off if i == most else p for i, p in enumerate(row)])


def test_every_row_of_eighths_is_exact() -> None:
    """All 1 to 4 numbers of eighths with sum 1. With 1, 2 and 4 cells nothing is rounded; with 3 only products are."""
    for cells in (1, 2, 3, 4):
        every = [row for row in itertools.product(range(9), repeat=cells) if sum(row) == 8]
        made = AliasTable.of(np.array(every) / 8)
        for row, threshold, alias in zip(every, made.threshold, made.alias, strict=True):
            off = [abs(p - Fraction(n, 8)) for p, n in zip(implied(threshold, alias), row, strict=True)]
            assert max(off) <= (EPSILON if cells == 3 else 0)
            assert (threshold.tolist(), alias.tolist()) == table([n / 8 for n in row])


def edges(cells: int) -> np.ndarray:
    """Uniform numbers at and beside every border of a cell, and the extremes."""
    borders = np.arange(cells + 1) / cells
    around = np.concatenate([borders, np.nextafter(borders, 2), np.nextafter(borders, -1), [0.0, 1 - 2.0**-53]])
    return np.unique(around[(around >= 0) & (around < 1)])


@example(row=HARD["smallest"], uniforms=[])
@given(row=rows(), uniforms=st.lists(st.floats(0.0, 1.0, exclude_max=True)))
def test_a_cell_of_probability_zero_is_never_chosen(row: list[float], uniforms: list[float]) -> None:
    uniform = np.concatenate([edges(len(row)), uniforms])
    cells = AliasTable.of([row]).choose(np.zeros(uniform.size, dtype=np.int64), uniform)
    assert (np.array(row)[cells] > 0).all()


def test_a_comparison_that_includes_the_threshold_would_choose_one() -> None:
    """Negative control: the numbers tried do meet a cell of probability zero at its threshold."""
    made, row = AliasTable.of([HARD["tenths around a zero"]]), np.array(HARD["tenths around a zero"])
    scaled = edges(row.size) * row.size
    cell = scaled.astype(np.int64)
    inclusive = np.where(scaled - cell <= made.threshold[0, cell], cell, made.alias[0, cell])
    assert (row[inclusive] == 0).any()


@given(row=rows(), n=st.lists(st.integers(0, 2**53 - 1), min_size=1))
def test_chooses_as_defined(row: list[float], n: list[int]) -> None:
    """With a decoy row above and below, so that the row's own table must be read."""
    made = AliasTable.of([row[::-1], row, row[::-1]])
    uniform = np.concatenate([np.array(n) * 2.0**-53, edges(len(row))])
    found = made.choose(np.ones(uniform.size, dtype=np.int64), uniform)
    threshold, alias = table(row)
    for u, cell in zip(uniform.tolist(), found.tolist(), strict=True):
        x = Fraction(u * len(row))
        at = int(x)
        assert cell == (at if x - at < Fraction(threshold[at]) else alias[at])


@given(rows(largest=12))
def test_the_probability_over_all_uniform_numbers(row: list[float]) -> None:
    """Counted exactly over the 2^53 numbers: within 3·2^-53 for each part of a cell; at most 3 of them for tiny p."""
    made = AliasTable.of([row])
    threshold, alias = made.threshold[0], made.alias[0]
    for i, (exact, p) in enumerate(zip(implied(threshold, alias), chosen(threshold, alias), strict=True)):
        parts = 1 + int((alias == i).sum())
        assert abs(p - exact) <= 3 * EPSILON * parts
        if row[i] < 2.0**-53 and i not in alias:
            assert p <= 3 * EPSILON


def test_the_scaled_number_stays_below_the_count() -> None:
    """u·M at the largest u, for every M up to 2^16 and for those around the powers of two beyond."""
    beyond = [2**exponent + off for exponent in range(17, 32) for off in (-1, 0, 1)]
    counts = np.concatenate([np.arange(1, 2**16 + 1), beyond])
    assert ((1 - 2.0**-53) * counts < counts).all()


def test_a_table_does_not_depend_on_the_other_rows() -> None:
    """Rows beyond those built together, alone and in another order."""
    drawn = np.random.default_rng(1).dirichlet(np.full(40, 0.3), size=1000)
    made, back = AliasTable.of(drawn), AliasTable.of(drawn[::-1])
    assert np.array_equal(made.threshold, back.threshold[::-1])
    assert np.array_equal(made.alias, back.alias[::-1])
    for r in (0, 408, 409, 410, 999):
        alone = AliasTable.of(drawn[r : r + 1])
        assert np.array_equal(alone.threshold[0], made.threshold[r])
        assert np.array_equal(alone.alias[0], made.alias[r])
    again = AliasTable.of(np.asfortranarray(drawn))
    assert np.array_equal(made.threshold, again.threshold)


def test_a_long_row() -> None:
    """As many cells as a start distribution over many states: the bounds hold where weights are coarsest."""
    row = np.random.default_rng(2).dirichlet(np.full(20_000, 0.3))
    made = AliasTable.of(row[None])
    assert (made.threshold[0].tolist(), made.alias[0].tolist()) == table(row.tolist())
    off = [abs(g - Fraction(p)) for g, p in zip(implied(made.threshold[0], made.alias[0]), row.tolist(), strict=True)]
    assert all(o <= bound for o, bound in zip(off, allowed(row.tolist()), strict=True))


def test_rows_that_sum_to_one_are_met_within_two_roundings() -> None:
    """Both bounds at M = 40: 2^-53 + 2^-54 + 40·2^-61 < 2^-52, beside what the row itself is off."""
    for row in np.random.default_rng(3).dirichlet(np.full(40, 0.5), size=50).tolist():
        made = AliasTable.of([row])
        total = sum(map(Fraction, row))
        off = max(abs(g - Fraction(p)) for g, p in zip(implied(made.threshold[0], made.alias[0]), row, strict=True))
        assert off <= abs(total - 1) + Fraction(1, 2**52)


@pytest.mark.statistical
def test_frequencies_are_the_probabilities() -> None:
    """Each of 5 cells within 5.5 standard deviations over 10^5 draws from the stream: false alarm below 2e-7."""
    row = np.array([0.05, 0.3, 0.0, 0.45, 0.2])
    uniform = Stream.of(8).window(Channel.STEP, 0, 0, 25_000).ravel()
    cells = AliasTable.of(row[None]).choose(np.zeros(uniform.size, dtype=np.int64), uniform)
    counts = np.bincount(cells, minlength=5)
    assert (np.abs(counts - uniform.size * row) <= 5.5 * np.sqrt(uniform.size * row * (1 - row))).all()


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.uint64])
def test_narrow_and_unsigned_row_numbers(kind: type) -> None:
    """Row 100 of 8 cells lies at 800, beyond 8 bits; unsigned 64 bits and signed ones meet in doubles."""
    made = AliasTable.of(np.eye(8)[np.arange(101) % 8])
    assert made.choose(np.full(3, 100, dtype=kind), np.array([0.0, 0.3, 0.9])).tolist() == [4, 4, 4]


def test_no_rows_and_no_draws() -> None:
    assert AliasTable.of(np.empty((0, 3))).threshold.shape == (0, 3)
    assert AliasTable.of([[0.5, 0.5]]).choose(np.empty(0, dtype=np.int64), np.empty(0)).shape == (0,)


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ([0.5, 0.5], r"probabilities has shape \(2,\), must be \[R, M\] with at least one cell"),
        (np.empty((2, 0)), r"probabilities has shape \(2, 0\)"),
        ([[0.5, 0.5], [1.5, -0.5]], r"probabilities\[1, 1\] is -0.5, a probability must lie in \[0, 1\]"),
        ([[0.5, 0.5 + 2e-12]], r"probabilities\[0\] sums to 1.000000000002, must sum to 1 within 1e-12"),
        ([[0.5, float("nan")]], r"probabilities\[0, 1\] is nan"),
    ],
)
def test_refuses_what_is_no_row_of_probabilities(probabilities: object, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        AliasTable.of(probabilities)  # type: ignore[arg-type]
