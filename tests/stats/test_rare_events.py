"""Error rates of `BiasTest` where what matters happens a few times, exactly: by listing how often it happened."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from slow_cases import slow_but

from pgverify.stats import BiasTest, CoordinateTest, Moments

COUNT = 4_000


def sample(times: int, weight: float) -> Moments:
    """Return the moments of n samples in which the event happened so many times, everything else being 0."""
    x = np.zeros((COUNT, 1))
    x[:times] = weight
    return Moments.of(x)


def rate(test: BiasTest, expected: float, weight: float) -> float:
    """Return the probability that an honest mean is rejected: P(k) summed over the k at which it is."""
    chance = expected / COUNT
    counts = np.arange(int(binom.ppf(1e-12, COUNT, chance)), int(binom.ppf(1 - 1e-12, COUNT, chance)) + 1)
    rejected = [test.run(sample(int(k), weight), [weight * chance]).rejected for k in counts]
    return float(binom.pmf(counts, COUNT, chance)[rejected].sum())


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.parametrize("weight", [1.0, -3.0])
@pytest.mark.parametrize("alpha", [0.05, 0.01, 1e-3, 1e-6])
@pytest.mark.parametrize("expected", slow_but([1, 4, 20, 60], [4, 20]))
def test_rare_events_are_not_called_a_bias(expected: float, alpha: float, weight: float) -> None:
    assert rate(BiasTest(alpha), expected, weight) <= alpha


@pytest.mark.usefixtures("unchecked_shapes")
def test_without_the_guard_they_would_be() -> None:
    """The t test alone at 1e-6 / 2, with 20 events expected: about 1e-4 (and 2.5e-4 at 1e-6, in two directions)."""

    class Bare(BiasTest):
        def run(self, moments, target, jump=None):
            return CoordinateTest(self.alpha).run(moments, target, jump)

    assert rate(Bare(1e-6), 20, 1.0) > 1e-5


def test_the_result_says_what_the_samples_support() -> None:
    # Twenty ones among zeros: skewness √(n/20), of which 3 √(6/n) count as none; z* = √n/γ = 4.47 and
    # log p' = log P(|t| > z*) + z*²/3, twice for the two tests.
    few = BiasTest(1e-6).run(sample(20, 1.0), [1.5e-2])
    assert few.p_value < 1e-6 < few.supported
    assert few.guarded_p_value >= few.supported
    assert not few.rejected
    assert "as by 20 rare events, for an error rate below" in few.note
    # With half of the samples ones nothing is rare.
    many = BiasTest(1e-6).run(sample(2_000, 1.0), [0.75])
    assert many.rejected
    assert many.supported == 0.0
    assert many.note == ""
    assert BiasTest(1e-6).run(sample(0, 1.0), [1e-4]).rarest == pytest.approx(1 - 1e-6 ** (1 / COUNT))


def test_a_mean_above_its_target_needs_no_allowance_for_a_tail_above() -> None:
    above, below = (BiasTest(0.01).run(sample(60, 1.0), [target]) for target in (0.0075, 0.0225))
    assert above.coordinate.p_value == pytest.approx(below.coordinate.p_value, rel=1e-6)
    assert above.guarded_p_value < below.guarded_p_value
