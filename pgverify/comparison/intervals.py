"""Rows with intervals that all hold at once: the sampled number, the exact one, and how far apart they may be.

A row has the columns `quantity, coordinate, exact, sampled, low, high, z, n, confidence`, as the figures of
`pgverify.reporting` want them; the caller adds what it is about (problem, estimator).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Integer

from pgverify.errors import InvalidData
from pgverify.kinds import known_arguments
from pgverify.stats import BiasTest, Moments, TraceInterval, VarianceRatioResult
from pgverify.stats.power import normal_critical, open_unit
from pgverify.studies import Claim, Row
from pgverify.validation import Array, require_integer, settle

if TYPE_CHECKING:
    import pandas as pd


@known_arguments
@dataclass(frozen=True)
class Simultaneous:
    """Intervals that all hold at once: each of `most_rows` fails with probability error_rate / most_rows (Bonferroni).

    Parameters
    ----------
    error_rate : float
        Probability that any of them misses.
    most_rows : int
        How many there may be.
    """

    error_rate: float
    most_rows: int

    def __post_init__(self) -> None:
        settle(self, error_rate=open_unit("error_rate", self.error_rate))
        settle(self, most_rows=require_integer("most_rows", self.most_rows, 1, InvalidData))

    @property
    def alpha(self) -> float:
        """Error rate of a single interval."""
        return self.error_rate / self.most_rows

    @property
    def critical(self) -> float:
        """Standard errors to either side, for a normal estimate."""
        return normal_critical(self.alpha)

    def mean_rows(
        self, moments: Moments, expected: Float[Array, "k"], coordinates: Integer[Array, "k"] | None = None
    ) -> list[Row]:
        """Return a row for every coordinate of a mean: mean ± (z + |skewness| (2z² + 1)/(6√n)) se.

        The second term is Edgeworth's first correction to Student's statistic, without which coordinates that are
        seldom anything but 0 would be outside too often.

        Parameters
        ----------
        moments : Moments
            Of the sample.
        expected : [k]
            The exact mean.
        coordinates : [k], optional
            Which coordinates of θ those are; by default 0..k−1.

        References
        ----------
        Johnson, Modified t tests and confidence intervals for asymmetrical populations, 1978.
        """
        z, error = self.critical, moments.standard_error
        reach = error * (z + np.abs(moments.skewness) * (2 * z**2 + 1) / (6 * moments.count**0.5))
        names = range(moments.dimension) if coordinates is None else coordinates
        return [
            {
                **self._common(moments.count),
                "quantity": "gradient",
                "coordinate": int(j),
                "exact": expected[i],
                "sampled": moments.mean[i],
                "low": moments.mean[i] - reach[i],
                "high": moments.mean[i] + reach[i],
                "z": (moments.mean[i] - expected[i]) / error[i],
            }
            for i, j in enumerate(names)
        ]

    def trace_row(self, moments: Moments, expected: float) -> Row:
        """Return the row of the trace of a covariance, beside the exact one."""
        found = TraceInterval.of(moments, 1 - self.alpha)
        return self._positive(moments.count, "variance", expected, found.trace, found.low, found.high)

    def square_row(self, moments: Moments, expected: float) -> Row:
        """Return the row of a trace from the squares |g − E g|² [n, 1] about the exact mean.

        trace × exp(± z sd/(√n trace)) and a term for their skewness: as in `TraceInterval`, but no coordinate has to be
        kept, and the skewness is that of the sample.
        """
        sampled, z = float(moments.mean[0]), self.critical
        z += abs(float(moments.skewness[0])) * (2 * z**2 + 1) / (6 * moments.count**0.5)
        reach = z * float(moments.standard_error[0]) / sampled if sampled > 0 else 0.0
        low, high = sampled * np.exp(-reach), sampled * np.exp(min(reach, 700.0))
        return self._positive(moments.count, "variance", expected, sampled, low, high)

    def ratio_row(self, found: VarianceRatioResult, expected: float) -> Row:
        """Return the row of a ratio of two traces on the same trajectories, whose interval has level 1 − alpha."""
        return self._positive(found.count, "ratio", expected, found.ratio, found.low, found.high)

    def test_row(self, moments: Moments, target: Float[Array, "k"]) -> Row:
        """Return the p-value of the test for a bias, of coordinates and of all directions at once."""
        p_value = BiasTest(self.error_rate).run(moments, target).p_value
        return {**self._common(moments.count), "quantity": "test", "p_value": p_value, "kept": moments.dimension}

    def claim(self, name: str, statement: str, rows: pd.DataFrame) -> Claim:
        """Decide that every interval of a table holds its exact number; a missing number does not hold."""
        held = int((rows["low"].le(rows["exact"]) & rows["exact"].le(rows["high"])).sum())
        return Claim(
            name=name,
            statement=statement,
            evidence="sampled",
            expected=f"{len(rows)} of {len(rows)}",
            found=f"{held} of {len(rows)}",
            holds=0 < held == len(rows) <= self.most_rows,
            certainty=f"total error rate {self.error_rate:g}, simultaneous over all rows",
        )

    def _common(self, count: int) -> Row:
        return {"n": count, "confidence": 1 - self.alpha}

    def _positive(self, count: int, quantity: str, expected: float, sampled: float, low: float, high: float) -> Row:
        # What is the same for every trajectory has an interval of length zero, up to rounding.
        low, high = low * (1 - 1e-9), high * (1 + 1e-9)
        score = float("nan")
        if sampled > 0 and expected > 0:
            score = self.critical * float(np.log(sampled / expected) / np.log(high / sampled))
        bounds = {"exact": expected, "sampled": sampled, "low": low, "high": high, "z": score}
        return {**self._common(count), "quantity": quantity, "coordinate": -1, **bounds}
