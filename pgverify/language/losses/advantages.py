"""Advantages as parts of losses: the right ones, and those that bias, with where they were seen."""

from __future__ import annotations

from pgverify.language.losses.advantage_weights import (
    all_mixed_leave_one_out,
    batch_mean,
    batch_std,
    batch_whitened,
    best_of_group,
    divided,
    group_deviation,
    group_std,
    group_std_population,
    group_then_token_whitened,
    group_variance,
    leave_one_out,
    length_weighted,
    median_of_group,
    neighbour_mean,
    own_mean,
    per_mixed_group,
    per_nonzero_reward,
    positive_only,
    raw,
    sign_only,
    token_whitened,
)
from pgverify.language.losses.parts import LossPart

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
