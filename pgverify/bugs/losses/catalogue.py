"""All entries that are losses of language models, in one tuple."""

from __future__ import annotations

from pgverify.bugs.loss_bug import LossBug
from pgverify.bugs.losses import accused, group_advantages, importance_ratios, kl_terms, token_masks

LOSS_ENTRIES: tuple[LossBug, ...] = (
    group_advantages.NORMALISED_TWICE,
    group_advantages.BATCH_WHITENED,
    group_advantages.BATCH_STD,
    group_advantages.TOKEN_WHITENED,
    group_advantages.GROUP_THEN_TOKEN_WHITENED,
    group_advantages.GPG_NONZERO_REWARDS,
    group_advantages.GROUPS_ALIKE_LEFT_OUT,
    group_advantages.LEAVE_ONE_OUT_STD,
    group_advantages.ADVANTAGES_CLIPPED,
    group_advantages.TOKENS_DISCOUNTED,
    group_advantages.LENGTH_PER_PROMPT,
    token_masks.END_TOKEN_LEFT_OUT,
    token_masks.FIRST_TOKEN_LEFT_OUT,
    token_masks.MASK_SHIFTED,
    kl_terms.KL_K3_UPSIDE_DOWN,
    kl_terms.KL_K3_IN_REWARD,
    kl_terms.KL_SIGN_REVERSED,
    kl_terms.KL_TO_OLD_POLICY,
    kl_terms.KL_IGNORED,
    kl_terms.ENTROPY_WITHOUT_GRADIENT,
    kl_terms.KL_RATIO_MISSING,
    importance_ratios.RATIO_TO_REFERENCE,
    importance_ratios.RATIO_MISSING,
    importance_ratios.CLIP_RANGE_NOT_AROUND_ONE,
    importance_ratios.CLIP_WITHOUT_MIN,
    importance_ratios.SURROGATE_CLAMPED,
    importance_ratios.CLIP_NOT_APPLIED,
    importance_ratios.GSPO_TOKEN_ROOT,
    importance_ratios.TIS_SEQUENCE_MEAN,
    importance_ratios.RATIO_TO_ROLLOUT,
    accused.RATIO_OF_ONE,
    accused.CLIP_BY_SIGN,
    accused.MAX_OF_LOSSES,
    accused.REWARDS_SUMMED,
)
"""In the order of their numbers."""
