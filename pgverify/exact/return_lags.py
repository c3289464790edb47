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
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Integer

from pgverify.exact.giant_steps import baby_steps, returns_by_giant_steps
from pgverify.exact.returns_to_go import added_by_steps, to_go_moments
from pgverify.exact.step_law import StepLaw
from pgverify.recursion import StepRecursion, TotalRecursion
from pgverify.validation import Array

SMALLEST_LAGGED = 128
"""States from which on the lags are faster. Measured: they and the sweep take the same time at S = 64 to 200, more or
less whatever T is; with A = 4 and K = 5 the sweep takes three times as long at S = 200, and more beyond."""

CACHED = 2**15
FEWEST_SPARSE, FEWEST_DENSE = 16, 256
"""Cells of N^ℓ and of M_ℓ that are taken through the lags together: 0.5 MB, what a core has for itself. But no fewer
columns than let a product, and the loop around it, run at full speed."""


def lags_apply(law: StepLaw, recursion: StepRecursion | TotalRecursion) -> bool:
    """Return whether a diagonal follows from returns to the same state, and faster than by the sweep."""
    direct = law.rollout.on_policy
    if isinstance(recursion, StepRecursion):
        endless = recursion.lookahead is None or recursion.lookahead >= law.steps
        direct = direct and recursion.critic is None and endless
    return direct and len(law.chain.start) >= SMALLEST_LAGGED and law.blocks.disjoint


def return_lag_sums(law: StepLaw, recursion: StepRecursion) -> tuple[Float[Array, "S k"], Float[Array, "S k"]]:
    """Return E[g] and the diagonal of E[g gᵀ], at the parameters that each state touches.

    Holds on policy, without critic and lookahead, where no parameter is touched by two states. Takes O(T·S·n) time for
    n transitions in N and O(T·d) memory: nothing of size S² is built where N is sparse and S is large.

    Parameters
    ----------
    law : StepLaw
    recursion : StepRecursion

    References
    ----------
    Compared with the sweep and with enumeration in the tests.
    """
    direct = replace(recursion, critic=None, lookahead=None)
    ahead = to_go_moments(law, added_by_steps(law, direct), recursion.decay)
    visits = law.visits()
    baseline = np.broadcast_to(_rows(recursion.baseline, law.steps), visits.shape)
    power = np.power(recursion.weighting, np.arange(law.steps, dtype=np.float64))[:, None]
    shift = _rows(recursion.baseline, law.steps).mean(axis=0)
    steps = LaggedSteps(
        visits=power * visits,
        plain=np.zeros_like(visits),
        score=np.zeros_like(visits),
        first=drawn_by_action(law, power, ahead.apart),
        second=drawn_by_action(law, power, ahead.square),
        excess=baseline - shift,
        offset=np.zeros_like(visits),
    )
    alone = np.einsum("ts,tsa->sa", power**2 * visits, ahead.square) * law.chain.probabilities
    sums = np.einsum("sa,sak->sk", alone, law.blocks.score**2)
    mean = np.einsum("ts,kts->sk", visits, steps.first)
    return mean, sums + lagged_pairs(law, steps, recursion.decay, shift)


@dataclass(frozen=True, eq=False)
class LaggedSteps:
    """What depends on time: α_t, x_t, y_t, H_t, K_t, e_t and b_t of the derivations above and in `total_return_lags`.

    Attributes
    ----------
    visits, plain, score : [T, S]
        α, x and y.
    first, second : [k, T, S]
        H and K.
    excess, offset : [T, S]
        e and b.
    """

    visits: Float[Array, "T S"]
    plain: Float[Array, "T S"]
    score: Float[Array, "T S"]
    first: Float[Array, "k T S"]
    second: Float[Array, "k T S"]
    excess: Float[Array, "T S"]
    offset: Float[Array, "T S"]

    def at(self, states: Integer[Array, "c"]) -> LaggedSteps:
        """Return the same for some of the states."""
        if len(states) == self.visits.shape[1]:
            return self
        parts = (self.visits, self.plain, self.score, self.first, self.second, self.excess, self.offset)
        return LaggedSteps(*(np.ascontiguousarray(part[..., states]) for part in parts))


