"""The gradient of the clipped surrogate as a sample sees it: with A_t = G_t − V(s_t), by listing trajectories."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pgverify.errors import InvalidInput
from pgverify.exact.enumeration import enumerate_trajectories
from pgverify.exact.trust_region import Clip, clip_bounds, unclipped
from pgverify.kinds import accepts
from pgverify.problem import PROBLEM, Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array, require_flag


@accepts(problem=PROBLEM)
def sampled_surrogate_gradient(
    problem: Problem, clip: Clip = None, dual: float | None = None, baseline: bool = True
) -> Float[Array, "d"] | None:
    """Return E_μ Σ_t γ^t ∇ min(ρ_t A_t, clip(ρ_t) A_t) at θ, with A_t = G_t − V(s_t).

    The clip follows the sign of each return, which is random even where the advantage of the action is not: another
    vector than `exact.surrogate_gradient`, unless nothing is clipped. None where episodes are cut: G_t is not seen.

    Parameters
    ----------
    problem : Problem
        Of a `CollectedProblem` its acting policy is μ; of any other μ = π_θ, and the result is ∇J.
    clip : ε, (ε_low, ε_high) or None
    dual : number above 1, optional
    baseline : bool
        Whether V(s_t) of π_θ is subtracted, as `batch.values` has it.

    Raises
    ------
    InvalidInput
        When clip, dual or baseline are none.
    """
    subtracted = require_flag("baseline", baseline, InvalidInput)
    clip_bounds(clip)  # refused before trajectories are listed
    batch, probabilities = enumerate_trajectories(problem)
    if batch.truncated.any():
        return None
    advantage = _returns(batch) - (batch.values[:, :-1] if subtracted else 0.0)
    ratio = batch.importance
    weights = np.where(batch.mask & unclipped(ratio, advantage, clip, dual), ratio * advantage, 0.0)
    return np.asarray(probabilities @ batch.score_weighted(batch.discount_powers * weights))


def _returns(batch: Trajectories) -> Float[Array, "n T"]:
    """Return G_t = Σ_{k≥t} γ^{k−t} r_k, backwards."""
    rewards = batch.relative_rewards
    found = np.zeros_like(rewards)
    running = np.zeros(len(rewards))
    for t in range(rewards.shape[1] - 1, -1, -1):
        running = rewards[:, t] + batch.discount * running
        found[:, t] = running
    return found
