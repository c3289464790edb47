"""KL and entropy terms of losses: upside down, of the wrong sign or policy, without effect."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgverify.bugs.bug import Effect
from pgverify.bugs.loss_bug import LossBug
from pgverify.bugs.losses.complex_step import held
from pgverify.bugs.losses.written import BETA, ascent, log_to_reference, mean_of_sums, others, ppo, ratio, rloo

WITH_STATE_KL = f"policy_gradient + state_kl({BETA})"
WITH_SEQUENCE_KL = f"policy_gradient + sequence_kl({BETA})"


def _k2(b: Any) -> Any:
    return rloo(b) + BETA * mean_of_sums(b, log_to_reference(b) ** 2 / 2)


def _k3_upside_down(b: Any) -> Any:
    x = log_to_reference(b)
    return rloo(b) + BETA * mean_of_sums(b, np.exp(x) - 1 - x)


def _paid(b: Any, penalty: Any) -> Any:
    total = (penalty * b.mask).sum(axis=-1, keepdims=True)
    return -mean_of_sums(b, (others(b) - BETA * held(total)) * b.log_probs)


def _k1_paid(b: Any) -> Any:
    return _paid(b, log_to_reference(b))


def _k3_paid(b: Any) -> Any:
    x = log_to_reference(b)
    return _paid(b, np.exp(-x) - 1 + x)


def _k2_subtracted(b: Any) -> Any:
    return rloo(b) - BETA * mean_of_sums(b, log_to_reference(b) ** 2 / 2)


def _weighted_k2(b: Any) -> Any:
    return ppo(b) + BETA * mean_of_sums(b, held(ratio(b)) * log_to_reference(b) ** 2 / 2)


def _k2_to_old(b: Any) -> Any:
    return ppo(b) + BETA * mean_of_sums(b, held(ratio(b)) * (b.log_probs - b.old_log_probs) ** 2 / 2)


def _k2_without_ratio(b: Any) -> Any:
    return ppo(b) + BETA * mean_of_sums(b, log_to_reference(b) ** 2 / 2)


def _computed_not_paid(b: Any) -> Any:
    penalty = BETA * held(log_to_reference(b)) * b.mask
    return ascent(b, others(b)) + 0.0 * penalty.sum(axis=(-2, -1))


def _entropy(b: Any) -> Any:
    return rloo(b) - BETA * mean_of_sums(b, b.entropies)


def _entropy_detached(b: Any) -> Any:
    return rloo(b) - BETA * mean_of_sums(b, held(b.entropies))


KL_K3_UPSIDE_DOWN = LossBug(
    number=93,
    slug="kl-k3-upside-down",
    effect=Effect.BIASED,
    cause="k3 has its log-ratio upside down: exp(log π − log ref) where exp(log ref − log π) belongs.",
    cure="Write exp(ref − logp) − (ref − logp) − 1; and see kl-k3-as-loss.",
    source=("walkinglabs/hands-on-modern-rl#27",),
    loss=_k3_upside_down,
    correct_loss=_k2,
    target=WITH_STATE_KL,
)

KL_K3_IN_REWARD = LossBug(
    number=94,
    slug="kl-k3-in-reward",
    effect=Effect.BIASED,
    cause="k3 is paid as a reward: its gradient is neither that of KL(π‖ref) nor of KL(ref‖π).",
    cure="Pay k1, the plain log-ratio.",
    source=("huggingface/trl#5889", "arXiv:2512.21852"),
    loss=_k3_paid,
    correct_loss=_k1_paid,
    target=WITH_SEQUENCE_KL,
    note="The thread asks for it, and was declined.",
)

KL_SIGN_REVERSED = LossBug(
    number=95,
    slug="kl-sign-reversed",
    effect=Effect.OTHER_TARGET,
    cause="The KL term is subtracted from the loss: the policy is driven away from the reference.",
    cure="Add it: the loss is minimised.",
    source=("Jiayi-Pan/TinyZero#72",),
    loss=_k2_subtracted,
    correct_loss=_k2,
    target=WITH_STATE_KL,
)

KL_TO_OLD_POLICY = LossBug(
    number=96,
    slug="kl-to-old-policy",
    effect=Effect.BIASED,
    cause="The penalty is taken to the old policy, not to the reference.",
    cure="Pass the reference's log-probabilities.",
    source=("PRIME-RL/PRIME#45",),
    loss=_k2_to_old,
    correct_loss=_weighted_k2,
    target=f"surrogate + state_kl({BETA})",
    sampler="old",
    note="On policy the term is nothing at all.",
)

KL_IGNORED = LossBug(
    number=97,
    slug="kl-ignored",
    effect=Effect.OTHER_TARGET,
    cause="The KL term adds nothing to the gradient: it is computed and then not used, whatever its coefficient.",
    cure="Subtract β times the summed log-ratio from the reward, or add a term to the loss.",
    source=("THUDM/slime#399",),
    loss=_computed_not_paid,
    correct_loss=_k1_paid,
    target=WITH_SEQUENCE_KL,
)

ENTROPY_WITHOUT_GRADIENT = LossBug(
    number=98,
    slug="entropy-without-gradient",
    effect=Effect.OTHER_TARGET,
    cause="The entropy bonus adds nothing to the gradient, as where its entropies are computed without gradients.",
    cure="Compute the entropies with gradients.",
    source=("huggingface/trl#6140",),
    loss=_entropy_detached,
    correct_loss=_entropy,
    target=f"policy_gradient + entropy({BETA})",
)

KL_RATIO_MISSING = LossBug(
    number=99,
    slug="kl-ratio-missing",
    effect=Effect.BIASED,
    cause="The KL term of completions that the old policy drew has no importance ratio.",
    cure="Multiply each token's term by that token's ratio, detached before k2, differentiated before k3.",
    source=("huggingface/trl#3025", "verl-project/verl#1124", "arXiv:2512.02556"),
    loss=_k2_without_ratio,
    correct_loss=_weighted_k2,
    target=f"surrogate + state_kl({BETA})",
    sampler="old",
    note="Innocent where θ = θ_old.",
)