def lagged_pairs(law: StepLaw, steps: LaggedSteps, decay: float, shift: Float[Array, "S"]) -> Float[Array, "S k"]:
    """Return the sum over all pairs of steps, twice that over t < t' = t + ℓ.

    It is that of Σ_a π ψ beside

        [α_t μ_ℓ + (α_t (κ^ℓ e_t' − e_t) + x_t − y_t b_t') ρ_ℓ] H_t' + κ^ℓ α_t ρ_ℓ K_t'.

    Parameters
    ----------
    law : StepLaw
    steps : LaggedSteps
    decay : float
        κ.
    shift : [S]
        h.
    """
    drawn = law.chain.probabilities[:, :, None] * law.blocks.score
    added = law.reward + decay * law.going_on.at_successors(shift) - shift[:, None, None]
    kept = baby_steps(law)
    if kept is not None:
        return 2.0 * _pairs(steps, drawn, decay, returns_by_giant_steps(law, decay, added, kept))
    sums = np.zeros(law.blocks.parameter.shape)
    visited = np.flatnonzero((steps.visits.any(axis=0)) | steps.score.any(axis=0))
    columns = max(FEWEST_SPARSE if law.going_on.sparse else FEWEST_DENSE, CACHED // len(shift))
    for begin in range(0, len(visited), columns):
        at = visited[begin : begin + columns]
        sums[at] += 2.0 * _pairs(steps.at(at), drawn[at], decay, _returns(law, decay, added, at))
    return sums


def drawn_by_action(law: StepLaw, factor: Float[Array, "T #S"], table: Float[Array, "T S A"]) -> Float[Array, "k T S"]:
    """Return x_t Σ_a π ψ y_t(s,a), as a table over time and states for every parameter that a state touches."""
    drawn = law.chain.probabilities[:, :, None] * law.blocks.score
    return np.ascontiguousarray((table.transpose(1, 0, 2) @ drawn).transpose(2, 1, 0)) * factor


def _pairs(
    steps: LaggedSteps,
    drawn: Float[Array, "c A k"],
    decay: float,
    returns: Iterator[tuple[Float[Array, "c A"], Float[Array, "c A"]]],
) -> Float[Array, "c k"]:
    """Return the sum over pairs for some states; `drawn` is π ψ."""
    total = np.zeros((drawn.shape[2], len(drawn)))
    columns = np.ascontiguousarray(drawn.transpose(2, 1, 0))
    for lag, (chance, gained) in enumerate(returns, start=1):
        earlier, faded = steps.visits[:-lag], decay**lag
        apart = earlier * (faded * steps.excess[lag:] - steps.excess[:-lag])  # small where b is: subtracted first
        apart += steps.plain[:-lag] - steps.score[:-lag] * steps.offset[lag:]
        beside_gained = np.einsum("tc,ktc->kc", earlier, steps.first[:, lag:])
        beside_chance = np.einsum("tc,ktc->kc", apart, steps.first[:, lag:])
        beside_chance += faded * np.einsum("tc,ktc->kc", earlier, steps.second[:, lag:])
        total += np.einsum("kac,ca->kc", columns, gained) * beside_gained
        total += np.einsum("kac,ca->kc", columns, chance) * beside_chance
    return total.T


def _returns(
    law: StepLaw, decay: float, added: Float[Array, "S A K"], at: Integer[Array, "c"]
) -> Iterator[tuple[Float[Array, "c A"], Float[Array, "c A"]]]:
    """Yield ρ_ℓ(s,a) and μ_ℓ(s,a) of some states for ℓ = 1, …, T−1."""
    states, adding = len(added), law.going_on.times(added)
    onward, gaining = law.onward(), law.onward(adding)
    goes, gains = law.going_on.weight[at], adding.weight[at]
    both = np.zeros((states, 2 * len(at)))  # the columns of N^{ℓ−1}, beside them those of M_{ℓ−1}
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
