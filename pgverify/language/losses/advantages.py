"""Advantages: what a completion's reward is compared with, and divided by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from pgverify.language.losses.loss_rows import LossRows
from pgverify.language.losses.parts import LossPart
from pgverify.validation import Array


def raw(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R."""
    return rows.rewards[:, :, None]


def own_mean(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − mean of the group."""
    return (rows.rewards - rows.spread(rows.groups.mean(axis=2, keepdims=True)))[:, :, None]


def leave_one_out(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − mean of the others: G/(G − 1) times the one above."""
    return own_mean(rows) * rows.group_size / max(rows.group_size - 1, 1)


def divided(
    by: Callable[[LossRows], Float[Array, "N B"]], epsilon: float, centred: bool = True
) -> Callable[[LossRows], Float[Array, "N B 1"]]:
    """Return the advantages (R − mean)/(spread + ε), 0 where the spread and ε are."""

    def weights(rows: LossRows) -> Float[Array, "N B 1"]:
        spread = by(rows)[:, :, None] + epsilon
        above = own_mean(rows) if centred else raw(rows)
        return np.divide(above, spread, out=np.zeros_like(above), where=spread > 0)

    return weights


def group_std(rows: LossRows) -> Float[Array, "N B"]:
    """Return the standard deviation of the group, over G − 1 as torch's is."""
    if rows.group_size == 1:
        return np.zeros_like(rows.rewards)
    return rows.spread(rows.groups.std(axis=2, ddof=1, keepdims=True))


def group_std_population(rows: LossRows) -> Float[Array, "N B"]:
    """Return the standard deviation of the group, over G as NumPy's is."""
    return rows.spread(rows.groups.std(axis=2, keepdims=True))


def group_deviation(rows: LossRows) -> Float[Array, "N B"]:
    """Return the mean absolute deviation of the group."""
    centred = np.abs(rows.groups - rows.groups.mean(axis=2, keepdims=True))
    return rows.spread(centred.mean(axis=2, keepdims=True))


def group_variance(rows: LossRows) -> Float[Array, "N B"]:
    """Return the variance of the group."""
    return group_std(rows) ** 2


def batch_std(rows: LossRows) -> Float[Array, "N B"]:
    """Return the standard deviation of all rewards of a batch."""
    return np.broadcast_to(rows.rewards.std(axis=1, ddof=1, keepdims=True), rows.rewards.shape)


def batch_mean(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − mean of the batch."""
    return (rows.rewards - rows.rewards.mean(axis=1, keepdims=True))[:, :, None]


def batch_whitened(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return (R − mean of the batch)/std of the batch."""
    spread = batch_std(rows)[:, :, None] + 1e-8
    return batch_mean(rows) / spread


def token_whitened(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R less its mean over the tokens of the batch, divided by its standard deviation over them.

    Means and variance weigh a completion by its length; verl divides the squares by n − 1 tokens and adds 1e-8.
    """
    weight = rows.lengths / rows.lengths.sum(axis=1, keepdims=True)
    return _whitened(rows, rows.rewards, weight)


def group_then_token_whitened(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return the same of R − mean of the group: REINFORCE++ with a baseline."""
    weight = rows.lengths / rows.lengths.sum(axis=1, keepdims=True)
    return _whitened(rows, own_mean(rows)[:, :, 0], weight)


def _whitened(rows: LossRows, each: Float[Array, "N B"], weight: Float[Array, "N B"]) -> Float[Array, "N B 1"]:
    tokens = rows.lengths.sum(axis=1, keepdims=True)
    centred = each - (weight * each).sum(axis=1, keepdims=True)
    variance = (weight * centred**2).sum(axis=1, keepdims=True) * tokens / (tokens - 1)
    return (centred / np.sqrt(variance + 1e-8))[:, :, None]


def length_weighted(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − ΣLR/ΣL of the group, its own sample included (OPO)."""
    lengths = rows.by_group(rows.lengths)
    mean = (lengths * rows.groups).sum(axis=2, keepdims=True) / lengths.sum(axis=2, keepdims=True)
    return (rows.rewards - rows.spread(mean))[:, :, None]


def best_of_group(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − max of the group."""
    return (rows.rewards - rows.spread(rows.groups.max(axis=2, keepdims=True)))[:, :, None]


def median_of_group(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − median of the group."""
    return (rows.rewards - rows.spread(np.median(rows.groups, axis=2, keepdims=True)))[:, :, None]


def positive_only(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return max(R − mean of the group, 0)."""
    return np.maximum(own_mean(rows), 0.0)


def sign_only(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return the sign of R − mean of the group."""
    above = own_mean(rows)
    return np.sign(np.where(np.abs(above) < 1e-12, 0.0, above))


def per_nonzero_reward(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return (R − mean of the group) · B / number of rewards that are not zero: GPG as verl computes it."""
    count = np.maximum((rows.rewards != 0).sum(axis=1), 1)[:, None, None]
    return own_mean(rows) * rows.rewards.shape[1] / count


def per_mixed_group(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return (R − mean of the group) · P / number of groups that are not all alike: GPG as the paper has it."""
    mixed = (np.ptp(rows.groups, axis=2) > 0).sum(axis=1)
    return own_mean(rows) * (rows.groups.shape[1] / np.maximum(mixed, 1))[:, None, None]


def all_mixed_leave_one_out(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return the leave-one-out advantage over the share of groups that are not all alike."""
    return per_mixed_group(rows) * rows.group_size / max(rows.group_size - 1, 1)


def neighbour_mean(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − mean of the next group."""
    mean = np.roll(rows.groups.mean(axis=2, keepdims=True), -1, axis=1)
    return (rows.rewards - rows.spread(mean))[:, :, None]


GROUP_STD_THREADS = ("arXiv:2503.20783", "allenai/open-instruct#636")

RIGHT: tuple[LossPart, ...] = (
    LossPart("leave-one-out", "reward less the mean of the others", leave_one_out),
    LossPart("own-mean", "reward less the mean of its group, times 1 − 1/G in expectation", own_mean),
    LossPart("raw", "reward without baseline", raw),
)
"""Whose expectation is ∇J, or (1 − 1/G) of it."""

FAULTY: tuple[LossPart, ...] = (
    *(
        LossPart(
            slug,
            words,
            divided(spread, epsilon),
            fault=True,
            cause="Advantages are divided by the group's standard deviation, which depends on the sampled completions.",
            cure="Do not divide, or divide by a constant.",
            source=GROUP_STD_THREADS,
        )
        for slug, words, spread in (
            ("group-std", "divided by the standard deviation of its group", group_std),
            ("group-std-population", "divided by the standard deviation of its group, over G", group_std_population),
        )
        for epsilon in (1e-6, 1e-4, 1e-8, 0.0)
    ),
    LossPart(
        "group-std-uncentred",
        "reward divided by the standard deviation of its group, nothing subtracted",
        divided(group_std, 1e-6, centred=False),
        fault=True,
        cause="The reward is divided by the group's spread, but the group's mean is not subtracted.",
        cure="Subtract the mean of the others, and divide by nothing.",
        source=("dllm-reasoning/d1#19",),
    ),
    LossPart(
        "group-variance",
        "divided by the variance of its group",
        divided(group_variance, 1e-6),
        fault=True,
        cause="Advantages are divided by the variance of the group: the square root is missing.",
        cure="Do not divide; where GRPO is meant, take the root.",
        source=("arXiv:2402.03300",),
    ),
    LossPart(
        "group-absolute-deviation",
        "divided by the mean absolute deviation of its group",
        divided(group_deviation, 1e-6),
        fault=True,
        cause="Advantages are divided by the group's absolute deviation, which depends on the sampled completions.",
        cure="Do not divide, or divide by a constant.",
        source=GROUP_STD_THREADS,
    ),
    LossPart(
        "batch-std",
        "reward less the mean of its group, divided by the standard deviation of the batch",
        divided(batch_std, 1e-6),
        fault=True,
        cause="Advantages are divided by the standard deviation of the batch, which includes the own sample.",
        cure="Divide by a constant, or by a running value of earlier batches.",
        source=("tinker-cookbook#135", "arXiv:2501.03262"),
        coupled=True,
    ),
    LossPart(
        "batch-mean-baseline",
        "reward less the mean of the batch",
        batch_mean,
        fault=True,
        cause="The mean of the whole batch is subtracted, other prompts' rewards included, and the own sample.",
        cure="Subtract the mean of the other completions of the same prompt.",
        source=("XU-YIJIE/grpo-flat#2", "yifan123/flow_grpo#46"),
        coupled=True,
    ),
    LossPart(
        "batch-whitened",
        "reward whitened over the batch",
        batch_whitened,
        fault=True,
        cause="Mean and standard deviation are those of the whole batch, not of the prompt's group.",
        cure="Compute them for each prompt: rewards.view(-1, G), over the second axis.",
        source=("XU-YIJIE/grpo-flat#2", "yifan123/flow_grpo#46"),
        coupled=True,
    ),
    LossPart(
        "token-whitened",
        "reward whitened over the tokens of the batch (REINFORCE++)",
        token_whitened,
        fault=True,
        cause="Advantages are whitened over the tokens of the batch: weighed by length, the own sample included.",
        cure="Subtract a baseline without the own sample, and divide by a constant.",
        source=("arXiv:2501.03262", "verl (compute_reinforce_plus_plus_outcome_advantage)"),
        coupled=True,
    ),
    LossPart(
        "group-then-token-whitened",
        "reward less its group's mean, whitened over the tokens of the batch (REINFORCE++ with baseline)",
        group_then_token_whitened,
        fault=True,
        cause="Advantages are whitened over the tokens of the batch after the group's mean was subtracted.",
        cure="Leave the own sample out of the mean, and divide by a constant.",
        source=("arXiv:2501.03262", "verl (compute_reinforce_plus_plus_baseline_outcome_advantage)"),
        coupled=True,
    ),
    LossPart(
        "opo-self",
        "reward less the length-weighted mean of its group",
        length_weighted,
        fault=True,
        cause="The length-weighted mean reward that is subtracted includes the own sample, weighted by its own length.",
        cure="Leave the own sample out of numerator and denominator.",
        source=("arXiv:2505.23585", "verl (compute_opo_outcome_advantage)"),
    ),
    LossPart(
        "best-of-group-baseline",
        "reward less the best of its group",
        best_of_group,
        fault=True,
        cause="The best reward of the group is subtracted: it depends on the own sample.",
        cure="Subtract the mean of the others.",
        source=("axon-rl/gem#113",),
    ),
    LossPart(
        "median-baseline",
        "reward less the median of its group",
        median_of_group,
        fault=True,
        cause="The median of the group is subtracted, the own sample included.",
        cure="Subtract the median, or the mean, of the others.",
        source=("ServiceNow/PipelineRL#54",),
    ),
    LossPart(
        "negative-advantages-dropped",
        "the advantage where it is positive, else 0",
        positive_only,
        fault=True,
        cause="Completions that are worse than their group are left out.",
        cure="Keep both signs, or say which other objective is meant.",
        source=("ServiceNow/PipelineRL#54",),
    ),
    LossPart(
        "advantage-sign-only",
        "the sign of the advantage",
        sign_only,
        fault=True,
        cause="Only the sign of the advantage is kept.",
        cure="Keep its size.",
        source=("axon-rl/gem#113",),
    ),
    LossPart(
        "gpg-nonzero-rewards",
        "advantage times the batch's size over its number of rewards that are not zero (GPG in verl)",
        per_nonzero_reward,
        fault=True,
        cause="The correction for groups all alike counts the rewards that are not zero instead.",
        cure="Count the groups that are all alike, or leave the factor out.",
        source=("arXiv:2504.02546", "verl (compute_gpg_outcome_advantage)"),
        coupled=True,
    ),
    *(
        LossPart(
            "groups-alike-left-out",
            "advantage times the number of groups over those that are not all alike (GPG, dynamic sampling)",
            weights,
            fault=True,
            cause="Groups whose rewards are all alike are left out, and the mean is over the others: their number is "
            "random, and counts the own sample.",
            cure="Divide by the number of all groups; or draw until there are enough: that is 1/P(accept) times ∇J.",
            source=("arXiv:2503.14476", "arXiv:2504.02546", "huggingface/trl#6369"),
            coupled=True,
        )
        for weights in (all_mixed_leave_one_out, per_mixed_group)
    ),
    LossPart(
        "baseline-of-next-group",
        "reward less the mean of the next group",
        neighbour_mean,
        fault=True,
        cause="Baselines are shifted by a group: noise that is larger than that of no baseline.",
        cure="Subtract the mean of the same prompt.",
        source=("PrimeIntellect-ai/prime-rl#600",),
        coupled=True,
    ),
)
"""The rest; each depends on the own sample in a way that biases."""
