"""Chances of coming back to a state, and what is gained on the way, at all lags from the products of a few.

The powers that `return_lags` needs of dense dynamics split: with ℓ = i + j, in the notation there,

    ρ_ℓ(s,a) = Σ_s'' ρ_i(s,a,s'') N^j(s'',s),
    μ_ℓ(s,a) = Σ_s'' μ_i(s,a,s'') N^j(s'',s) + κ^i ρ_i(s,a,s'') M_j(s'',s),

where ρ_i(s,a,s'') and μ_i(s,a,s'') are the same for ending in s''. So N^j and M_j are made for j < b alone, and ρ_i and
μ_i for every b-th i: (b + A T/b) products of [S, S] in place of T. Each lag is then one product of rows for each state.

References
----------
Shanks, Class number, a theory of factorization, and genera, 1971: baby steps and giant steps.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from pgverify.dynamics import SuccessorLists
from pgverify.exact.step_law import StepLaw
from pgverify.validation import Array

LARGEST_TABLE = 2**24
"""Cells of the tables N^j and M_j that are kept: 128 MB."""

SPARSE_PRICE = 10.0
"""How many times as long a product with a sparse matrix takes for each of its entries; measured."""


def baby_steps(law: StepLaw) -> int | None:
    """Return b, or None where one lag after another is faster, or the tables too large.

    Parameters
    ----------
    law : StepLaw
    """
    states, actions = law.chain.probabilities.shape
    wanted = max(1, round(float(np.sqrt(actions * law.steps))))
    kept = min(wanted, LARGEST_TABLE // (2 * states**2))
    if kept < 1:
        return None
    products = kept + actions * -(-(law.steps - 1) // kept)
    entries = np.count_nonzero(law.going_on.weight) if law.going_on.sparse else states**2
    price = SPARSE_PRICE if law.going_on.sparse else 1.0
    return kept if products * states**2 < price * law.steps * entries else None


def returns_by_giant_steps(
    law: StepLaw, decay: float, added: Float[Array, "S A K"], kept: int
) -> Iterator[tuple[Float[Array, "S A"], Float[Array, "S A"]]]:
    """Yield ρ_ℓ(s,a) and μ_ℓ(s,a) of all states for ℓ = 1, …, T−1.

    Parameters
    ----------
    law : StepLaw
    decay : float
        κ.
    added : [S, A, K]
        v.
    kept : int
        b.
    """
    adding = law.going_on.times(added)
    probabilities = law.chain.probabilities
    states, actions = probabilities.shape
    onward, gaining = (_dense_under(lists, probabilities) for lists in (law.going_on, adding))
    baby, (power, gained_power) = _baby_steps(onward, gaining, decay, kept)
    goes, gains = law.going_on.dense, adding.dense
    for first in range(1, law.steps, kept):
        faded = decay**first
        left = np.concatenate([goes, gains], axis=1)  # [S, 2A, S'']
        product = left @ baby.transpose(0, 2, 1)  # [S, 2A, 2b]: of ρ and μ, beside N^j and M_j
        chances = product[:, :actions, :kept]
        sums = product[:, actions:, :kept] + faded * product[:, :actions, kept:]
        for lag in range(min(kept, law.steps - first)):
            yield chances[:, :, lag], sums[:, :, lag]
        if first + kept < law.steps:
            rows = goes.reshape(-1, states)
            gains = (gains.reshape(-1, states) @ power + faded * (rows @ gained_power)).reshape(goes.shape)
            goes = (rows @ power).reshape(goes.shape)


def _dense_under(lists: SuccessorLists, law: Float[Array, "S A"]) -> Float[Array, "S S"]:
    return np.asarray((law[:, None, :] @ lists.dense)[:, 0])


def _baby_steps(
    onward: Float[Array, "S S"], gaining: Float[Array, "S S"], decay: float, kept: int
) -> tuple[Float[Array, "S b2 S"], tuple[Float[Array, "S S"], Float[Array, "S S"]]]:
    """Return N^j(s'',s) and M_j(s'',s) as rows over s'', for j < b one below the other, and N^b and M_b."""
    states = len(onward)
    rows = np.empty((states, 2 * kept, states))
    power, gained = np.eye(states), np.zeros((states, states))  # transposed
    back, gaining_back = onward.T, gaining.T
    for step in range(kept):
        rows[:, step], rows[:, kept + step] = power, gained
        gained = power @ gaining_back + decay * (gained @ back)
        power = power @ back
    return rows, (power.T, gained.T)
