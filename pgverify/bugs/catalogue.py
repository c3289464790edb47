"""The catalogue: all entries, in one tuple."""

from __future__ import annotations

from typing import Any

from pgverify.bugs import (
    actions,
    autodiff,
    broadcasting,
    changed_rewards,
    curvature,
    discounting,
    entropy,
    episode_ends,
    group_baselines,
    groups,
    importance,
    kl,
    leave_one_out,
    lengths,
    misplaced_steps,
    normalisation,
    other_bonuses,
    other_returns,
    other_rewards,
    other_scores,
    ppo,
    preferred_returns,
    returns,
    sampling_mismatch,
    selection,
    trace_ends,
    whole_batch,
)
from pgverify.bugs.bug import Bug
from pgverify.bugs.changed_losses import changed_bug
from pgverify.bugs.changed_rows import CHANGES, with_rows_changed
from pgverify.bugs.changes import PLAINEST
from pgverify.bugs.compositions import COMPOSITIONS, with_sign_reversed
from pgverify.bugs.loss_bug import LossBug
from pgverify.bugs.losses.catalogue import LOSS_ENTRIES
from pgverify.bugs.pairs import PAIRS
from pgverify.bugs.usual_losses import usual_bug
from pgverify.errors import unknown_name
from pgverify.kinds import accepts

ENTRIES: tuple[Bug, ...] = (
    discounting.DISCOUNT_DROPPED,
    discounting.DISCOUNT_KEPT,
    discounting.REWARD_DISCOUNTED_BY_INDEX,
    returns.TOTAL_RETURN_WEIGHT,
    returns.REWARD_SHIFTED_LATE,
    returns.REWARD_SHIFTED_EARLY,
    returns.PAST_REWARDS,
    returns.RETURN_CROSSES_EPISODES,
    episode_ends.DONE_INDEX_SHIFTED,
    episode_ends.TRUNCATION_AS_TERMINATION,
    episode_ends.TRUNCATION_WRONG_STATE,
    episode_ends.AUTORESET_STEP_KEPT,
    episode_ends.VTRACE_NEXT_TRAJECTORY,
    episode_ends.BOOTSTRAP_TWICE,
    importance.LOG_RHO_SWAPPED,
    importance.RATIO_APPLIED_TWICE,
    episode_ends.TRACE_DECAY_SHIFTED,
    autodiff.ADVANTAGE_NOT_DETACHED,
    autodiff.TARGET_NOT_DETACHED,
    actions.REPARAMETERISED_SAMPLE,
    entropy.SAMPLED_ENTROPY,
    entropy.ENTROPY_SIGN,
    actions.CLIPPED_ACTION_SCORED,
    actions.SQUASH_CORRECTION_MISSING,
    actions.SQUASH_CONSTANT_OMITTED,
    actions.ACTION_DIMS_NOT_SUMMED,
    broadcasting.BROADCAST_OUTER_PRODUCT,
    actions.DOUBLE_EXP_STD,
    autodiff.PARAMETER_LEFT_OUT,
    sampling_mismatch.DOUBLE_SOFTMAX,
    sampling_mismatch.MASK_MISSING_IN_UPDATE,
    sampling_mismatch.EXPLORATION_NOT_SCORED,
    sampling_mismatch.TEMPERATURE_MISMATCH,
    sampling_mismatch.TRUNCATED_SAMPLING,
    ppo.OLD_LOGP_RECOMPUTED,
    importance.RATIO_NOISE,
    ppo.PPO_MAX_FOR_MIN,
    ppo.CLIP_BEFORE_ADVANTAGE,
    normalisation.NORMALISE_WRONG_AXIS,
    normalisation.NORMALISE_MINIBATCH,
    normalisation.BASELINE_FIT_SAME_BATCH,
    groups.GROUP_MEAN_SELF,
    groups.GROUP_STD,
    groups.GROUPS_MIXED,
    groups.REJECTED_IN_BASELINE,
    lengths.LENGTH_PER_TRAJECTORY,
    lengths.LENGTH_PER_BATCH,
    lengths.MICROBATCH_NORMALISED,
    lengths.ACCUMULATION_FACTOR,
    lengths.PADDING_COUNTED,
    kl.KL_K1_AS_LOSS,
    kl.KL_K3_AS_LOSS,
    kl.KL_K2_AS_LOSS,
    kl.SEQUENCE_RATIO_TOKEN_KL,
    broadcasting.LOGIT_OFF_BY_ONE,
    curvature.FISHER_NOT_DETACHED,
    curvature.KL_DIRECTION_LOCAL,
    selection.FIRST_N_FINISHED,
    importance.STALE_SAMPLES,
    normalisation.REWARD_RUNNING_STD,
    selection.UNEQUAL_COMPARISON,
    autodiff.ACTION_BASELINE_UNCORRECTED,
    sampling_mismatch.ARGMAX_ACTION,
    groups.OPO_SELF,
    discounting.RETURN_UNDISCOUNTED,
    whole_batch.SIGN_REVERSED,
    whole_batch.LAST_ROW_LOST,
    whole_batch.FIRST_AS_BASELINE,
    whole_batch.SUM_OVER_STEPS,
    whole_batch.LENGTH_OF_LONGEST,
    changed_rewards.IMMEDIATE_REWARD,
    changed_rewards.LAST_REWARD_DOUBLED,
    changed_rewards.REWARD_CLIPPED,
    trace_ends.DONE_INDEX_LATE,
    trace_ends.TRACE_CROSSES_CUT,
    leave_one_out.RLOO_TOKEN_MEAN,
    leave_one_out.RLOO_SEQUENCE_MEAN,
    leave_one_out.GROUP_STD_POPULATION,
    group_baselines.BEST_OF_GROUP_BASELINE,
    group_baselines.MEDIAN_BASELINE,
    other_rewards.REWARD_SIGN,
    other_rewards.REWARD_THRESHOLDED,
    other_rewards.REWARD_SQUASHED,
    other_rewards.REWARD_RECTIFIED,
    other_rewards.LAST_REWARD_ALONE,
    other_rewards.REWARDS_STANDARDISED,
    other_rewards.REWARDS_CENTRED,
    other_returns.RETURN_CLIPPED,
    other_returns.RETURN_SIGN,
    other_returns.RETURN_THRESHOLDED,
    other_returns.POSITIVE_PART_ALONE,
    other_returns.RETURNS_WINSORISED,
    other_returns.RETURNS_RANKED,
    other_returns.MIN_MAX_SCALED,
    other_returns.DIVIDED_BY_BATCH_SCALE,
    other_scores.LOG_MISSING,
    other_scores.LOG_PROB_CLAMPED,
    other_scores.LOG_OF_RAISED_PROBABILITY,
    other_scores.LOG_PROBS_AVERAGED_FIRST,
    other_scores.GREEDY_ACTION_SCORED,
    other_scores.SOFTMAX_OVER_WRONG_AXIS,
    misplaced_steps.FIRST_STEP_ALONE,
    misplaced_steps.LAST_STEP_LEFT_OUT,
    misplaced_steps.FIRST_STEP_LEFT_OUT,
    misplaced_steps.DISCOUNT_APPLIED_TWICE,
    misplaced_steps.VALUE_OF_NEXT_STATE,
    misplaced_steps.BOOTSTRAP_UNDISCOUNTED,
    other_bonuses.ENTROPY_AVERAGED_OVER_ACTIONS,
    other_bonuses.ENTROPY_OF_TAKEN_ACTION,
    other_bonuses.LOG_PROBS_OF_ALL_ACTIONS,
    group_baselines.WORST_OF_GROUP_BASELINE,
    importance.RATIO_OF_A_STEP_MISSING,
    importance.RATIOS_SUMMED,
    preferred_returns.EXPONENTIAL_WEIGHTS,
    preferred_returns.ELITE_TRAJECTORIES_ALONE,
    preferred_returns.RETURN_SQUARED,
    other_rewards.REWARD_SQUARED,
    group_baselines.MIDRANGE_BASELINE,
    importance.RATIO_PRODUCT_CAPPED,
)
"""Of trajectories, in the order of their numbers."""

