"""Importance ratios: swapped, squared, forgotten, or not quite one.

The batch was drawn from its own policy, the behaviour policy at θ; wanted is ∇J of the target policy at θ' = θ + Δ
(`pgverify.bugs.off_policy`), whose score is ψ'. With ρ_t = π_θ'/π_θ the per-decision estimator

    Σ_t ψ'_t Σ_{k≥t} γ^k ρ_0 ⋯ ρ_k r_k

is unbiased: the factors up to r_k turn the law of (s_0, a_0, …, s_k, a_k) into that of θ', later ones have mean one.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.off_policy import log_ratio, ratio, seen_from_target
from pgverify.bugs.steps import credit, rows
from pgverify.estimators import RewardToGo
from pgverify.estimators.discounted_sum import discounted_sum
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

LARGEST_PRODUCT = 1.0
"""At which the entry caps a product of ratios."""

MANTISSA_BITS = 8
"""Significant bits of a bfloat16."""


def _per_decision(batch: Trajectories, log_ratios: Float[Array, "n T"]) -> Float[Array, "n T"]:
    """Return Σ_{k≥t} γ^k ρ_0 ⋯ ρ_k r_k for given log ρ [n, T]."""
    products = np.exp(np.cumsum(log_ratios, axis=1))
    return discounted_sum(batch.discount_powers * products * batch.relative_rewards, 1.0)


def _corrected(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the per-decision estimator of this module."""
    return rows(seen_from_target(batch), _per_decision(batch, log_ratio(batch)))


