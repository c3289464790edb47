"""What a sequential test can find with so many samples, and how many it needs: planning before or after."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from pgverify.stats.directions import Directions, beyond
from pgverify.stats.power import f_noncentrality, f_power, smallest_count, t_critical
from pgverify.stats.sequential_rare import RareEvents
from pgverify.stats.sequential_tails import Tails, guard_factor
from pgverify.validation import Array


def planning_factor(tails: Tails | None, rank: int, n: int, log_odds: float) -> float:
    """Return the expected guard factor with n samples: tails as in a pilot sample, or as in a normal one."""
    if tails is not None:
        return guard_factor(tails.kurtosis, tails.squared_radius, n, log_odds)
    # The largest of n χ²_r variables: about r + 2 √(r log n) + 2 log n (Laurent & Massart 2000).
    spread = math.log(n)
    return guard_factor(rank + 2.0, rank + 2 * math.sqrt(rank * spread) + 2 * spread, n, log_odds)


def power_to_find(strength: float, rank: int, n: int, level: float, tails: Tails | None, log_odds: float) -> float:
    """Return a lower bound on the probability that Hotelling's part finds a bias; strength = bᵀ Σ⁻¹ b."""
    factor = planning_factor(tails, rank, n, log_odds)
    return f_power(rank, n - rank, level, n * strength / factor) if math.isfinite(factor) else 0.0


def length_found(
    axes: Directions,
    along: Float[Array, "d"] | None,
    n: int,
    level: float,
    power: float,
    tails: Tails | None,
    log_odds: float,
) -> float:
    """Return the length of the smallest bias found with probability `power`; the worst direction by default."""
    r = axes.rank
    if r == 0:
        return axes.hidden
    factor = planning_factor(tails, r, n, log_odds)
    if n < r + 2 or not math.isfinite(factor):
        return math.inf
    size = math.sqrt(f_noncentrality(r, n - r, level, power) * factor / n)
    if along is None:
        return math.hypot(size * math.sqrt(axes.variances[-1]), axes.hidden if r < len(axes.basis) else 0.0)
    across = axes.across(along)
    decisive = axes.hidden / across if across > 1e-8 else math.inf  # below: rounding of the basis itself
    weight = math.sqrt(float(np.sum((axes.basis.T @ along) ** 2 / axes.variances)))
    return min(size / weight if weight > 0 else math.inf, decisive)


def count_to_find(
    axes: Directions,
    bias: Float[Array, "d"],
    noise: float,
    level: float,
    power: float,
    tails: Tails | None,
    log_odds: float,
    first: int,
) -> int | None:
    """Return the smallest n, at least `first`, at which `bias` is found with probability `power`."""
    if axes.across(bias) > axes.hidden:
        return max(first, axes.rank + 2)
    strength = float(np.sum(beyond(axes.basis.T @ bias, noise) ** 2 / axes.variances))
    if strength == 0.0:
        return None
    return smallest_count(
        lambda n: power_to_find(strength, axes.rank, n, level, tails, log_odds), power, max(first, axes.rank + 2)
    )


def count_to_clear(
    axes: Directions,
    limit: float,
    rate: float,
    power: float,
    tails: Tails,
    log_odds: float,
    first: int,
    unseen: Sequence[RareEvents] = (),
) -> int | None:
    """Return the smallest n at which no bias longer than `limit` could hide, were there none.

    t √(f λ_max / n) + √(tr Σ / n) + z_power √(λ_max / n) ≤ limit − what rounding hides

    f λ_max is at least what the guard makes of `unseen` (`Tails.guarded_covariance`). The last two terms bound
    the length of the estimate's own error with probability about `power`.
    """
    from scipy.special import ndtri

    floor = tails.noise * math.sqrt(max(axes.rank, 1)) + axes.hidden
    if limit <= floor:
        return None
    top, trace = float(axes.variances.max(initial=0.0)), float(axes.variances.sum())

    def clear(n: int) -> float:
        factor = planning_factor(tails, axes.rank, n, log_odds)
        if not math.isfinite(factor):
            return 0.0
        missed = 2 / 3 * max((rare.largest(n, log_odds) for rare in unseen), default=0.0)
        guarded = max(factor * top, guard_factor(tails.kurtosis, 0.0, n, log_odds) * top + missed)
        reach = t_critical(n - 1, 2 * rate) * math.sqrt(guarded)
        reach += math.sqrt(trace) + float(ndtri(power)) * math.sqrt(top)
        return float(reach / math.sqrt(n) + floor <= limit)

    return smallest_count(clear, 1.0, first)
