"""polgrad: a reference of its own for losses of language models, against which users compare theirs.

Advantages are judged with the plain sum over tokens, losses with advantages that are right, each exactly, over every
group of completions of small token trees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pgverify as pgv
from pgverify import Outcome
from pgverify.language.loss_report import LossReport
from pgverify.survey import Role, Survey, SurveyRow, asked_lm

GROUP = 4


def judged(function: Callable[[Any], Any], *, others: float = 1.0) -> Callable[[], LossReport]:
    """Return the question whether advantages [B] of a batch, times a constant, give the policy gradient."""

    def loss(batch: Any) -> Any:
        return -(others * function(batch)[:, None] * batch.log_probs * batch.mask).sum(1).mean()

    return lambda: asked_lm(loss, group_size=GROUP)


def grouped(scale: str) -> Callable[[Any], Any]:
    def function(batch: Any) -> Any:
        from polgrad.advantages import GroupNormConfig, grpo_advantages

        return grpo_advantages(batch.rewards, batch.prompt, GroupNormConfig(scale=scale))  # type: ignore[arg-type]

    return function


def alone(batch: Any) -> Any:
    from polgrad.advantages import rloo_advantages

    return rloo_advantages(batch.rewards, batch.prompt)


def of_the_row_before(batch: Any) -> Any:
    return alone(batch).roll(1)


def whole_batch(normalised: bool) -> Callable[[Any], Any]:
    def function(batch: Any) -> Any:
        from polgrad.advantages import ReinforcePPConfig, reinforce_pp_advantages

        return reinforce_pp_advantages(batch.rewards, config=ReinforcePPConfig(batch_norm=normalised))

    return function


def of_loss(
    surrogate: str, averaged: str, claim: Any, cap: float | None = None, ratio: str = "TOKEN"
) -> Callable[[], LossReport]:
    """Return the question whether `policy_loss`, set so, has the gradient of what it is the loss of."""

    def loss(batch: Any) -> Any:
        from polgrad import Aggregation, ClipConfig, PolicyLossConfig, RatioKind, SurrogateKind, policy_loss

        settings = PolicyLossConfig(
            ratio=RatioKind[ratio],
            surrogate=SurrogateKind[surrogate],
            clip=ClipConfig(0.2, 0.2, cap) if surrogate == "PG_CLIP" else None,
            aggregation=Aggregation[averaged],
        )
        return policy_loss(
            settings,
            logprobs=batch.log_probs,
            old_logprobs=batch.old_log_probs,
            advantages=alone(batch),
            response_mask=batch.mask,
        ).loss

    sampler = "same" if surrogate == "REINFORCE" else "old"
    return lambda: asked_lm(loss, group_size=GROUP, sampler=sampler, target=claim)


ADVANTAGES, LOSSES = "(advantages.py)", "(losses.py)"
CALLED = "as in its README: rewards [B] and the prompt of each row, then policy_loss on the same rows"
USED = "as in its README: policy_loss(config, logprobs=, old_logprobs=, advantages=, response_mask=).loss"
CLIPPED = f"PG_CLIP: “-min(r_t A_t, clip(r_t, 1-ε_lo, 1+ε_hi) A_t)” {LOSSES}"
CLIP, DUAL = pgv.targets.Surrogate(clip=0.2), pgv.targets.Surrogate(clip=0.2, dual=3.0)
NORMED, MEAN = "reinforce_pp_advantages, batch_norm=True", "policy_loss, PG_CLIP, TOKEN_MEAN"
ROWS = "policy_loss, PG_CLIP, SEQ_MEAN_TOKEN_MEAN"

SURVEY = Survey(
    "polgrad",
    ("polgrad==0.2.1", "torch==2.13.0"),
    ("polgrad",),
    (
        SurveyRow(
            "rloo_advantages",
            f"“Leave-one-out baselined sequence advantages (RLOO)” {ADVANTAGES}",
            CALLED,
            judged(alone),
            Outcome.CORRECT,
        ),
        SurveyRow(
            "rloo_advantages of the row before",
            "the policy gradient",
            "not so",
            judged(of_the_row_before),
            Outcome.BIASED,
            Role.PLANTED,
            "rloo_advantages",
        ),
        SurveyRow(
            'grpo_advantages, scale="none"',
            f"“skips the division (Dr.GRPO)” {ADVANTAGES}",
            CALLED,
            judged(grouped("none")),
            Outcome.SCALED,
            remark="the mean of the group includes one's own reward: (G − 1)/G, as in the paper",
        ),
        SurveyRow(
            'grpo_advantages, scale="std"',
            f"“divides by the per-group standard deviation plus eps (GRPO)” {ADVANTAGES}",
            CALLED,
            judged(grouped("std")),
            Outcome.OTHER_TARGET,
            remark="divided by the standard deviation of the group, as documented",
        ),
        SurveyRow(
            "reinforce_pp_advantages, batch_norm=False",
            f"“baseline is the global batch mean (REINFORCE++)” {ADVANTAGES}",
            CALLED,
            judged(whole_batch(False)),
            Outcome.SCALED,
            remark="the mean of the batch includes one's own reward: (B − 1)/B",
        ),
        SurveyRow(
            NORMED,
            f"“divide by the global batch standard deviation” {ADVANTAGES}",
            CALLED,
            judged(whole_batch(True)),
            Outcome.BIASED,
            remark="the deviation of the batch depends on the own reward; documented",
        ),
        SurveyRow(
            "reinforce_pp_advantages, batch_norm=False, times B/(B − 1)",
            "the policy gradient",
            "mended",
            judged(whole_batch(False), others=2 * GROUP / (2 * GROUP - 1)),
            Outcome.CORRECT,
            Role.RIGHT,
            NORMED,
        ),
        SurveyRow(
            "policy_loss, REINFORCE, SEQ_MEAN_TOKEN_SUM",
            f"REINFORCE: “-A_t · logprobs_t” {LOSSES}",
            USED,
            of_loss("REINFORCE", "SEQ_MEAN_TOKEN_SUM", "policy_gradient"),
            Outcome.CORRECT,
        ),
        SurveyRow(
            "policy_loss, PG_CLIP, SEQ_MEAN_TOKEN_SUM",
            CLIPPED,
            USED,
            of_loss("PG_CLIP", "SEQ_MEAN_TOKEN_SUM", CLIP),
            Outcome.CORRECT,
        ),
        SurveyRow(
            "policy_loss, PG_CLIP, ratio_cap=3, SEQ_MEAN_TOKEN_SUM",
            f"“ratio_cap enables dual-clip PPO” {LOSSES}",
            USED,
            of_loss("PG_CLIP", "SEQ_MEAN_TOKEN_SUM", DUAL, cap=3.0),
            Outcome.CORRECT,
        ),
        SurveyRow(
            MEAN,
            f"{CLIPPED}, TOKEN_MEAN",
            USED,
            of_loss("PG_CLIP", "TOKEN_MEAN", CLIP),
            Outcome.BIASED,
            remark="divided by the tokens of the batch, which the actions decide; documented",
        ),
        SurveyRow(
            ROWS,
            f"{CLIPPED}, SEQ_MEAN_TOKEN_MEAN",
            USED,
            of_loss("PG_CLIP", "SEQ_MEAN_TOKEN_MEAN", CLIP),
            Outcome.BIASED,
            remark="each row is divided by its own length; documented",
        ),
        *(
            SurveyRow(
                f"the sum over tokens in place of {of.rpartition(', ')[2]}",
                CLIPPED,
                "mended",
                of_loss("PG_CLIP", "SEQ_MEAN_TOKEN_SUM", CLIP),
                Outcome.CORRECT,
                Role.RIGHT,
                of,
            )
            for of in (MEAN, ROWS)
        ),
    ),
    "its mask is of bool, and groups are told by the prompt of each row",
)
