"""Where the discount goes: on the step, on the reward, or nowhere."""

from __future__ import annotations

import numpy as np
from jaxtyping import Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.steps import rows, undiscounted_to_go
from pgverify.estimators import RewardToGo
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def _kept(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t ψ_t Σ_{k≥t} γ^k r_k: γ^t G_t written as one sum, with "two" discounts when written as a product."""
    paid = batch.discount_powers * batch.relative_rewards
    return rows(batch, np.flip(np.cumsum(np.flip(paid, axis=1), axis=1), axis=1))


def _undiscounted(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t ψ_t Σ_{k≥t} r_k, whose expectation is the gradient of E Σ_t r_t, of the same episodes."""
    return rows(batch, undiscounted_to_go(batch))


def _by_index(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t ψ_t γ^t r_t: the discounted rewards, never added up."""
    return rows(batch, batch.discount_powers * batch.relative_rewards)


DISCOUNT_DROPPED = Bug(
    number=1,
    slug="discount-dropped",
    effect=Effect.BIASED,
    cause="The factor γ^t on step t is dropped: Σ ψ_t G_t is a semigradient, the gradient of no function when γ < 1.",
    cure="Weight step t by γ^t, or say that the objective is not the discounted return.",
    source=(
        "Nota & Thomas, Is the policy gradient a gradient?, 2020, arXiv 1906.07073",
        "pytorch/examples#744",
        "ufal/npfl122#117",
    ),
    implementation=RewardToGo(discount_weighting=False),
    correct=RewardToGo(),
    note="Equal to the correct one at γ = 1.",
)

DISCOUNT_KEPT = Bug(
    number=2,
    slug="discount-kept",
    effect=Effect.INNOCENT,
    cause="γ stands both inside G_t and as γ^t before it, which looks like discounting twice and is not.",
    cure="Nothing to change: γ^t G_t = Σ_{k≥t} γ^k r_k discounts every reward exactly once.",
    source=("mimoralea/gdrl#9",),
    implementation=_kept,
    correct=RewardToGo(),
)

REWARD_DISCOUNTED_BY_INDEX = Bug(
    number=3,
    slug="reward-discounted-by-index",
    effect=Effect.BIASED,
    cause="γ^t r_t is used as the return of step t: the discounted rewards are never summed over the future.",
    cure="Use Σ_{k≥t} γ^k r_k, all rewards from step t on.",
    source=("hunkim/ReinforcementZeroToAll#1",),
    implementation=_by_index,
    correct=RewardToGo(),
    note="Equal to the correct one when episodes have one step.",
)

RETURN_UNDISCOUNTED = Bug(
    number=65,
    slug="return-undiscounted",
    effect=Effect.OTHER_TARGET,
    cause="Rewards are summed without γ: the undiscounted return of the episodes is improved.",
    cure="Weight step t by Σ_{k≥t} γ^k r_k, or say that the objective is the undiscounted return.",
    source=("OpenAI Spinning Up, simplest policy gradient (1_simple_pg.py)",),
    implementation=_undiscounted,
    correct=RewardToGo(),
    other_target="undiscounted_policy_gradient",
    note="Equal to the correct one at γ = 1.",
)
