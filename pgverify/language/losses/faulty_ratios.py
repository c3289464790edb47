"""Importance ratios that nobody proposes: of another side, policy, power or range."""

from __future__ import annotations

import numpy as np

from pgverify.language.losses.parts import LossPart, fault
from pgverify.language.losses.ratios import (
    HIGH,
    LOW,
    inverted,
    kept_where,
    none,
    pessimistic,
    probability,
    sampled_by_rollout,
    squared,
    to_reference,
    token,
    token_root,
    truncated_mean,
    weighted_score,
)

FAULTY: tuple[LossPart, ...] = (
    fault(
        "ppo-max-for-min",
        "the larger of the clipped and the unclipped term",
        kept_where(lambda r, a: np.where(a > 0, r >= LOW, r <= HIGH)),
    ),
    LossPart(
        "clip-upper-only",
        "clipped at 1.2 where A > 0, never where A < 0",
        kept_where(lambda r, a: np.where(a > 0, r <= HIGH, True)),
        fault=True,
        cause="The lower side of the clip is missing: ratios below 1 − ε are pushed on where the advantage is "
        "negative.",
        cure="Clip on both sides.",
    ),
    LossPart(
        "clip-lower-only",
        "clipped at 0.8 where A < 0, never where A > 0",
        kept_where(lambda r, a: np.where(a > 0, True, r >= LOW)),
        fault=True,
        cause="The upper side of the clip is missing: ratios above 1 + ε are pushed on where the advantage is "
        "positive.",
        cure="Clip on both sides.",
    ),
    fault("clip-before-advantage", "min(ρ, clip(ρ)) before the advantage", kept_where(lambda r, a: r <= HIGH + 0 * a)),
    fault(
        "clip-without-min",
        "the clipped ratio alone",
        kept_where(lambda r, a: (r >= LOW) & (r <= HIGH) & np.isfinite(a)),
    ),
    fault("clip-range-not-around-one", "clipped to ε … 1 + ε", pessimistic(0.2, HIGH)),
    fault("surrogate-clamped", "the product of ratio and advantage clamped", kept_where(lambda r, a: r * a <= HIGH)),
    LossPart(
        "clip-log-ratio",
        "the log-ratio clipped to ±ε",
        pessimistic(float(np.exp(-0.2)), float(np.exp(0.2))),
        fault=True,
        cause="ε clips the log of the ratio: the interval is e^{±ε}, not 1 ± ε.",
        cure="Take the exponential before clamping, or log(1 ± ε) as the bounds.",
    ),
    LossPart(
        "ratio-squared",
        "the square of the token ratio",
        squared,
        fault=True,
        cause="The ratio is squared, as where it weighs the loss and the advantage too and both are differentiated.",
        cure="Use ρ once.",
        source=("PufferAI/PufferLib#306",),
    ),
    fault("ratio-applied-twice", "the token ratio twice, once detached", weighted_score),
    fault("ratio-missing", "no ratio", none),
    LossPart(
        "probability-not-log",
        "the probability in place of its logarithm",
        probability,
        fault=True,
        cause="The probability of a token is differentiated where its logarithm belongs: π ψ for ψ.",
        cure="Take the logarithm, or divide by the probability held constant.",
    ),
    fault("log-rho-swapped", "the ratio upside down", inverted),
    fault("ratio-to-rollout", "the ratio to the rollout policy", sampled_by_rollout),
    fault("ratio-to-reference", "the ratio to the reference policy", to_reference),
    fault("gspo-token-root", "each token's ratio to the power 1/L", token_root),
    *(
        fault("tis-sequence-mean", f"the geometric mean of π_old/μ, at most {cap:g}", truncated_mean(cap))
        for cap in (2.0, 3.0, 5.0, np.inf)
    ),
)
"""In the order of their number of clips."""

CLIP_NOT_APPLIED = fault("clip-not-applied", "the token ratio, never clipped", token)
"""Where a clipped surrogate is claimed; elsewhere the ratio of tokens is a method."""

WITHOUT_RATIO_TO_OLD = ("ratio-to-reference", "probability-not-log")
"""What shows although every ratio to π_old is 1."""

OF_THE_ROLLOUT = ("ratio-missing", "ratio-to-rollout", "tis-sequence-mean")
"""What shows where a third policy drew."""
