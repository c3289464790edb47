"""E[g] and the diagonal of E[g gᵀ] of the total return, through returns to the same state.

Let g = Σ_t p_t (R − b_t), p_t = c_t ψ_t, in the notation of `return_lags` and `past`: relative to V, R is ρ_t + κ^t G_t
at any t, where ρ is what has been paid, and b stands for b − V̄. Beside the action at t' > t, which has mean zero
whatever was before, (R − b_t)(R − b_t') leaves

    (2 ρ_t' − b_t − b_t') κ^t' G_t' + κ^2t' G_t'²,

and where states share no parameter only s_t = s_t' = s counts. On the way from there to there,

    ρ_t' = ρ_t + κ^t {Σ_{k<ℓ} κ^k v_{t+k} + κ^ℓ e_t'(s) − e_t(s)},   e_t = V_t − h,

with h the mean of V_t over time. The past before t is independent of what follows in s. With d_t(s) = P(s_t = s),
m_t(s) = E[ρ_t ;s_t = s], μ and ρ as in `return_lags` (the latter a chance there), the pair is

    c_t Σ_a π ψ { 2κ^t d_t [μ_ℓ + (κ^ℓ e_t' − e_t) ρ_ℓ] + [2 m_t − (b_t + b_t') d_t] ρ_ℓ } · H_t'
      + c_t d_t Σ_a π ψ ρ_ℓ · κ^t' K_t',     H_t' = c_t' κ^t' Σ_a π ψ E[G_t'],   K_t' = c_t' κ^t' Σ_a π ψ E[G_t'²],

the same sums over lags as those of returns to go, with other numbers of states and times: nothing of size S·d.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.exact.paid_before import baselines_by_time, paid_before, squares_alone
from pgverify.exact.return_lags import LaggedSteps, drawn_by_action, lagged_pairs, return_lag_sums
from pgverify.exact.returns_to_go import added_by_steps, to_go_moments
from pgverify.exact.step_law import StepLaw
from pgverify.exact.step_moments import return_values
from pgverify.recursion import StepRecursion, TotalRecursion
from pgverify.validation import Array


def lag_sums(
    law: StepLaw, recursion: StepRecursion | TotalRecursion
) -> tuple[Float[Array, "S k"], Float[Array, "S k"]]:
    """Return E[g] and the diagonal of E[g gᵀ] through returns to the same state, where `lags_apply` says so."""
    return return_lag_sums(law, recursion) if isinstance(recursion, StepRecursion) else total_lag_sums(law, recursion)


def total_lag_sums(law: StepLaw, recursion: TotalRecursion) -> tuple[Float[Array, "S k"], Float[Array, "S k"]]:
    """Return E[g] and the diagonal of E[g gᵀ], at the parameters that each state touches.

    Holds on policy, where no parameter is touched by two states. Takes time and memory as `return_lag_sums` does.

    Parameters
    ----------
    law : StepLaw
    recursion : TotalRecursion

    References
    ----------
    Compared with the recursion over [S, d] and with enumeration in the tests.
    """
    visits, times = law.visits(), np.arange(law.steps, dtype=np.float64)
    weighting, power = np.power(recursion.weighting, times)[:, None], np.power(recursion.decay, times)[:, None]
    values = return_values(law, recursion.decay)
    added = added_by_steps(law, StepRecursion(recursion.decay, 1.0, values))
    ahead = to_go_moments(law, added, recursion.decay)
    past = paid_before(law, added, recursion.decay, values, visits)
    baseline = baselines_by_time(law, recursion.baseline, past.centre)
    shift = values.mean(axis=0)
    steps = LaggedSteps(
        visits=2.0 * weighting * power * visits,
        plain=weighting * (2.0 * past.mean - baseline * visits),
        score=weighting * visits,
        first=drawn_by_action(law, weighting * power, ahead.apart),
        second=drawn_by_action(law, weighting * power, ahead.square) / 2.0,  # beside α_t, which is twice c_t κ^t d_t
        excess=values - shift,
        offset=baseline,
    )
    alone = squares_alone(recursion, past, baseline, visits, ahead)
    sums = np.einsum("sa,sak->sk", alone * law.chain.probabilities, law.blocks.score**2)
    mean = np.einsum("ts,kts->sk", visits, steps.first)
    return mean, sums + lagged_pairs(law, steps, recursion.decay, shift)
