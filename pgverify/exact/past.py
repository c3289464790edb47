"""What has happened before step t: the forward half of the exact moments.

Carried forward in time, for the event that the episode is under way in state s at time t (written ;s):

    Z_t = Σ_{k<t} c_k κ^{t−k} ψ_k     the eligibility trace,      E[Z_t ;s]
    ρ_t = Σ_{k<t} κ^k u_k             the rewards already paid,   E[ρ_t ;s], E[ρ_t² ;s]

With values V given, ρ_t stands for ρ_t + κ^t V_t(s_t) − V̄ with V̄ = E[V_0(s_0) | under way], and b for b − V̄: the
return expected at t instead of the part of it that is paid. It moves by small steps, and a good baseline leaves little
to cancel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.exact.step_law import StepLaw, at_time, increment
from pgverify.exact.step_moments import lookahead
from pgverify.recursion import StepRecursion, TotalRecursion
from pgverify.validation import Array


def eligibility(law: StepLaw, recursion: StepRecursion) -> Iterator[Float[Array, "m S d"]]:
    """Yield E[Z_t ;s] for t = 0 .. T−1: Z_{t+1} = κ (Z_t + c_t ψ_t).

    With a lookahead of n steps there is one trace for every remaining lookahead j: the scores whose Y still has j
    terms to come. A step moves it to j − 1, and the present score enters at j = n.
    """
    memory, previous = lookahead(law, recursion)
    back = law.backward()
    visits = law.visits()
    weights = law.chain.probabilities[:, :, None]
    trace = np.zeros((memory, len(law.chain.start), law.blocks.size))
    for time in range(law.steps):
        yield trace
        fresh = law.blocks.arrive(law.going_on.times(recursion.weighting**time * visits[time][:, None, None] * weights))
        following = np.zeros_like(trace)
        for j in np.flatnonzero(previous < memory):
            following[previous[j]] += recursion.decay * (back @ trace[j])
            if j == memory - 1:
                following[previous[j]] += recursion.decay * fresh
        trace = following


@dataclass(frozen=True, eq=False)
class Past:
    """The past of the total return at time t, with ρ̃_t = ρ_t − b_t(s_t) and Φ_t = Σ_{k<t} c_k ψ_k.

    ρ and b are relative to the values where these are given, see this module.

    Attributes
    ----------
    coefficient, power : float
        c_t and κ^t.
    baseline : [S]
        b_t(s).
    mean, square : [S]
        E[ρ̃_t ;s] and E[ρ̃_t² ;s].
    product : [S, d]
        E[Φ_t ρ̃_t ;s].
    offset : [S, d]
        E[Σ_{k<t} c_k ψ_k b_k(s_k) ;s].
    score : [S, d]
        E[Φ_t ;s].
    """

    coefficient: float
    power: float
    baseline: Float[Array, "S"]
    mean: Float[Array, "S"]
    square: Float[Array, "S"]
    product: Float[Array, "S d"]
    offset: Float[Array, "S d"]
    score: Float[Array, "S d"]


def pasts(law: StepLaw, recursion: TotalRecursion, values: Float[Array, "T S"] | None = None) -> Iterator[Past]:
    """Yield the past of the total return for t = 0 .. T−1."""
    probabilities = law.chain.probabilities[:, :, None]
    back = law.backward()
    states = len(law.chain.start)
    here = law.running_start
    centre = 0.0 if values is None or not here.any() else float(here @ values[0] / here.sum())
    expected = np.zeros(states) if values is None else values[0] - centre
    paid, paid_square = here * expected, here * expected**2
    scores = np.zeros((states, law.blocks.size))
    product, offset = np.zeros_like(scores), np.zeros_like(scores)  # E[Φ ρ ;s], E[Σ c_k ψ_k b_k ;s]
    for time in range(law.steps):
        baseline = np.where(law.chain.running, at_time(recursion.baseline, time) - centre, 0.0)
        if time == 0 or values is not None:
            onward = increment(law, None, time, values, recursion.decay).onward
            moved, squared = law.going_on.times(onward), law.going_on.times(onward**2 + law.noise)
            moved_back, squared_back = law.backward(moved), law.backward(squared)
        mean = paid - baseline * here
        square = paid_square - 2.0 * baseline * paid + baseline**2 * here
        coefficient, power = float(recursion.weighting**time), float(recursion.decay**time)
        yield Past(coefficient, power, baseline, mean, square, product - baseline[:, None] * scores, offset, scores)
        drawn = coefficient * probabilities
        # Φ' ρ' = (Φ + c ψ)(ρ + κ^t u), with every product taken on the way from s to s'.
        fresh = law.going_on.times(drawn * (paid[:, None, None] + power * here[:, None, None] * onward))
        product = back @ product + power * (moved_back @ scores) + law.blocks.arrive(fresh)
        scores = back @ scores + law.blocks.arrive(law.going_on.times(drawn * here[:, None, None]))
        if np.ptp(recursion.baseline) == 0.0:
            offset = float(recursion.baseline.flat[0] - centre) * scores
        else:
            offset = back @ offset + law.blocks.arrive(law.going_on.times(drawn * (baseline * here)[:, None, None]))
        paid_square = back @ paid_square + 2.0 * power * (moved_back @ paid) + power**2 * (squared_back @ here)
        paid = back @ paid + power * (moved_back @ here)
        here = back @ here


def to_go_part(recursion: TotalRecursion, values: Float[Array, "T S"]) -> StepRecursion:
    """Return Σ_t c_t κ^t ψ_t (G_t − V_t), what remains of the total return without its past relative to V."""
    return StepRecursion(recursion.decay, recursion.weighting * recursion.decay, values)
