"""What no sample shows is allowed for where its bounds are given: closed forms, and the rates they keep.

Seeds are fixed. Were they drawn anew, each count here would fail with probability below 1e-6.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pgverify.stats import SequentialOutcome, SequentialTest, Tails
from pgverify.stats.sequential_rare import RareEvents

pytestmark = pytest.mark.statistical
BIASED, CONSISTENT, INCONCLUSIVE = SequentialOutcome
TEST = SequentialTest(alpha=1e-3, tolerance=0.1, budget=20_000, rarest=0.02)
FEW = replace(TEST, budget=4_000)


def bounds(chance: float, size: float = 1.0) -> RareEvents:
    """An event of one coordinate: its size, and its second moment."""
    return RareEvents(np.array([size]), np.array([[size * chance**0.5]]))


def test_the_smaller_bound_counts() -> None:
    """(L/n) jump² = 0.01 at L/n = 0.01; the second moment is the chance."""
    for chance, expected in ((1e-4, 1e-4), (0.5, 0.01)):
        rare = bounds(chance)
        assert rare.variance(1000, 10.0) == pytest.approx([expected], rel=1e-12)
        assert rare.covariance(1000, 10.0) == pytest.approx(np.array([[expected]]), rel=1e-12)
        assert rare.largest(1000, 10.0) == pytest.approx(expected, rel=1e-12)
        assert rare.times(-3.0).variance(1000, 10.0) == pytest.approx([9.0 * expected], rel=1e-12)


def test_it_enters_the_guard_as_two_thirds() -> None:
    """Samples that do not vary: nothing but 2/3 U is left of the covariance."""
    tails = Tails.of(np.zeros((1000, 1)))
    assert tails.guarded_covariance(10.0, bounds(1e-4)) == pytest.approx(np.array([[2e-4 / 3]]), rel=1e-12)
    assert tails.guarded_variance(10.0, bounds(1e-4)) == pytest.approx([2e-4 / 3], rel=1e-12)


@pytest.mark.parametrize("chance", [1e-3, 1e-5])
@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
def test_rare_events_accuse_nobody(chance: float) -> None:
    """Unbiased and rarer than `rarest`: 20 of 20 are not accused (α = 1e-3); without bounds, most are."""
    accused = {False: 0, True: 0}
    for seed in range(20):

        def draw(count: int, index: int, seed: int = seed) -> np.ndarray:
            return (np.random.default_rng([seed, index]).random((count, 1)) < chance).astype(float)

        for known in (False, True):
            unseen = [bounds(chance)] if known else []
            found = FEW.run(draw, [chance], scale=chance, unseen=unseen)
            accused[known] += found.outcome is BIASED
    assert accused[True] == 0
    assert accused[False] >= (15 if chance < 1e-3 else 5)


def test_what_is_seen_is_judged_all_the_same() -> None:
    """Negative control: a bias beyond what rare events explain; and agreement, where they are too small to matter."""

    def draw(count: int, index: int) -> np.ndarray:
        return np.random.default_rng(index).normal(size=(count, 1))

    assert TEST.run(draw, [0.2], 1.0, unseen=[bounds(1e-4)]).outcome is BIASED
    assert TEST.run(draw, [0.0], 1.0, unseen=[bounds(1e-4)]).outcome is CONSISTENT
    huge = TEST.run(draw, [0.0], 1.0, unseen=[bounds(1e-4), bounds(1.0, 1e5)])  # the weakest evidence counts
    assert huge.outcome is INCONCLUSIVE
    assert huge.samples_to_settle > TEST.run(draw, [0.0], 1.0).samples_to_settle


def test_what_it_takes_to_settle_allows_for_it() -> None:
    """Nothing but zeros in the sample: as many more as make the jump alone small enough, and no fewer."""
    found = TEST.run(lambda count, _: np.zeros((count, 1)), [0.0], 1e-3, unseen=[bounds(1.0)])
    assert found.outcome is INCONCLUSIVE
    more = SequentialTest(alpha=1e-3, tolerance=0.1, budget=int(1.5 * found.samples_to_settle), rarest=0.02)
    settled = more.run(lambda count, _: np.zeros((count, 1)), [0.0], 1e-3, unseen=[bounds(1.0)])
    assert settled.outcome is CONSISTENT
    assert settled.n > TEST.budget
