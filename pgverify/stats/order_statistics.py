"""A band that holds all order statistics of independent uniforms at once, each rank with the same error."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidData
from pgverify.kinds import accepts
from pgverify.stats.power import open_unit
from pgverify.validation import Array, require_integer

DRAWS = 4_000_000
"""Uniforms simulated to set the level: about 0.3 s; the coverage is then known to about half a percent."""


MOST = 100_000
"""Ordered uniforms: 400 samples of as many are 0.3 GB."""


@accepts()
def uniform_band(count: int, coverage: float = 0.95) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    """Return bounds for each of n ordered uniforms such that all hold together with the given probability.

    The k-th of n ordered uniforms is Beta(k, n + 1 − k); each rank gets the same two-sided level, found by
    bisection over simulated samples with a fixed seed. A figure's aid: no verdict rests on it.

    Parameters
    ----------
    count : int
        n ≥ 1.
    coverage : float
        Probability, in (0, 1), that no order statistic leaves the band.

    References
    ----------
    Aldor-Noiman, Brown, Buja, Rolke, Stine (2013), The power to see, The American Statistician 67(4).
    """
    from scipy.special import betaincinv

    count = require_integer("count", count, 1, InvalidData, largest=MOST)
    coverage = open_unit("coverage", coverage)
    rank = np.arange(1, count + 1)
    repeats = int(np.clip(DRAWS // count, 400, 4000))
    samples = np.sort(np.random.default_rng(0).random((repeats, count)), axis=1)

    def bounds(level: float) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
        tail = np.asarray(betaincinv(rank, count + 1 - rank, [[level / 2], [1 - level / 2]]))
        return tail[0], tail[1]

    # Between Bonferroni, which surely covers, and one rank alone, which covers at most as often as asked.
    narrow, wide = 1 - coverage, (1 - coverage) / count
    for _ in range(12):
        level = float(np.sqrt(narrow * wide))
        low, high = bounds(level)
        if np.mean(((low <= samples) & (samples <= high)).all(axis=1)) >= coverage:
            wide = level
        else:
            narrow = level
    return bounds(wide)
