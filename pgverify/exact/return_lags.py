"""E[g] and the diagonal of E[g gᵀ] through returns to the same state, for policies whose states share no parameter.

Let g = Σ_t p_t X_t with p_t = ω^t ψ(s_t,a_t), X_t = Y_t − b_t(s_t) and Y_t = u_t + κ Y_{t+1}. The sweep of
`step_moments` carries E[Y X | s] for every state and parameter, S·d numbers. Where each parameter belongs to one state,
p_t ∘ p_t' is zero unless s_t = s_t', and chances of coming back take their place: S numbers for every state. With
t' = t + ℓ,

    Y_t = Σ_{k<ℓ} κ^k u_{t+k} + κ^ℓ Y_t',

and what follows after s_t' depends on s_t' alone, so that E[p_t ∘ p_t' X_t X_t'] at the parameters of a state s is

    d_t(s) Σ_a π p_t(s,a) ∘ { [μ_ℓ(s,a) + (κ^ℓ e_t'(s) − e_t(s)) ρ_ℓ(s,a)] H_t'(s) + κ^ℓ ρ_ℓ(s,a) K_t'(s) },

    ρ_ℓ(s,a) = P(s_ℓ = s, under way | s,a),     μ_ℓ(s,a) = E[Σ_{k<ℓ} κ^k v_k ; s_ℓ = s, under way | s,a],
    H_t(s) = Σ_a π p_t E[X_t | s,a],            K_t(s) = Σ_a π p_t E[X_t² | s,a].

Here v = u + κ h(s') − h(s) and e_t = b_t − h, with any h that does not depend on time: it telescopes. With h the mean
of b_t over time, a b close to the values leaves small numbers, as in the sweep. (The last step, where the sweep's u is
different, is never between two visits.) With N(s,s') = Σ_a π P(s', going on | s,a), and D the same with v inside,

    ρ_ℓ(s,a) = Σ_s' P(s', going on | s,a) N^{ℓ−1}(s',s),    M_ℓ = D N^{ℓ−1} + κ N M_{ℓ−1},    M_0 = 0,

and μ_ℓ(s,a) from N^{ℓ−1} and M_{ℓ−1} in the same way. The dynamics are the same at every time, so the powers are shared
by all t. Their columns are independent: a few at a time are taken through all lags, and stay in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from pgverify.exact.step_law import StepLaw
from pgverify.exact.step_moments import return_moments
from pgverify.recursion import StepRecursion
from pgverify.validation import Array

SMALLEST_LAGGED = 128
"""States from which on the lags are faster. Measured: they and the sweep take the same time at S = 64 to 200, more or
less whatever T is; with A = 4 and K = 5 the sweep takes three times as long at S = 200, and more beyond."""

CACHED = 2**15
FEWEST_SPARSE, FEWEST_DENSE = 16, 256
"""Cells of N^ℓ and of M_ℓ that are taken through the lags together: 0.5 MB, what a core has for itself. But no fewer
columns than let a product, and the loop around it, run at full speed."""


def lags_apply(law: StepLaw, recursion: StepRecursion) -> bool:
    """Return whether a diagonal follows from returns to the same state, and faster than by the sweep."""
    endless = recursion.lookahead is None or recursion.lookahead >= law.steps
    direct = law.rollout.on_policy and recursion.critic is None and endless
    return direct and len(law.chain.start) >= SMALLEST_LAGGED and law.blocks.disjoint


def return_lag_sums(law: StepLaw, recursion: StepRecursion) -> tuple[Float[Array, "S k"], Float[Array, "S k"]]:
    """Return E[g] and the diagonal of E[g gᵀ], at the parameters that each state touches.

    Holds on policy, without critic and lookahead, where no parameter is touched by two states. Takes O(T·S·n) time for
    n transitions in N and O(T·d) memory: nothing of size S² is built where N is sparse.

    Parameters
    ----------
    law : StepLaw
    recursion : StepRecursion

    References
    ----------
    Compared with the sweep and with enumeration in the tests.
    """
    mean, square = return_moments(law, recursion.decay, recursion.baseline)
    baseline = np.broadcast_to(_rows(recursion.baseline, law.steps), (law.steps, len(law.chain.start)))
    power = np.power(recursion.weighting, np.arange(law.steps))[:, None]
    drawn = law.chain.probabilities[:, :, None] * law.blocks.score
    shift = _rows(recursion.baseline, law.steps).mean(axis=0)
    visits = power * law.visits()
    # Beside E ψ = 0 the mean over actions counts for nothing: without it a large baseline costs no digits.
    apart = mean - np.einsum("tsa,sa->ts", mean, law.chain.probabilities)[:, :, None]
    steps = _Steps(
        visits=visits,
        first=np.einsum("tsa,sak->tsk", power[:, :, None] * apart, drawn),
        second=np.einsum("tsa,sak->tsk", power[:, :, None] * square, drawn),
        excess=baseline - shift,
    )
    alone = np.einsum("ts,tsa->sa", power * visits, square)
    sums = np.einsum("sa,sak->sk", alone, drawn * law.blocks.score)
    visited = np.flatnonzero(visits.any(axis=0))
    columns = max(FEWEST_SPARSE if law.going_on.sparse else FEWEST_DENSE, CACHED // len(shift))
    for begin in range(0, len(visited), columns):
        at = visited[begin : begin + columns]
        sums[at] += 2.0 * _pairs(steps.at(at), drawn[at], recursion.decay, _returns(law, recursion.decay, shift, at))
    return np.einsum("ts,tsk->sk", law.visits(), steps.first), sums


@dataclass(frozen=True, eq=False)
class _Steps:
    """What depends on time: ω^t d_t, H_t, K_t and e_t of the derivation above."""

    visits: Float[Array, "T S"]
    first: Float[Array, "T S k"]
    second: Float[Array, "T S k"]
    excess: Float[Array, "T S"]

    def at(self, states: Integer[Array, "c"]) -> _Steps:
        """Return the same for some of the states."""
        parts = (self.visits, self.first, self.second, self.excess)
        return _Steps(*(np.ascontiguousarray(part[:, states]) for part in parts))


def _pairs(
    steps: _Steps,
    drawn: Float[Array, "c A k"],
    decay: float,
    returns: Iterator[tuple[Float[Array, "c A"], Float[Array, "c A"]]],
) -> Float[Array, "c k"]:
    """Return Σ_{t < t'} E[p_t ∘ p_t' X_t X_t'] of some states; `drawn` is π ψ."""
    total = np.zeros(steps.first.shape[1:])
    for lag, (chance, gained) in enumerate(returns, start=1):
        earlier, faded = steps.visits[:-lag], decay**lag
        apart = earlier * (faded * steps.excess[lag:] - steps.excess[:-lag])  # small where b is: subtracted first
        beside_gained = np.einsum("tc,tck->ck", earlier, steps.first[lag:])
        beside_chance = np.einsum("tc,tck->ck", apart, steps.first[lag:])
        beside_chance += faded * np.einsum("tc,tck->ck", earlier, steps.second[lag:])
        total += (gained[:, None, :] @ drawn)[:, 0] * beside_gained
        total += (chance[:, None, :] @ drawn)[:, 0] * beside_chance
    return total


def _returns(
    law: StepLaw, decay: float, shift: Float[Array, "S"], at: Integer[Array, "c"]
) -> Iterator[tuple[Float[Array, "c A"], Float[Array, "c A"]]]:
    """Yield ρ_ℓ(s,a) and μ_ℓ(s,a) of some states for ℓ = 1, …, T−1."""
    added = law.reward + decay * law.going_on.at_successors(shift) - shift[:, None, None]
    adding = law.going_on.times(added)
    onward, gaining = law.onward(), law.onward(adding)
    goes, gains = law.going_on.weight[at], adding.weight[at]
    both = np.zeros((len(shift), 2 * len(at)))  # the columns of N^{ℓ−1}, beside them those of M_{ℓ−1}
    both[at, np.arange(len(at))] = 1.0
    cell = law.going_on.successor[at] * both.shape[1] + np.arange(len(at))[:, None, None]
    for _ in range(1, law.steps):
        chances, sums = both.take(cell), both.take(cell + len(at))
        yield _over(goes, chances), _over(gains, chances) + decay * _over(goes, sums)
        following = np.asarray(onward @ both)
        following[:, len(at) :] *= decay
        following[:, len(at) :] += gaining @ both[:, : len(at)]
        both = following


def _over(weight: Float[Array, "c A K"], values: Float[Array, "c A K"]) -> Float[Array, "c A"]:
    return np.einsum("cak,cak->ca", weight, values)


def _rows(table: Float[Array, "*time S"], steps: int) -> Float[Array, "t S"]:
    """Return a table by time, up to the last step; one row where it is by state alone."""
    return table[:steps] if table.ndim == 2 else table[None]
