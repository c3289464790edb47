"""E[g] and E[g gᵀ] whole by `pairs_of_steps`, for step-weighted estimators and for the total return, on policy."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.exact.paid_before import baselines_by_time, paid_before, squares_alone
from pgverify.exact.pairs_of_steps import Brought, pair_sums
from pgverify.exact.returns_to_go import added_by_steps, to_go_moments
from pgverify.exact.step_law import StepLaw
from pgverify.exact.step_moments import return_values
from pgverify.recursion import StepRecursion, TotalRecursion
from pgverify.validation import Array

LARGEST_TABLE = 2**24
"""Cells of a table [S, S, k] up to which it is built: 128 MB."""


def pairs_apply(law: StepLaw, recursion: StepRecursion | TotalRecursion) -> bool:
    """Return whether a whole matrix follows from pairs of steps: on policy, with no lookahead that ends."""
    states, actions, width = law.blocks.score.shape
    ends = isinstance(recursion, StepRecursion) and recursion.lookahead is not None and recursion.lookahead < law.steps
    return law.rollout.on_policy and not ends and states**2 * max(actions, width) <= LARGEST_TABLE


def whole_sums(
    law: StepLaw, recursion: StepRecursion | TotalRecursion
) -> tuple[Float[Array, "d"], Float[Array, "d d"]]:
    """Return E[g] and E[g gᵀ], where `pairs_apply` says so.

    Parameters
    ----------
    law : StepLaw
    recursion : StepRecursion or TotalRecursion

    References
    ----------
    Compared with the backward sweep and with enumeration in the tests.
    """
    if not law.blocks.whole and not law.blocks.disjoint:
        law = law.widened()
    return _of_steps(law, recursion) if isinstance(recursion, StepRecursion) else _of_return(law, recursion)


def _of_steps(law: StepLaw, recursion: StepRecursion) -> tuple[Float[Array, "d"], Float[Array, "d d"]]:
    visits, power = law.visits(), np.power(recursion.weighting, np.arange(law.steps, dtype=np.float64))[:, None]
    added = added_by_steps(law, recursion)
    ahead = to_go_moments(law, added, recursion.decay)
    weighted = power * visits
    brought = Brought(recursion.decay, np.ones(law.steps), np.zeros_like(visits), weighted, weighted)
    first, second = (_drawn(law, power, table) for table in (ahead.apart, ahead.square))
    alone = np.einsum("ts,tsa->sa", power * weighted, ahead.square) * law.chain.probabilities
    mean = law.blocks.total(np.einsum("ts,tsk->sk", visits, first))
    return mean, pair_sums(law, added, brought, (first, second), alone)


def _of_return(law: StepLaw, recursion: TotalRecursion) -> tuple[Float[Array, "d"], Float[Array, "d d"]]:
    visits, times = law.visits(), np.arange(law.steps, dtype=np.float64)
    coefficient, power = np.power(recursion.weighting, times)[:, None], np.power(recursion.decay, times)[:, None]
    values = return_values(law, recursion.decay)
    added = added_by_steps(law, StepRecursion(recursion.decay, 1.0, values))
    ahead = to_go_moments(law, added, recursion.decay)
    past = paid_before(law, added, recursion.decay, values, visits)
    baseline = baselines_by_time(law, recursion.baseline, past.centre)
    weighted = coefficient * visits
    brought = Brought(
        decay=1.0,
        gain=2.0 * power[:, 0],
        plain=coefficient * (2.0 * past.mean - baseline * visits),
        gained=2.0 * power * weighted,
        score=weighted,
    )
    first, square = (_drawn(law, coefficient * power, table) for table in (ahead.apart, ahead.square))
    second = power[:, :, None] * square - baseline[:, :, None] * first
    alone = squares_alone(recursion, past, baseline, visits, ahead)
    mean = law.blocks.total(np.einsum("ts,tsk->sk", visits, first))
    return mean, pair_sums(law, added, brought, (first, second), alone * law.chain.probabilities)


def _drawn(law: StepLaw, factor: Float[Array, "T #S"], table: Float[Array, "T S A"]) -> Float[Array, "T S k"]:
    """Return x_t Σ_a π ψ y_t(s,a)."""
    drawn = law.chain.probabilities[:, :, None] * law.blocks.score
    return factor[:, :, None] * (table.transpose(1, 0, 2) @ drawn).transpose(1, 0, 2)
