from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pgverify.errors import InvalidData
from pgverify.stats import VarianceRatio


def pair(rng: np.random.Generator, n: int, factor: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Two estimators that share most of their noise, with traces 2.5 factor² and 2.5."""
    shared = rng.exponential(size=(n, 2)) - 1
    own = rng.normal(size=(2, n, 2)) / 2
    first = factor * (shared + own[0])
    second = np.column_stack([shared + own[1], np.zeros(n)])
    return first, second


def test_equals_its_formula_written_out() -> None:
    x, y = pair(np.random.default_rng(0), 80, 1.5)
    found = VarianceRatio(0.95).run(x, y)
    q, w = (((a - a.mean(axis=0)) ** 2).sum(axis=1) for a in (x, y))
    assert found.ratio == pytest.approx(np.trace(np.cov(x.T)) / np.trace(np.cov(y.T)), rel=1e-12)
    error = np.sqrt(
        np.var(q, ddof=1) / q.mean() ** 2
        + np.var(w, ddof=1) / w.mean() ** 2
        - 2 * np.cov(q, w)[0, 1] / q.mean() / w.mean()
    ) / np.sqrt(80)
    reach = stats.t.isf(0.025, 79) * error
    assert np.log([found.low, found.high]) == pytest.approx(np.log(found.ratio) + reach * np.array([-1, 1]))
    assert found.spread == pytest.approx(error * np.sqrt(80))


def test_exchange_and_rescaling() -> None:
    """ratio(y, x) = 1/ratio(x, y); a factor c on one multiplies it by c²; an estimator over itself is 1."""
    x, y = pair(np.random.default_rng(1), 50)
    test = VarianceRatio(0.9)
    there, back, scaled = test.run(x, y), test.run(y, x), test.run(3 * x, y)
    assert (1 / back.ratio, 1 / back.high, 1 / back.low) == pytest.approx((there.ratio, there.low, there.high))
    assert (scaled.ratio, scaled.low) == pytest.approx((9 * there.ratio, 9 * there.low))
    same = test.run(x, x)
    assert (same.ratio, same.low, same.high, same.differs) == (1.0, 1.0, 1.0, False)


def test_known_centres() -> None:
    x, y = pair(np.random.default_rng(2), 40)
    found = VarianceRatio(0.9).run(x, y, [0, 0], [0, 0, 0])
    assert found.ratio == pytest.approx((x**2).sum() / (y**2).sum())
    one = VarianceRatio(0.9).run(x, y, mean_second=[0, 0, 0])  # n − 1 for the centre that is estimated
    assert one.ratio == pytest.approx(np.trace(np.cov(x.T)) / ((y**2).sum() / 40))


def test_zero_variance_is_explicit() -> None:
    x = np.random.default_rng(3).normal(size=(20, 2))
    flat = np.full((20, 1), 0.1)
    test = VarianceRatio(0.9)
    first, second, both = test.run(flat, x), test.run(x, flat), test.run(flat, flat)
    assert (first.ratio, first.low, first.high, first.zero, first.differs) == (0.0, 0.0, 0.0, "first", True)
    assert (second.ratio, second.low, second.high, second.zero) == (math.inf, math.inf, math.inf, "second")
    assert (both.ratio, both.low, both.high, both.zero, both.differs) == (1.0, 0.0, math.inf, "both", False)


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.statistical
def test_coverage_and_the_gain_of_pairing(count_bounds) -> None:
    """False-fail rate below 3e-9, for true coverages of 0.86 to 0.94 (skewed samples, n = 400).

    Beside it: the second sample shuffled within its rows' order breaks the pairing, and the intervals widen.
    """
    rng, inside, widths = np.random.default_rng(4), 0, []
    for _ in range(200):
        x, y = pair(rng, 400, 1.3)
        found = VarianceRatio(0.9).run(x, y)
        inside += found.low <= 1.3**2 <= found.high
        unpaired = VarianceRatio(0.9).run(x, y[::-1])
        widths.append(np.log(unpaired.high / unpaired.low) / np.log(found.high / found.low))
    assert count_bounds(200, 0.86)[0] <= inside <= count_bounds(200, 0.94)[1]
    assert np.median(widths) > 1.2


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.statistical
def test_the_triad_agrees(count_bounds) -> None:
    """False-fail rate below 3e-9: at the detectable ratio power is 0.9 (0.86 to 0.94, as n is finite).

    Beside it the false alarms, at ratio 1, at most 0.02 where 0.01 is meant.
    """
    n, test = 300, VarianceRatio(0.99)
    rng = np.random.default_rng(5)
    spread = test.run(*pair(np.random.default_rng(6), 100_000)).spread
    ratio = test.detectable_ratio(spread, n)
    assert test.samples_needed(spread, ratio) == pytest.approx(n, abs=1)
    assert test.samples_needed(spread, 1 / ratio) == pytest.approx(n, abs=1)
    found = sum(test.run(*pair(rng, n, math.sqrt(ratio))).differs for _ in range(200))
    false = sum(test.run(*pair(rng, n)).differs for _ in range(200))
    assert count_bounds(200, 0.86)[0] <= found <= count_bounds(200, 0.94)[1]
    assert false <= count_bounds(200, 0.02)[1]


def test_samples_needed_is_the_smallest_and_follows_the_normal_equation() -> None:
    """n ≈ ((z_{α/2} + z_power) spread / log ratio)² for many samples."""
    test = VarianceRatio(0.95, power=0.8)
    found = test.samples_needed(2.0, 1.01)
    expected = ((stats.norm.isf(0.025) + stats.norm.ppf(0.8)) * 2 / np.log(1.01)) ** 2
    assert found == pytest.approx(expected, rel=1e-4)
    assert test.detectable_ratio(2.0, found) <= 1.01 < test.detectable_ratio(2.0, found - 1)
    assert test.samples_needed(2.0, 1.0) is None
    assert test.samples_needed(0.0, 2.0) == 4
    assert test.detectable_ratio(0.0, 10) == 1.0


def test_bad_input_is_refused() -> None:
    x = np.zeros((5, 1))
    test = VarianceRatio(0.9)
    with pytest.raises(InvalidData, match="second has 4 rows, must have those of first, 5"):
        test.run(x, x[1:])
    with pytest.raises(InvalidData, match="number of rows of first is 3, must be an integer of at least 4"):
        test.run(x[:3], x[:3])
    with pytest.raises(InvalidData, match=r"second\[0, 0\] is nan"):
        test.run(x, np.full((5, 1), np.nan))
    with pytest.raises(InvalidData, match=r"mean_first has shape \(2,\), must be \[d\] = \(1,\)"):
        test.run(x, x, mean_first=[0, 0])
    with pytest.raises(InvalidData, match=r"ratio is 0\.0"):
        test.samples_needed(1.0, 0.0)
    with pytest.raises(InvalidData, match=r"confidence is 1\.0"):
        VarianceRatio(1.0)
