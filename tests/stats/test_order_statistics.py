"""The band of order statistics: it holds as often as it says, and of a single one it is the plain interval."""

from __future__ import annotations

import numpy as np
import pytest

from pgverify.stats import uniform_band

pytestmark = pytest.mark.statistical


def test_the_band_holds_all_ranks_together() -> None:
    low, high = uniform_band(50)
    # Other samples than the band was set with: 4000 of them, standard error 0.0034, four of those allowed.
    samples = np.sort(np.random.default_rng(5).random((4000, 50)), axis=1)
    share = ((low <= samples) & (samples <= high)).all(axis=1).mean()
    assert abs(share - 0.95) < 0.014
    single_low, single_high = uniform_band(1)
    np.testing.assert_allclose([single_low[0], single_high[0]], [0.025, 0.975], atol=0.01)