CATALOGUE: tuple[Bug | LossBug, ...] = tuple(sorted((*ENTRIES, *LOSS_ENTRIES), key=lambda known: known.number))
"""All entries, of either kind, in the order of their numbers."""


def names() -> list[str]:
    """Return the slugs of all entries, in the order of the catalogue."""
    return [known.slug for known in CATALOGUE]


@accepts()
def get(slug: str) -> Any:
    """Return an entry of the catalogue.

    Parameters
    ----------
    slug : str
        One of `names()`, or several that are known together, as a report names them: "discount-dropped +
        length-per-trajectory", "return-undiscounted + length-per-batch + sign-reversed".

    Returns
    -------
    Bug or LossBug
        A function of trajectories, or a loss for language models: number, slug, effect, cause, cure, source, target,
        implementation, correct and note are of both.

    Raises
    ------
    UnknownName
        Listing the nearest known slugs.
    """
    if not isinstance(slug, str):
        raise unknown_name("bug", slug, names(), "pgv.bugs.names() (`pgverify bugs`)")
    for known in (*CATALOGUE, *PAIRS, *COMPOSITIONS):
        if known.slug == slug:
            return known
    entries = {bug.slug: bug for bug in ENTRIES}
    if (made := usual_bug(slug, entries) or changed_bug(slug, PLAINEST, entries)) is not None:
        return made
    rest, _, last = slug.rpartition(" + ")
    if rest and last == whole_batch.SIGN_REVERSED.slug:
        return with_sign_reversed(get(rest))
    if rest and last in CHANGES:
        return with_rows_changed(get(rest), last)
    raise unknown_name("bug", slug, names(), "pgv.bugs.names() (`pgverify bugs`)")
