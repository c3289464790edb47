"""What has been paid before step t, in the mean and in the mean square: the past of the total return without a score.

With ρ_t relative to the values V, as in `past`, and u = r + κ V_{t+1}(s') − V_t(s),

    E[ρ' ;s']  = Σ_s N E[ρ ;s] + κ^t W d_t,
    E[ρ'² ;s'] = Σ_s N E[ρ² ;s] + 2κ^t W E[ρ ;s] + κ^2t U d_t,

W and U being N with u and u² inside. Many steps at a time, as in `returns_to_go`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.exact.returns_to_go import Added, StepTables, ToGo
from pgverify.exact.step_law import StepLaw, at_time
from pgverify.recursion import TotalRecursion
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class PaidBefore:
    """E[ρ_t ;s] and E[ρ_t² ;s], and what they are relative to.

    Attributes
    ----------
    centre : float
        V̄ = E[V_0(s_0) | under way].
    mean, square : [T, S]
    """

    centre: float
    mean: Float[Array, "T S"]
    square: Float[Array, "T S"]


def paid_before(
    law: StepLaw, added: Added, decay: float, values: Float[Array, "T S"], visits: Float[Array, "T S"]
) -> PaidBefore:
    """Return the moments of what has been paid, on policy.

    Parameters
    ----------
    law : StepLaw
    added : Added
        Relative to the values.
    decay : float
        κ.
    values : [T, S]
        V_t(s).
    visits : [T, S]
        d_t(s), under way.
    """
    start = visits[0]
    centre = float(start @ values[0] / start.sum()) if start.any() else 0.0
    mean, square = np.zeros((2, *visits.shape))
    mean[0], square[0] = start * (values[0] - centre), start * (values[0] - centre) ** 2
    back, power = law.backward(), np.power(decay, np.arange(law.steps, dtype=np.float64))
    tables = StepTables.of(law, added)
    chosen = law.chain.probabilities
    for now in tables.times(law.steps - 1):
        weighted, squared = tables.going_on(now)
        factor = power[now, None]
        gained = factor * tables.arriving(weighted, visits[now][:, :, None] * chosen)
        for time in range(now.start, now.stop):
            mean[time + 1] = back @ mean[time] + gained[time - now.start]
        gained = 2.0 * factor * tables.arriving(weighted, mean[now][:, :, None] * chosen)
        gained += factor**2 * tables.arriving(squared, visits[now][:, :, None] * chosen)
        for time in range(now.start, now.stop):
            square[time + 1] = back @ square[time] + gained[time - now.start]
    return PaidBefore(centre, mean, square)


def squares_alone(
    recursion: TotalRecursion,
    past: PaidBefore,
    baseline: Float[Array, "T S"],
    visits: Float[Array, "T S"],
    ahead: ToGo,
) -> Float[Array, "S A"]:
    """Return Σ_t c_t² E[(R − b_t)² ; s_t = s | a_t = a]: what ψ ψᵀ counts of one step with itself.

    Parameters
    ----------
    recursion : TotalRecursion
    past : PaidBefore
    baseline, visits : [T, S]
        b_t − V̄ and d_t.
    ahead : ToGo
        Of G_t − V_t.
    """
    times = np.arange(len(visits), dtype=np.float64)
    square, power = np.power(recursion.weighting, 2.0 * times)[:, None], np.power(recursion.decay, times)[:, None]
    relative = past.mean - baseline * visits
    spread = past.square - 2.0 * baseline * past.mean + baseline**2 * visits
    alone = np.einsum("ts,tsa->sa", 2.0 * square * power * relative, ahead.mean)
    alone += np.einsum("ts,tsa->sa", square * power**2 * visits, ahead.square)
    return alone + (square * spread).sum(axis=0)[:, None]


def baselines_by_time(law: StepLaw, baseline: Float[Array, "*time S"], centre: float) -> Float[Array, "T S"]:
    """Return b_t − V̄ at all times; 0 in terminal states."""
    rows = np.stack([at_time(baseline, time) for time in range(law.steps)]) - centre
    return np.where(law.chain.running, rows, 0.0)
