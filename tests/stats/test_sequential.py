from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from pgverify.errors import InvalidData
from pgverify.stats import HotellingTest, Moments, SequentialOutcome, SequentialTest, Tails
from pgverify.stats.sequential_look import evidence_of_bias, hidden_bias

BIASED, CONSISTENT, INCONCLUSIVE = SequentialOutcome
MIX = np.array([[2.0, 0.5, 0.0], [0.0, 1.0, -1.0]])
MEAN = np.ones(2) @ MIX
QUICK = SequentialTest(alpha=1e-3, tolerance=0.1, budget=40_000, rarest=0.02)


def exponential(seed: int = 0) -> Callable[[int, int], np.ndarray]:
    """Draw correlated, skewed rows in a plane of three dimensions; the mean is MEAN."""
    return lambda count, index: np.random.default_rng([seed, index]).exponential(size=(count, 2)) @ MIX


def test_a_right_mean_is_consistent() -> None:
    found = QUICK.run(exponential(), MEAN, scale=1.0)
    assert found.outcome is CONSISTENT
    assert np.linalg.norm(found.bias) < found.hidden_bias <= found.limit == 0.1
    assert found.n in found.looks
    assert found.samples_to_settle == found.n
    assert found.n < QUICK.budget
    assert found.p_value > 1e-3


@pytest.mark.parametrize("along", [MIX[0], MIX[1], MIX[0] - 2 * MIX[1]])
def test_a_bias_within_the_plane_is_found(along: np.ndarray) -> None:
    """Negative control of the above. Too small beside the coordinates' deviations to be deterministic."""
    found = QUICK.run(exponential(), MEAN + 0.2 * along / np.linalg.norm(along), scale=1.0)
    assert found.outcome is BIASED
    assert found.p_value <= 1e-3
    assert not found.rests_on_deterministic
    assert found.note == ""


def test_a_bias_across_the_plane_rests_on_it() -> None:
    across = np.cross(MIX[0], MIX[1])
    found = QUICK.run(exponential(), MEAN + 1e-3 * across, scale=1.0)
    assert (found.outcome, found.rests_on_deterministic) == (BIASED, True)
    assert "none of" in found.note
    assert "`jump`" in found.note
    assert found.n >= math.log(1e3) / 0.02


def test_a_single_coordinate_is_found_by_itself() -> None:
    """Where a rare coordinate closes Hotelling's gate, the others still speak."""

    def draw(count: int, index: int) -> np.ndarray:
        rng = np.random.default_rng(index)
        return np.column_stack([rng.normal(size=count), np.arange(count) % 200 == 100])

    test = SequentialTest(alpha=1e-6, budget=2000, rarest=0.05)
    found = test.run(draw, [1.0, 5e-3], scale=1.0)
    assert found.outcome is BIASED
    assert math.isinf(found.hidden_bias)
    still = test.run(draw, [0.0, 5e-3], scale=1.0)
    assert still.outcome is INCONCLUSIVE
    assert still.note.startswith("the tails are too heavy for 2000 samples: a kurtosis of")


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
def test_a_spent_budget_says_what_could_hide_and_what_it_takes() -> None:
    test = SequentialTest(alpha=1e-3, tolerance=0.02, budget=20_000, rarest=0.02)
    found = test.run(exponential(), MEAN, scale=1.0)
    assert (found.outcome, found.n) == (INCONCLUSIVE, 20_000)
    assert found.limit < found.hidden_bias < 0.2
    assert found.note.startswith("a bias up to 0.")
    more = SequentialTest(alpha=1e-3, tolerance=0.02, budget=int(1.3 * found.samples_to_settle), rarest=0.02)
    assert more.run(exponential(1), MEAN, scale=1.0).outcome is CONSISTENT
    worst = np.linalg.eigh(MIX.T @ MIX)[1][:, -1] * found.limit
    assert more.run(exponential(1), MEAN + worst, scale=1.0).outcome is BIASED


def test_zero_tolerance_is_never_consistent() -> None:
    test = SequentialTest(alpha=1e-3, tolerance=0.0, budget=2000, rarest=0.05)
    assert test.run(exponential(), MEAN, scale=1.0).outcome is INCONCLUSIVE
    constant = test.run(lambda count, _: np.ones((count, 1)), [1.0], scale=1.0)
    assert constant.outcome is INCONCLUSIVE
    assert constant.samples_to_settle is None


def test_what_never_varied() -> None:
    def constant(count: int, index: int) -> np.ndarray:
        return np.zeros((count, 1))

    right = QUICK.run(constant, [0.0], scale=1.0)
    assert (right.outcome, right.p_value) == (CONSISTENT, 1.0)
    wrong = QUICK.run(constant, [1.0], scale=1.0)
    assert (wrong.outcome, wrong.rests_on_deterministic) == (BIASED, True)
    assert QUICK.run(constant, [1.0], scale=1.0, jump=1e5).outcome is INCONCLUSIVE
    bounded = QUICK.run(constant, [1.0], scale=1.0, jump=100.0)
    assert (bounded.outcome, bounded.rests_on_deterministic) == (BIASED, False)
    # Were the mean 1 and the jump 100, a sample of n zeros would have probability at most (1 − 1/100)^n.
    assert 0.99**bounded.n <= 1e-3


