"""Advantages as parts of losses: the right ones, and those that bias, with where they were seen."""

from __future__ import annotations

from pgverify.language.losses.advantage_weights import (
    all_mixed_leave_one_out,
    batch_mean,
    batch_std,
    batch_whitened,
    best_of_group,
    cut_at,
    divided,
    group_deviation,
    group_range,
    group_std,
    group_std_population,
    group_then_token_whitened,
    group_variance,
    leave_one_out,
    length_weighted,
    lower_median_of_group,
    median_of_group,
    neighbour_mean,
    over_batch_std,
    over_group_mean,
    own_mean,
    per_mixed_group,
    per_nonzero_reward,
    positive_only,
    raw,
    sign_only,
    std_of_others,
    token_whitened,
    twice,
    worst_of_group,
)
from pgverify.language.losses.parts import LossPart, fault

RIGHT: tuple[LossPart, ...] = (
    LossPart("leave-one-out", "reward less the mean of the others", leave_one_out),
    LossPart("own-mean", "reward less the mean of its group, times 1 − 1/G in expectation", own_mean),
    LossPart("raw", "reward without baseline", raw),
)
"""Whose expectation is ∇J, or (1 − 1/G) of it."""

EPSILONS = (1e-6, 1e-4, 1e-8, 0.0)
"""What is added to a deviation, as libraries have it."""

METHODS: tuple[LossPart, ...] = tuple(
    LossPart(
        "maxrl",
        "reward less the mean of its group, over that mean (MaxRL)",
        over_group_mean(epsilon, absolute),
        source=("arXiv:2602.02710",),
    )
    for epsilon in (0.0, 1e-6, 1e-8, 1e-4)
    for absolute in (False, True)
)
"""What a paper proposes, which is no ∇J: with rewards 0 and 1 the gradient of a truncated log-likelihood."""

BOUNDS = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0)
"""At which advantages are cut, as configurations have them."""

FAULTY: tuple[LossPart, ...] = (
    *(
        fault(slug, words, divided(spread, epsilon))
        for slug, words, spread in (
            ("group-std", "divided by the standard deviation of its group", group_std),
            ("group-std-population", "divided by the standard deviation of its group, over G", group_std_population),
        )
        for epsilon in EPSILONS
    ),
    LossPart(
        "group-std-uncentred",
        "reward divided by the standard deviation of its group, nothing subtracted",
        divided(group_std, 1e-6, centred=False),
        fault=True,
        cause="The reward is divided by the group's spread, but the group's mean is not subtracted.",
        cure="Subtract the mean of the others, and divide by nothing.",
    ),
    LossPart(
        "group-variance",
        "divided by the variance of its group",
        divided(group_variance, 1e-6),
        fault=True,
        cause="Advantages are divided by the variance of the group: the square root is missing.",
        cure="Do not divide; where GRPO is meant, take the root.",
    ),
    LossPart(
        "group-absolute-deviation",
        "divided by the mean absolute deviation of its group",
        divided(group_deviation, 1e-6),
        fault=True,
        cause="Advantages are divided by the group's absolute deviation, which depends on the sampled completions.",
        cure="Do not divide, or divide by a constant.",
    ),
    fault("leave-one-out-std", "reward less the mean of the others, over their standard deviation", std_of_others),
    LossPart(
        "group-range",
        "divided by the range of its group",
        divided(group_range, 1e-6),
        fault=True,
        cause="Advantages are divided by the range of the group's rewards, which depends on the sampled completions.",
        cure="Do not divide, or divide by a constant.",
    ),
    *(
        fault(
            "batch-std",
            "reward less the mean of its group, divided by the standard deviation of the batch",
            divided(batch_std, epsilon),
            coupled=True,
        )
        for epsilon in EPSILONS
    ),
    LossPart(
        "batch-std-uncentred",
        "reward divided by the standard deviation of the batch, nothing subtracted",
        over_batch_std,
        fault=True,
        cause="The reward is divided by the batch's spread, which depends on the sampled completions.",
        cure="Subtract the mean of the others, and divide by nothing.",
        coupled=True,
    ),
    LossPart(
        "batch-mean-baseline",
        "reward less the mean of the batch",
        batch_mean,
        fault=True,
        cause="The mean of the whole batch is subtracted, other prompts' rewards included, and the own sample.",
        cure="Subtract the mean of the other completions of the same prompt.",
        source=("PrimeIntellect-ai/prime-rl#600",),
        coupled=True,
    ),
    *(
        fault("batch-whitened", "reward whitened over the batch", batch_whitened(epsilon), coupled=True)
        for epsilon in EPSILONS
    ),
    fault("token-whitened", "reward whitened over the tokens of the batch (REINFORCE++)", token_whitened, coupled=True),
    fault(
        "group-then-token-whitened",
        "reward less its group's mean, whitened over the tokens of the batch (REINFORCE++ with baseline)",
        group_then_token_whitened,
        coupled=True,
    ),
    fault("normalised-twice", "divided by its group's deviation, then whitened over the tokens", twice, coupled=True),
    fault("opo-self", "reward less the length-weighted mean of its group", length_weighted),
    fault("best-of-group-baseline", "reward less the best of its group", best_of_group),
    LossPart(
        "worst-of-group-baseline",
        "reward less the worst of its group",
        worst_of_group,
        fault=True,
        cause="The worst reward of the group is subtracted: it depends on the own sample.",
        cure="Subtract the mean of the others.",
    ),
    fault("median-baseline", "reward less the median of its group", median_of_group),
    fault("median-baseline", "reward less the lower median of its group", lower_median_of_group),
    LossPart(
        "negative-advantages-dropped",
        "the advantage where it is positive, else 0",
        positive_only,
        fault=True,
        cause="Completions that are worse than their group are left out.",
        cure="Keep both signs, or say which other objective is meant.",
    ),
    LossPart(
        "advantage-sign-only",
        "the sign of the advantage",
        sign_only,
        fault=True,
        cause="Only the sign of the advantage is kept.",
        cure="Keep its size.",
    ),
    *(fault("advantages-clipped", f"the advantage cut at ±{bound:g}", cut_at(bound)) for bound in BOUNDS),
    fault(
        "gpg-nonzero-rewards",
        "advantage times the batch's size over its number of rewards that are not zero (GPG in verl)",
        per_nonzero_reward,
        coupled=True,
    ),
    *(
        fault(
            "groups-alike-left-out",
            "advantage times the number of groups over those that are not all alike (GPG, dynamic sampling)",
            weights,
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
        coupled=True,
    ),
)
"""The rest; each depends on the own sample in a way that biases."""
