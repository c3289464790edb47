"""When a sequential test looks at its data, and what each look may spend of the error rates."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pgverify.errors import InvalidData

STATISTIC = 0.9
"""Nine tenths of a rate go to the statistic, one tenth to the guard against unseen tails, where a factor of ten
costs least: it enters as a logarithm."""


@dataclass(frozen=True)
class Looks:
    """Geometric sample sizes that end at the budget; each look spends the same part of a rate.

    n_k = ⌈budget / growth^{K−k}⌉,  rate_k = rate / K

    The rates add up (Bonferroni), so the total holds at every stopping time whatever the dependence between
    looks; with geometric sizes that loses little. Equal parts suit a bias of unknown size.

    Parameters
    ----------
    counts : tuple of int
        The sample sizes, rising.
    dimension : int
        d, the number of coordinates.
    """

    counts: tuple[int, ...]
    dimension: int

    @classmethod
    def planned(
        cls, *, dimension: int, first_look: int, budget: int, growth: float, rarest: float | None, rate: float
    ) -> Looks:
        """Return the looks from `first_look`, or from where events of probability `rarest` have been seen.

        The first is at least L / −log(1 − rarest), L the log odds of a guard at `rate`; and at least d + 2.
        """
        first = max(first_look, dimension + 2)
        if rarest is not None:
            most = _counts(first, budget, growth) if first <= budget else (budget,)
            log_odds = cls(most, dimension).log_odds(rate)
            first = max(first, math.ceil(log_odds / -math.log1p(-rarest)))
        if first > budget:
            cause = "" if rarest is None else f" with rarest = {rarest:g} and the smaller rate {rate:g}"
            raise InvalidData(f"budget is {budget}, must be at least the first look, {first}{cause}")
        return cls(_counts(first, budget, growth), dimension)

    @property
    def number(self) -> int:
        """K."""
        return len(self.counts)

    def share(self, rate: float) -> float:
        """Return what the statistic of one look may spend of `rate`."""
        return STATISTIC * rate / self.number

    def log_odds(self, rate: float) -> float:
        """Return L = log(20 d K / rate): a tenth of the rate, over looks, two tests and d directions."""
        return math.log(2 * self.dimension * self.number / ((1 - STATISTIC) * rate))


def _counts(first: int, budget: int, growth: float) -> tuple[int, ...]:
    steps = math.floor(math.log(budget / first) / math.log(growth) + 1e-9)
    return tuple(sorted({math.ceil(budget / growth**k) for k in range(steps + 1)}))
