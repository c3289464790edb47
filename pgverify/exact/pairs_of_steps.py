"""E[g gᵀ] whole, from pairs of steps: what an earlier step brings along, beside what is expected from a later one on.

For t < t' the action at t' counts by E[· | s_t', a_t'] alone. So with p_t = c_t ψ_t all pairs are

    Σ_{t<t'} E[p_t X_t X_t' p_t'ᵀ] = Σ_t' Σ_s F_t'(s) H_t'(s)ᵀ + Z_t'(s) K_t'(s)ᵀ,

where Z and F run forward in time [S, d], and H and K are known of every state beforehand. With X_t = Y_t − b_t and
Y = u + κ Y' (in which u has the baseline taken off, so that X stands for Y)

    Z_t(s) = E[Σ_{k<t} κ^{t−k} p_k ; s_t = s]                     H_t(s) = Σ_a π p_t E[X_t | s,a]
    F_t(s) = E[Σ_{k<t} p_k Σ_{k≤i<t} κ^{i−k} u_i ; s_t = s]       K_t(s) = Σ_a π p_t E[X_t² | s,a].

With the total return, R = ρ_t + κ^t G_t relative to V (see `past`), what does not depend on a_t' has mean zero, and

    Z_t(s) = E[Σ_{k<t} p_k ; s_t = s]                             H_t(s) = Σ_a π p_t κ^t E[G_t | s,a]
    F_t(s) = E[Σ_{k<t} p_k (2 ρ_t − b_k) ; s_t = s]               K_t(s) = Σ_a π p_t κ^t (κ^t E[G_t²] − b_t E[G_t]).

Both obey one recursion, over N(s,s') = Σ_a π P(s', going on | s,a) and W_t, the same with u_t inside:

    Z' = k (Nᵀ Z + Σ_s γ_t Ψ),    F' = Nᵀ F + g_t W_tᵀ Z + Σ_s (α_t Ψ + β_t Υ_t),    Ψ = Σ_a π ψ P, Υ_t = Σ_a π ψ P u_t.

Each pair is contracted once. Where no parameter is touched by two states, Ψ, H and K have k entries a state, not d.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.exact.returns_to_go import Added
from pgverify.exact.score_blocks import ScoreBlocks
from pgverify.exact.step_law import StepLaw
from pgverify.validation import Array

CELLS = 2**19
"""Cells of Z and F that are kept at once: 4 MB."""

FEW_STATES = 64
"""States up to which one product with a block of zeros in it is faster than three without."""


@dataclass(frozen=True, eq=False)
class Brought:
    """What earlier steps bring along: the factors of the recursion above.

    Attributes
    ----------
    decay : float
        k.
    gain : [T]
        g_t.
    plain, gained, score : [T, S]
        α_t, β_t and γ_t.
    """

    decay: float
    gain: Float[Array, "T"]
    plain: Float[Array, "T S"]
    gained: Float[Array, "T S"]
    score: Float[Array, "T S"]


def pair_sums(
    law: StepLaw,
    added: Added,
    brought: Brought,
    expected: tuple[Float[Array, "T S k"], Float[Array, "T S k"]],
    alone: Float[Array, "S A"],
) -> Float[Array, "d d"]:
    """Return E[g gᵀ], on policy.

    Parameters
    ----------
    law : StepLaw
        Whose blocks are whole, or belong to one state each.
    added : Added
    brought : Brought
    expected : [T, S, k], [T, S, k]
        H and K.
    alone : [S, A]
        What ψ ψᵀ counts of one step with itself, summed over time.
    """
    score = law.blocks.score
    apart, (states, _, width) = not law.blocks.whole, score.shape
    size = states * width if apart else width
    total = np.zeros((states * width if apart else width, size))
    onward = _Onward.of(law, added, brought)
    together = max(1, CELLS // (2 * states * size))
    carried = np.zeros((1, 2, states, size))
    partner = np.stack(expected, axis=1)
    for begin in range(0, law.steps - 1, together):
        now = slice(begin, min(begin + together, law.steps - 1))
        carried = onward.moved(carried[-1], now)  # to the times after these
        beside = partner[begin + 1 : now.stop + 1]
        if apart:
            beside = beside.transpose(2, 3, 0, 1).reshape(states, width, -1)
            total += (beside @ carried.reshape(-1, states, size).transpose(1, 0, 2)).reshape(total.shape)
        else:
            total += beside.reshape(-1, width).T @ carried.reshape(-1, size)
    total += total.T.copy()
    own = (score * alone[:, :, None]).transpose(0, 2, 1) @ score
    if not apart:
        return np.asarray(total + own.sum(axis=0))
    here = np.arange(states)
    total.reshape(states, width, states, width)[here, :, here, :] += own
    return _at_parameters(law.blocks, total)


def _at_parameters(blocks: ScoreBlocks, total: Float[Array, "D D"]) -> Float[Array, "d d"]:
    """Return the sums of blocks at the parameters of the policy."""
    place = blocks.parameter.ravel()
    if np.array_equal(place, np.arange(blocks.size)):
        return total
    found = np.zeros((blocks.size, blocks.size))
    np.add.at(found, (place[:, None], place), total)  # padding repeats a parameter and holds 0
    return found


@dataclass(frozen=True, eq=False)
class _Onward:
    """One step of F and Z: what carries them on, and what a step brings."""

    added: Added
    brought: Brought
    apart: bool
    back: Any
    gained_back: Any
    both: Float[Array, "S2 S2"] | None
    score: Float[Array, "S S k"]
    gained: Float[Array, "S S k"]

    @classmethod
    def of(cls, law: StepLaw, added: Added, brought: Brought) -> _Onward:
        back = law.backward()
        adding = law.going_on.times(added.reward)
        gained_back = law.backward(adding)
        drawn = (law.chain.probabilities[:, :, None] * law.blocks.score).transpose(0, 2, 1)
        score, gained = (
            np.ascontiguousarray((drawn @ lists.dense).transpose(2, 0, 1)) for lists in (law.going_on, adding)
        )
        both = None
        alike = added.here is None and not np.ptp(brought.gain)
        if alike and isinstance(back, np.ndarray) and len(back) <= FEW_STATES:
            both = np.block([[back, brought.gain[0] * gained_back], [np.zeros_like(back), brought.decay * back]])
        return cls(added, brought, not law.blocks.whole, back, gained_back, both, score, gained)

    def moved(self, carried: Float[Array, "2 S D"], now: slice) -> Float[Array, "t 2 S D"]:
        """Return F and Z after each of some steps, given those before the first of them."""
        found = self._fresh(now)
        _, states, size = carried.shape
        if self.both is not None:
            before = carried.reshape(2 * states, size)
            for after in found.reshape(-1, 2 * states, size):
                after += self.both @ before
                before = after
            return found
        before = carried
        for time, after in zip(range(now.start, now.stop), found, strict=True):
            gain, score = self.brought.gain[time], self.back @ before[1]
            after[1] += self.brought.decay * score
            past = before[0]
            ahead = self.gained_back @ before[1]
            if self.added.here is not None and self.added.following is not None:
                past = past - gain * self.added.here[time][:, None] * before[1]
                ahead += self.added.following[time][:, None] * score
            after[0] += self.back @ past + gain * ahead
            before = after
        return found

    def _fresh(self, now: slice) -> Float[Array, "t 2 S D"]:
        """Return what each step brings: α Ψ + β Υ, and k γ Ψ."""
        brought, added = self.brought, self.added
        plain = brought.plain[now][:, None, :]
        if added.here is not None and added.following is not None:
            apart = added.following[now][:, :, None] - added.here[now][:, None, :]
            plain = plain + brought.gained[now][:, None, :] * apart
        gained, score = brought.gained[now][:, None, :], brought.decay * brought.score[now][:, None, :]
        states = len(self.score)
        size = self.score[0].size if self.apart else self.score.shape[2]
        found = np.empty((now.stop - now.start, 2, states, size))
        if self.apart:  # a factor for every cell of a row: loops over k entries alone would be short
            width = self.score.shape[2]
            np.multiply(np.repeat(gained, width, axis=2), self.gained.reshape(states, size), out=found[:, 0])
            np.multiply(np.repeat(score, width, axis=2), self.score.reshape(states, size), out=found[:, 1])
            if plain.any():
                found[:, 0] += np.repeat(plain, width, axis=2) * self.score.reshape(states, size)
            return found
        found[:, 0] = _over_states(gained, self.gained) + _over_states(plain, self.score)
        found[:, 1] = _over_states(score, self.score)
        return found


def _over_states(factor: Float[Array, "t #S S"], table: Float[Array, "S S k"]) -> Float[Array, "t S k"]:
    """Return Σ_s x_t(s',s) y(s',s) for every s' and time."""
    return (factor.transpose(1, 0, 2) @ table).transpose(1, 0, 2)