def test_an_unseen_spike_under_noise_is_no_bias_when_bounded() -> None:
    """x = noise + 1/p with probability p = 1e-5: the samples of this seed hold no spike at all.

    Without a bound nothing in them says so (the stated assumption); `jump` keeps the question open.
    """

    def draw(count: int, index: int) -> np.ndarray:
        rng = np.random.default_rng(index)
        return rng.normal(size=(count, 1)) + (rng.random((count, 1)) < 1e-5) * 1e5

    test = SequentialTest(alpha=1e-3, budget=5000, rarest=0.02)
    assert test.run(draw, [1.0], scale=1.0, jump=2e5).outcome is INCONCLUSIVE
    assert test.run(draw, [1.0], scale=1.0).outcome is BIASED


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
def test_is_deterministic_and_does_not_depend_on_the_batch() -> None:
    def draw(count: int, index: int) -> np.ndarray:
        rows = stream[draw.used : draw.used + count]
        draw.used += count
        return rows

    stream, results = exponential()(40_000, 0), []
    for batch in (500, 5000, 65_536):
        draw.used = 0
        results.append(SequentialTest(1e-3, 0.1, budget=40_000, rarest=0.02, batch=batch).run(draw, MEAN, 1.0))
    assert {r.outcome for r in results} == {CONSISTENT}
    assert results[0].hidden_bias == pytest.approx(results[2].hidden_bias, rel=0.1)
    again = QUICK.run(exponential(), MEAN, 1.0)
    assert again.hidden_bias == QUICK.run(exponential(), MEAN, 1.0).hidden_bias


def test_each_call_has_its_own_index() -> None:
    calls: list[tuple[int, int]] = []

    def draw(count: int, index: int) -> np.ndarray:
        calls.append((count, index))
        return exponential()(count, index)

    found = SequentialTest(1e-3, 0.1, budget=3000, rarest=0.05, batch=700).run(draw, MEAN, 1.0)
    assert [index for _, index in calls] == list(range(len(calls)))
    assert sum(count for count, _ in calls) == found.n
    assert max(count for count, _ in calls) <= 700


def test_evidence_is_hotellings_with_the_guarded_covariance() -> None:
    """In the plane (r = 2) T² shrinks by the guard factor; of the two parts Hotelling's is the smaller here."""
    x = exponential()(3000, 0)
    tails, target = Tails.of(x), MEAN + 0.2 * (MIX[0] - 2 * MIX[1])
    covariance = tails.guarded_covariance(5.0, None)
    moments = Moments.of(x)
    t2 = HotellingTest(0.01).run(moments, target).statistic * moments.covariance[0, 0] / covariance[0, 0]
    from scipy.stats import f

    expected = 2 * f.sf(t2 * 2998 / (2 * 2999), 2, 2998)
    assert evidence_of_bias(tails, target, 5.0, None).p_value == pytest.approx(expected, rel=1e-3)


def test_hidden_bias_in_one_dimension() -> None:
    """|bias| + t √(C/n), one-sided."""
    from scipy.stats import t

    tails = Tails.of(exponential()(3000, 0)[:, :1])
    reach = t.isf(0.01, 2999) * math.sqrt(tails.guarded_covariance(5.0, None)[0, 0] / 3000)
    bias = abs(tails.moments.mean[0] - 2.5)
    assert hidden_bias(tails, np.array([2.5]), 0.01, 5.0, None) == pytest.approx(bias + reach, rel=1e-6)


def test_the_triad_inverts() -> None:
    covariance = MIX.T @ MIX
    for direction in (None, MIX[1]):
        length = QUICK.detectable_bias(covariance, 5000, direction)
        along = np.linalg.eigh(covariance)[1][:, -1] if direction is None else direction / np.linalg.norm(direction)
        assert QUICK.samples_needed(covariance, along * length * (1 + 1e-6)) == 5000
    assert QUICK.detectable_bias(covariance) < QUICK.detectable_bias(covariance, 5000)
    plain = HotellingTest(1e-3).detectable_bias(covariance, 5000)
    assert plain < QUICK.detectable_bias(covariance, 5000) < 1.6 * plain
    assert math.isinf(QUICK.detectable_bias(covariance, 100))
    heavy = Tails.of(np.random.default_rng(0).standard_t(3, size=(5000, 2)) @ MIX)
    assert QUICK.detectable_bias(heavy, 5000) > QUICK.detectable_bias(heavy.moments.covariance, 5000)
    assert QUICK.samples_needed(covariance, [0.0, 0.0, 0.0]) is None
    assert QUICK.samples_needed(covariance, np.cross(MIX[0], MIX[1])) == QUICK.looks(3).counts[0]


def test_what_draw_returns_is_checked() -> None:
    def with_nan(count: int, index: int) -> np.ndarray:
        rows = exponential()(count, index)
        if index == 1:
            rows[3, 2] = np.nan
        return rows

    with pytest.raises(InvalidData, match=r"draw\(\d+, 1\)\[3, 2\] is nan, every entry must be finite"):
        SequentialTest(budget=40_000, tolerance=1e-4).run(with_nan, MEAN, 1.0)
    with pytest.raises(InvalidData, match=r"draw\(\d+, 0\) has shape"):
        QUICK.run(lambda count, _: np.zeros((count - 1, 3)), MEAN, 1.0)
    with pytest.raises(InvalidData, match="target"):
        QUICK.run(exponential(), [np.nan, 0, 0], 1.0)
    with pytest.raises(InvalidData, match="scale is nan"):
        QUICK.run(exponential(), MEAN, math.nan)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha", 0.0),
        ("alpha", math.nan),
        ("consistent_rate", 1.0),
        ("tolerance", -1.0),
        ("budget", 1),
        ("growth", 1.0),
        ("rarest", 0.0),
        ("rounding", math.nan),
        ("batch", 1),
    ],
)
def test_arguments_are_checked(name: str, value: float) -> None:
    with pytest.raises(InvalidData, match=name):
        SequentialTest(**{name: value})
