"""What can be said where some trees were sampled: bias, agreement within a tolerance, a multiple, or none of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.checking.verdict.outcome import Outcome
from pgverify.language.loss_judgement import LossJudgement, judged, percent
from pgverify.language.sampled_expectation import SampledMean
from pgverify.language.trials import LossDesign, Trial
from pgverify.targets.target import Target
from pgverify.validation import Array

TOLERANCE = 0.05
"""Relative bias within which samples agree with a target."""

BOUNDED, RATE = 0.1, 1e-3
"""Of what smaller trees were listed for: the relative bias that samples have to exclude, and how often they may err."""

SampledTrial = tuple[Trial, SampledMean]


def judged_by_samples(
    trials: Sequence[Trial], design: LossDesign, target: Target, rounding: float, alpha: float, repeats: bool
) -> LossJudgement:
    """Return the judgement: trees that were listed are judged exactly, and samples can only lower that.

    The total error rate is shared by the trees and the two claims, of bias and of agreement. That samples agree with a
    multiple is said of a loss that `repeats` itself: what another remembers of its calls makes its estimates depend on
    each other, and then they agree for no reason.
    """
    exact = [one for one in trials if one.sampled is None]
    drawn = [(one, one.sampled) for one in trials if one.sampled is not None]
    if exact:
        return _lowered(judged(exact, design, target, rounding), drawn, design, target, alpha)
    share = alpha / (2 * len(drawn))
    found = _multiple(drawn, target, share) if repeats else None
    for one, mean in drawn:
        if mean.off(one.target, share):
            if found is not None:
                return found
            off = float(np.linalg.norm(one.vector - one.target) / np.linalg.norm(one.target))
            text = f"the mean of {mean.moments.count} batches is off {target.formula} by {percent(off)}"
            return LossJudgement(Outcome.BIASED, f"{text} on {one.problem.name}", sampled=True)
    hidden = max(mean.hidden(one.target, share) for one, mean in drawn)
    if hidden <= TOLERANCE:
        text = f"a bias above {hidden:.2g} of {target.formula} would have been seen"
        return LossJudgement(Outcome.CONSISTENT, text, sampled=True)
    return _open(hidden, TOLERANCE, drawn, target)


def _multiple(drawn: Sequence[SampledTrial], target: Target, share: float) -> LossJudgement | None:
    """Return SCALED where the samples of every tree agree with a positive multiple of the target, within tolerance."""
    factors = [mean.multiple(one.target) for one, mean in drawn]
    goals = [factor * one.target for factor, (one, _) in zip(factors, drawn, strict=True)]
    if min(factors) <= 0.0 or any(mean.off(goal, share) for goal, (_, mean) in zip(goals, drawn, strict=True)):
        return None
    hidden = max(mean.hidden(goal, share) for goal, (_, mean) in zip(goals, drawn, strict=True))
    if hidden > TOLERANCE:
        return None
    alike = max(factors) - min(factors) <= 2.0 * hidden * max(factors)
    shown = f"{factors[0]:.3g}" if alike else ", ".join(f"{factor:.3g}" for factor in factors)
    text = f"in drawn batches the expectation is {shown} times {target.formula}, to within {hidden:.2g} of it"
    return LossJudgement(Outcome.SCALED, text, factor=factors[0] if alike else None, sampled=True)


def _lowered(
    listed: LossJudgement, drawn: Sequence[SampledTrial], design: LossDesign, target: Target, alpha: float
) -> LossJudgement:
    """Return what listed trees say, unless those that could only be sampled gainsay it or leave too much open."""
    if listed.outcome not in (Outcome.CORRECT, Outcome.SCALED, Outcome.OTHER_TARGET, Outcome.NO_SIGNAL):
        return listed
    listed = replace(listed, explanation=listed.explanation.replace("every tree tried", "every tree listed"))
    goals = [_expected(listed, one, mean, design) for one, mean in drawn]
    for goal, (one, mean) in zip(goals, drawn, strict=True):
        if mean.off(goal, alpha / len(drawn)):
            off = float(np.linalg.norm(one.vector - goal) / max(np.linalg.norm(goal), np.linalg.norm(one.vector)))
            text = f"{listed.explanation}, but the mean of {mean.moments.count} batches on {one.problem.name}, whose "
            return LossJudgement(
                Outcome.BIASED, f"{text}completions are longer, is off that by {percent(off)}", sampled=True
            )
    if listed.outcome is Outcome.NO_SIGNAL:
        return listed
    hidden = max(mean.hidden(goal, RATE / len(drawn)) for goal, (_, mean) in zip(goals, drawn, strict=True))
    if hidden > BOUNDED:
        left = _open(hidden, BOUNDED, drawn, target)
        said = f"{listed.explanation}; on {drawn[0][0].problem.name}, whose completions are longer, {left.explanation}"
        return replace(left, explanation=said)
    names = ", ".join(one.problem.name for one, _ in drawn)
    said = f"{listed.explanation}; on {names}, drawn, a bias above {hidden:.2g} would have been seen"
    return replace(listed, explanation=said)


def _expected(listed: LossJudgement, one: Trial, mean: SampledMean, design: LossDesign) -> Float[Array, "d"]:
    """Return what a tree's samples should be near if the listed ones are right."""
    if listed.outcome is Outcome.SCALED:
        return np.asarray(mean.multiple(one.target) * one.target)
    if listed.outcome is Outcome.OTHER_TARGET:
        parts = [factor * term.vector(one.problem, design.group_size) for factor, term in listed.terms]
        return np.asarray(np.sum(parts, axis=0))
    return one.target if listed.outcome is Outcome.CORRECT else np.zeros_like(one.target)


def _open(hidden: float, least: float, drawn: Sequence[SampledTrial], target: Target) -> LossJudgement:
    needed = int(np.ceil(drawn[0][1].moments.count * (hidden / least) ** 2))
    text = f"a bias of {hidden:.2g} of {target.formula} could hide; about {needed:,} batches would settle it"
    return LossJudgement(Outcome.INCONCLUSIVE, text, sampled=True)
