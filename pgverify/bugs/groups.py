"""Group-relative advantages: what the group is, what is in its mean, and what it is divided by."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Inexact

from pgverify.baselines import AverageReturn
from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.normalisation import SMALL
from pgverify.bugs.steps import returns, rows
from pgverify.estimators import RewardToGo, TotalReturn
from pgverify.mdp import TabularMDP
from pgverify.policies import SoftmaxPolicy
from pgverify.problem import FiniteHorizon, Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def _whole_episode(batch: Trajectories, weight: Float[Array, "n"]) -> Inexact[Array, "n d"]:
    """Return w_i Σ_t ψ_t."""
    return rows(batch, np.broadcast_to(weight[:, None], batch.rewards.shape))


def standardised(values: Float[Array, "n"]) -> Float[Array, "n"]:
    """Return (R − mean)/(std + ε) with the unbiased std (divisor n−1); a group of one gets 0."""
    if len(values) < 2:
        return np.zeros_like(values)
    return (values - values.mean()) / (values.std(ddof=1) + SMALL)


def _one_group(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t ψ_t (R − mean)/std over the whole batch.

    With rewards 0 and 1 and success rate p the expectation is c(p) ∇p, c(p) = E √(k(n−k)) √((n−1)/n) / (n p (1−p)) with
    k ~ Binomial(n, p): rare successes count for more. A factor for one prompt, another direction for several.
    """
    return _whole_episode(batch, standardised(returns(batch)))


def _group_per_start(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the same with one group for every start state."""
    values, starts = returns(batch), batch.states[:, 0]
    weight = np.zeros(len(batch))
    for start in np.unique(starts):
        group = starts == start
        weight[group] = standardised(values[group])
    return _whole_episode(batch, weight)


def two_prompts() -> Problem:
    """Return two start states ("prompts") of unequal difficulty, two answers each, one step."""
    transition = np.broadcast_to(np.eye(2)[:, None, :], (2, 2, 2))
    reward = [[1.0, 0.0], [3.0, 2.5]]
    policy = SoftmaxPolicy([[0.4, -0.2], [-0.5, 0.3]])
    return Problem(TabularMDP([0.6, 0.4], transition, reward), policy, FiniteHorizon(1))


def accepted(batch: Trajectories) -> Bool[Array, "n"]:
    """Return which trajectories the filter keeps: those whose rewards do not add up to less than 0."""
    return batch.relative_rewards.sum(axis=1) >= 0.0


def _rejected_left_out(batch: Trajectories) -> Inexact[Array, "d"]:
    """Return the mean over the kept of Ψ_i (R_i − mean of R over the other kept); 0 with fewer than two kept.

    Given which are kept they are independent draws from the law given K. E[ΨR|K] − E[Ψ|K] E[R|K] = ∇E[R|K], as
    ∇P(τ|K) = P(τ|K) (Ψ − E[Ψ|K]): the expectation is P(at least two kept) ∇E[R|K].
    """
    values, kept = returns(batch), accepted(batch)
    number = int(kept.sum())
    if number < 2:
        return np.zeros(batch.policy.parameters.size)
    others = (values[kept].sum() - values) / (number - 1)
    return _whole_episode(batch, np.where(kept, values - others, 0.0)).sum(axis=0) / number


def _rejected_left_in(batch: Trajectories) -> Inexact[Array, "d"]:
    """Return the mean over the kept of Ψ_i (R_i − mean of R over *all* others, the rejected ones included).

    Given K the mean of Ψ is ∇log P(K), not 0, so it matters what is subtracted.
    """
    values, kept = returns(batch), accepted(batch)
    if not kept.any() or len(values) < 2:
        return np.zeros(batch.policy.parameters.size)
    others = (values.sum() - values) / (len(values) - 1)
    return _whole_episode(batch, np.where(kept, values - others, 0.0)).sum(axis=0) / int(kept.sum())


def _weighted_by_length(batch: Trajectories, leave_own_out: bool) -> Inexact[Array, "n d"]:
    """Return Ψ_i (R_i − Σ_j L_j R_j / Σ_j L_j), over all j or over j ≠ i."""
    values, lengths = returns(batch), batch.lengths.astype(np.float64)
    total = (lengths * values).sum() - (lengths * values if leave_own_out else 0.0)
    number = lengths.sum() - (lengths if leave_own_out else 0.0)
    total, number = np.broadcast_to(total, values.shape), np.broadcast_to(number, values.shape)
    return _whole_episode(batch, values - np.divide(total, number, out=np.zeros_like(values), where=number > 0))


def _opo(batch: Trajectories) -> Inexact[Array, "n d"]:
    return _weighted_by_length(batch, leave_own_out=False)


def _opo_of_others(batch: Trajectories) -> Inexact[Array, "n d"]:
    return _weighted_by_length(batch, leave_own_out=True)


GROUP_MEAN_SELF = Bug(
    number=42,
    slug="group-mean-self",
    effect=Effect.SCALED,
    cause="The group's mean return includes the sample it is subtracted from.",
    cure="Leave the own sample out (RLOO), or multiply by n/(n−1).",
    source=("thinking-machines-lab/tinker-cookbook#579",),
    implementation=TotalReturn(AverageReturn()),
    correct=TotalReturn(AverageReturn(leave_one_out=True)),
    batch_size=2,
    factor=lambda n: (n - 1) / n,
)

GROUP_STD = Bug(
    number=43,
    slug="group-std",
    effect=Effect.BIASED,
    cause="Advantages are divided by the group's standard deviation, which depends on the sampled actions.",
    cure="Do not divide, or divide by a constant.",
    source=(
        "Liu et al., Understanding R1-Zero-like training (Dr. GRPO), 2025, arXiv 2503.20783",
        "allenai/open-instruct#636",
    ),
    implementation=_one_group,
    correct=RewardToGo(),
    batch_size=2,
    note="For one prompt with rewards 0 and 1 a factor; in the limit of large groups the gradient of "
    "2 arcsin √p for each prompt.",
)

GROUPS_MIXED = Bug(
    number=44,
    slug="groups-mixed",
    effect=Effect.BIASED,
    cause="Groups are cut from the batch in the wrong order: mean and standard deviation mix different prompts.",
    cure="Group the samples of one prompt.",
    source=("StarsfieldAI/R1-V#67", "PrimeIntellect-ai/prime-rl#600"),
    implementation=_one_group,
    correct=_group_per_start,
    target="group_standardised_gradient",
    batch_size=3,
    setting=two_prompts,
    note="It is the division that biases: mixing in the mean alone is noise (own sample left out) or a factor.",
)

REJECTED_IN_BASELINE = Bug(
    number=45,
    slug="rejected-in-baseline",
    effect=Effect.BIASED,
    cause="Samples that a filter has rejected are not trained on, but stay in the baseline of those kept.",
    cure="Compute the baseline from the kept samples alone.",
    source=("verl-project/verl#6375", "verl-project/verl#6452"),
    implementation=_rejected_left_in,
    correct=_rejected_left_out,
    target="accepted_return_gradient",
    batch_size=2,
    note="The entry's filter rejects trajectories whose rewards sum to less than 0.",
)

OPO_SELF = Bug(
    number=64,
    slug="opo-self",
    effect=Effect.BIASED,
    cause="The length-weighted mean return that is subtracted includes the own sample, weighted by its own length.",
    cure="Leave the own sample out of numerator and denominator.",
    source=("verl (compute_opo_outcome_advantage)",),
    implementation=_opo,
    correct=_opo_of_others,
    batch_size=2,
    note="With constant length a factor (n−1)/n.",
)
