"""The exact confidence interval for a proportion."""

from __future__ import annotations

from pgverify.errors import InvalidData
from pgverify.kinds import accepts
from pgverify.stats.power import open_unit
from pgverify.validation import require_integer


@accepts()
def clopper_pearson(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """Return the interval for p from k successes in n trials.

    P(X ≥ k | low) = P(X ≤ k | high) = (1 − confidence) / 2

    The interval covers p with at least the stated confidence, for every p and n; no approximation.

    Parameters
    ----------
    successes : int
        k, from 0 to n.
    trials : int
        n, at least 1.
    confidence : number in (0, 1)

    Returns
    -------
    (low, high)
        low is 0 when k = 0, high is 1 when k = n.

    Raises
    ------
    InvalidData
        For a count out of range or a confidence outside (0, 1).

    References
    ----------
    Clopper & Pearson, Biometrika 26, 1934.
    """
    from scipy.special import betaincinv

    n = require_integer("trials", trials, 1, InvalidData)
    k = require_integer("successes", successes, 0, InvalidData)
    if k > n:
        raise InvalidData(f"successes is {k}, must be at most trials = {n}")
    tail = (1 - open_unit("confidence", confidence)) / 2
    # P(X ≥ k | p) = I_p(k, n − k + 1), the beta distribution function.
    low = float(betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    high = 1 - float(betaincinv(n - k, k + 1, tail)) if k < n else 1.0
    return low, high