def _swapped(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the same with log μ − log π for log π − log μ: every ratio inverted."""
    return rows(seen_from_target(batch), _per_decision(batch, -log_ratio(batch)))


def _applied_twice(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the same with ρ_t once more on step t.

    The weight of step t is (ρ_0 ⋯ ρ_t) × (r_t + γ ρ_{t+1} r_{t+1} + …) γ^t: the surrogate's ratio times an advantage.
    An advantage that holds ρ_t already (as V-trace's ρ_t δ_t does) brings it in a second time.
    """
    return rows(seen_from_target(batch), ratio(batch) * _per_decision(batch, log_ratio(batch)))


def _before_the_action(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t ψ'_t Σ_{k≥t} γ^k ρ_0 ⋯ ρ_{k−1} r_k: the reward of step k without the ratio of its own action."""
    ratios = log_ratio(batch)
    before = np.concatenate([np.zeros_like(ratios[:, :1]), ratios[:, :-1]], axis=1)
    return rows(seen_from_target(batch), _per_decision(batch, before))


def _summed(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return (Σ_t ρ_t) Σ_t γ^t ψ'_t G_t: ratios added up over the episode, not multiplied."""
    total = np.where(batch.mask, ratio(batch), 0.0).sum(axis=1, keepdims=True)
    return rows(seen_from_target(batch), total * credit(batch))


def _capped(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t ψ'_t Σ_{k≥t} γ^k min(ρ_0 ⋯ ρ_k, 1) r_k: the cap loses what the other policy did too seldom."""
    shares = np.minimum(np.exp(np.cumsum(log_ratio(batch), axis=1)), LARGEST_PRODUCT)
    return rows(seen_from_target(batch), discounted_sum(batch.discount_powers * shares * batch.relative_rewards, 1.0))


def _uncorrected(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t ψ'_t G_t on trajectories of θ, as if they had been drawn from θ'."""
    return rows(seen_from_target(batch), credit(batch))


def _rounded_ratio(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t ρ_t ψ_t G_t with ρ_t = exp(log π − bf16(log π)), which should be 1: θ has not moved.

    Rounding is a function of (s, a), so the ratio reweights actions: a bias, of the order of the rounding error
    2^-9 |log π|. Dropout draws another mask for numerator and denominator: the same, plus variance.
    """
    log_probs = batch.log_probs
    mantissa, exponent = np.frexp(log_probs)
    rounded = np.ldexp(np.round(mantissa * 2**MANTISSA_BITS) / 2**MANTISSA_BITS, exponent)
    return rows(batch, np.exp(log_probs - rounded) * credit(batch))


LOG_RHO_SWAPPED = Bug(
    number=15,
    slug="log-rho-swapped",
    effect=Effect.BIASED,
    cause="log ρ is log μ − log π: the importance ratio is the inverse of what it should be.",
    cure="ρ = π/μ: the target policy above, the policy that acted below.",
    source=("ray-project/ray#4338",),
    implementation=_swapped,
    correct=_corrected,
    target="off_policy_gradient",
)

RATIO_APPLIED_TWICE = Bug(
    number=16,
    slug="ratio-applied-twice",
    effect=Effect.BIASED,
    cause="The importance ratio of the step is in the advantage and again in the surrogate: ρ² where ρ belongs.",
    cure="Apply it in one of the two places.",
    source=("PufferAI/PufferLib#306",),
    implementation=_applied_twice,
    correct=_corrected,
    target="off_policy_gradient",
)

RATIO_NOISE = Bug(
    number=36,
    slug="ratio-noise",
    effect=Effect.BIASED,
    cause="Dropout, or log-probabilities in low precision, make the ratio differ from 1 although θ has not moved.",
    cure="Compute both log-probabilities alike: evaluation mode, same precision, same kernels.",
    source=("huggingface/trl#454", "reef#536"),
    implementation=_rounded_ratio,
    correct=RewardToGo(),
    note="The entry rounds log π to bfloat16: a relative bias of about 1e-3. Dropout adds variance to the bias.",
)

RATIO_OF_A_STEP_MISSING = Bug(
    number=146,
    slug="ratio-of-a-step-missing",
    effect=Effect.BIASED,
    cause="The importance ratio of a step, or of the steps before or behind the action, is missing from the product.",
    cure="Weight r_k by the product ρ_0 ⋯ ρ_k, that of its own action included.",
    source=("no public thread found",),
    implementation=_before_the_action,
    correct=_corrected,
    target="off_policy_gradient",
    note="The entry leaves out the reward's own step; the first, the last, and all before or behind the action are "
    "recognised as well.",
)

RATIOS_SUMMED = Bug(
    number=147,
    slug="ratios-summed",
    effect=Effect.BIASED,
    cause="The importance ratios of an episode are added or averaged, not multiplied.",
    cure="Weight r_k by the product ρ_0 ⋯ ρ_k.",
    source=("no public thread found",),
    implementation=_summed,
    correct=_corrected,
    target="off_policy_gradient",
    note="The entry adds; their mean is recognised as well.",
)

RATIO_PRODUCT_CAPPED = Bug(
    number=153,
    slug="ratio-product-capped",
    effect=Effect.BIASED,
    cause="The product of importance ratios, or each of its factors, is capped: what the acting policy did too seldom "
    "counts for too little.",
    cure="Weight r_k by the product ρ_0 ⋯ ρ_k as it is, or add a correction for what is cut off.",
    source=(
        "Xuekai-Zhu/FlowRL#13",
        "NVIDIA-NeMo/RL#1348",
        "Ionides, Truncated importance sampling, Journal of Computational and Graphical Statistics 17, 2008",
    ),
    implementation=_capped,
    correct=_corrected,
    target="off_policy_gradient",
    note="The entry has a cap of 1; others, floors beside them, and products that count as 0 beyond a cap are "
    "recognised as well. It trades variance for bias, on purpose. Innocent where no ratio exceeds the cap.",
)

STALE_SAMPLES = Bug(
    number=59,
    slug="stale-samples",
    effect=Effect.BIASED,
    cause="Trajectories of an older policy are replayed without importance weights.",
    cure="Weight them by π/μ, or draw new ones after every update.",
    source=("tensorflow-reinforce#13",),
    implementation=_uncorrected,
    correct=_corrected,
    target="off_policy_gradient",
)
