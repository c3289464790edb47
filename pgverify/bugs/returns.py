"""Which rewards a step is credited with."""

from __future__ import annotations

import numpy as np
from jaxtyping import Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.steps import credit, returns, rows
from pgverify.estimators import RewardToGo, TotalReturn
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def _late(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t ψ_t Σ_{k>t} γ^k r_k."""
    return rows(batch, credit(batch) - batch.discount_powers * batch.relative_rewards)


def _early(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t ψ_t Σ_{k≥t−1} γ^k r_k.

    r_{t−1} is known before a_t is chosen, so E[ψ_t γ^{t−1} r_{t−1}] = 0: only noise is added.
    """
    paid = batch.discount_powers * batch.relative_rewards
    previous = np.zeros_like(paid)
    previous[:, 1:] = paid[:, :-1]
    return rows(batch, credit(batch) + previous)


def _past(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t ψ_t Σ_{k≤t} r_k, whose expectation is Σ_t E[ψ_t r_t]: nothing of the future is left."""
    return rows(batch, np.cumsum(batch.relative_rewards, axis=1))


def _crossing(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the reward-to-go estimate whose running return R ← r + γ R runs on into the episode stored before.

    Step t of episode i gets γ^t G_t + γ^{L_i} C_i, where C_i is the running return at the start of episode i+1. C_i is
    independent of episode i, so the extra expectation is E[C] E[γ^L Σ_t ψ_t] = E[C] ∇E[γ^L], which is 0 exactly when
    the policy has no say in γ^L: constant length, or γ = 1.
    """
    own = returns(batch)
    shrink = np.power(batch.discount, batch.lengths.astype(np.float64))
    carried = np.zeros(len(batch))
    for i in reversed(range(len(batch) - 1)):
        carried[i] = own[i + 1] + shrink[i + 1] * carried[i + 1]
    return rows(batch, credit(batch) + (shrink * carried)[:, None])


TOTAL_RETURN_WEIGHT = Bug(
    number=4,
    slug="total-return-weight",
    effect=Effect.NOISIER,
    cause="Every step is weighted by the return of the whole episode, rewards before the action included.",
    cure="Weight step t by the rewards from step t on: the same expectation, as a rule with less variance.",
    source=("udacity/deep-reinforcement-learning#42", "huggingface/deep-rl-class#70"),
    implementation=TotalReturn(),
    correct=RewardToGo(),
)

REWARD_SHIFTED_LATE = Bug(
    number=5,
    slug="reward-shifted-late",
    effect=Effect.BIASED,
    cause="The return of step t starts at the reward after its own: the action's own reward is dropped.",
    cure="Start the sum at the reward that follows (s_t, a_t).",
    source=("openai/spinningup#50",),
    implementation=_late,
    correct=RewardToGo(),
)

REWARD_SHIFTED_EARLY = Bug(
    number=6,
    slug="reward-shifted-early",
    effect=Effect.NOISIER,
    cause="The return of step t starts one reward too early, at the reward of the action before.",
    cure="Start the sum at the reward that follows (s_t, a_t): the one before it is only noise.",
    source=("openai/spinningup#50",),
    implementation=_early,
    correct=RewardToGo(),
    note="The sum keeps its discount: Σ_{k≥t−1} γ^k r_k. γ^t G_{t−1}, which rescales it too, is biased.",
)

PAST_REWARDS = Bug(
    number=7,
    slug="past-rewards",
    effect=Effect.BIASED,
    cause="Rewards are accumulated forwards: step t is weighted by Σ_{k≤t} r_k, what came before it.",
    cure="Accumulate backwards, from the end of the episode.",
    source=("streaming-drl#3",),
    implementation=_past,
    correct=RewardToGo(),
)

RETURN_CROSSES_EPISODES = Bug(
    number=8,
    slug="return-crosses-episodes",
    effect=Effect.BIASED,
    cause="The running return is not reset where an episode ends, so it carries the next episode's rewards.",
    cure="Set the running return to 0 at every end of an episode.",
    source=("pytorch/examples#1422",),
    implementation=_crossing,
    correct=RewardToGo(),
    batch_size=2,
    ordered=True,
    note="Only noisier where the policy has no influence on γ^L (constant length, or γ = 1).",
)
