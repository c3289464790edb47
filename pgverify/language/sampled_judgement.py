"""What can be said where some trees were sampled: bias, agreement within a tolerance, or neither."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pgverify.checking.verdict.outcome import Outcome
from pgverify.language.loss_judgement import LossJudgement, judged
from pgverify.language.trials import LossDesign, Trial
from pgverify.targets.target import Target

TOLERANCE = 0.05
"""Relative bias within which samples agree with a target."""


def judged_by_samples(
    trials: Sequence[Trial], design: LossDesign, target: Target, rounding: float, alpha: float
) -> LossJudgement:
    """Return the judgement: trees that were listed are judged exactly, and samples can only lower that.

    The total error rate is shared by the trees and the two claims, of bias and of agreement.
    """
    exact = [one for one in trials if one.sampled is None]
    drawn = [one for one in trials if one.sampled is not None]
    listed = judged(exact, design, target, rounding) if exact else None
    if listed is not None and not listed.outcome.good:
        return listed
    share = alpha / (2 * len(drawn))
    for one in drawn:
        if one.sampled is not None and one.sampled.off(one.target, share):
            off = np.linalg.norm(one.vector - one.target) / np.linalg.norm(one.target)
            text = f"the mean of {one.sampled.moments.count} batches is off {target.formula} by {off:.0%}"
            return LossJudgement(Outcome.BIASED, f"{text} on {one.problem.name}")
    hidden = max(one.sampled.hidden(one.target, share) for one in drawn if one.sampled is not None)
    if hidden <= TOLERANCE:
        text = f"a bias above {hidden:.2g} of {target.formula} would have been seen"
        return LossJudgement(Outcome.CONSISTENT, text)
    count = drawn[0].sampled.moments.count if drawn[0].sampled is not None else 0
    needed = int(np.ceil(count * (hidden / TOLERANCE) ** 2))
    text = f"a bias of {hidden:.2g} of {target.formula} could hide; about {needed:,} batches would settle it"
    return LossJudgement(Outcome.INCONCLUSIVE, text)
