"""The report on a loss that was tried: judgement, cause, invariants, scope."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.outcome import Outcome
from pgverify.language.built_in_problems import clipped_shares
from pgverify.language.changing_loss import memory_of, said_of_changing
from pgverify.language.claimed_parts import claimed_parts
from pgverify.language.coupling import Coupling
from pgverify.language.diagnosis import SAME, Diagnosis, diagnosed
from pgverify.language.invariants import InvariantResult, invariant_results
from pgverify.language.loss_judgement import EPSILON, ROUNDING, LossJudgement, judged, rounding_of
from pgverify.language.loss_report import Estimand, LossReport
from pgverify.language.loss_scope import LossScope, TreeScope
from pgverify.language.losses.other_clips import other_clips
from pgverify.language.next_steps_of_losses import next_step_of_loss
from pgverify.language.prepared_loss import PreparedLoss
from pgverify.language.remarks import remarks
from pgverify.language.sampled_judgement import judged_by_samples
from pgverify.language.trials import LossDesign, Trial
from pgverify.targets import PolicyGradient
from pgverify.targets.target import Target


def verdict(
    loss: PreparedLoss,
    trials: Sequence[Trial],
    design: LossDesign,
    coupling: Coupling,
    target: Target,
    alpha: float,
    seed: int,
) -> LossReport:
    """Return the report."""
    rounding, why = rounding_of(trials, loss.framework == "numpy")
    drawn = [one for one in trials if one.sampled is not None]
    if drawn:
        judgement = judged_by_samples(trials, design, target, rounding, alpha, coupling.repeats)
        rate = f"total false-alarm probability {alpha:g}, {len(drawn)} of {len(trials)} trees sampled"
    else:
        judgement = judged(trials, design, target, rounding)
        rate = f"relative rounding {rounding:g}" + (f" ({why})" if why else "")
    scope = scope_of(trials, design, coupling, loss)
    listed = [one for one in trials if one.sampled is None]
    telling = (drawn if judgement.sampled else listed) or trials
    known = _diagnosis(telling, judgement, scope, target, rounding)
    estimand = judgement.estimand
    if estimand is None and known is not None:
        estimand = Estimand(known.words, "E[Σ_t w_t ψ_t]", source=", ".join(known.source))
    invariants: tuple[InvariantResult, ...] = ()
    warnings: list[str] = []
    notes: list[str] = []
    if coupling.repeats:
        invariants = invariant_results(loss.on, loss.single, trials[0].table, trials[0].problem, design.prompts, seed)
        warnings, notes = remarks(loss, trials, design, scope)
    report = LossReport(
        outcome=judgement.outcome,
        explanation=judgement.explanation,
        target=target.formula,
        evidence="sampled" if judgement.sampled else "exhaustive",
        error_rate=rate,
        estimand=estimand,
        angle=_angle(telling, design),
        diagnosis=known.slug if known else None,
        cause=known.cause if known else "",
        cure=known.cure if known else "",
        source=known.source if known else (),
        findings=_findings(trials, design, judgement, max(rounding, ROUNDING)),
        invariants=invariants,
        warnings=(*warnings, *_broken(invariants)),
        notes=(*judgement.notes, *notes),
        next_step=next_step_of_loss(judgement, coupling.repeats, _one_batch(design), known),
        scope=scope,
    )
    return report if coupling.repeats else said_of_changing(report, memory_of(loss, trials[0]))


def _one_batch(design: LossDesign) -> str:
    return f"one group of {design.group_size}" if design.prompts == 1 else f"one batch of {design.prompts} groups"


def _diagnosis(
    trials: Sequence[Trial], judgement: LossJudgement, scope: LossScope, target: Target, rounding: float
) -> Diagnosis | None:
    """Return the cause of what is wrong; None where nothing is, or none is known.

    A multiple of what is claimed is no other method, and is not called one: without a fault there is nothing to name.
    """
    if judgement.outcome.good or judgement.coarse:
        return None
    known = diagnosed(
        trials,
        scope.sampler,
        scope.ratios,
        scope.prompts > 1 and not scope.coupled,
        claimed_parts(target),
        other_clips(target),
        max(SAME, 4.0 * rounding) if rounding > EPSILON else SAME,
    )
    multiple = judgement.outcome is Outcome.SCALED and known is not None and not known.fault
    return None if multiple else known


def scope_of(trials: Sequence[Trial], design: LossDesign, coupling: Coupling, loss: PreparedLoss) -> LossScope:
    """Return what was tried."""
    trees = tuple(
        TreeScope(one.problem.name, len(one.batches.rows), one.sampled is None, *clipped_shares(one.problem))
        for one in trials
    )
    apart = any(not np.array_equal(t.problem.policy.parameters, t.problem.old.parameters) for t in trials)
    return LossScope(
        group_size=design.group_size,
        prompts=design.prompts,
        sampler=design.sampler,
        framework=loss.framework,
        coupled=coupling.groups,
        ordered=coupling.ordered,
        repeats=coupling.repeats,
        ratios=apart,
        trees=trees,
    )


def _findings(
    trials: Sequence[Trial], design: LossDesign, judgement: LossJudgement, rounding: float
) -> tuple[Finding, ...]:
    found = []
    for one in trials:
        deviation = float(np.linalg.norm(one.vector - one.target)) / max(float(np.linalg.norm(one.target)), 1e-300)
        holds = judgement.outcome.good or deviation <= rounding
        found.append(
            Finding(
                check="expectation",
                problem=one.problem.name,
                batch_size=design.group_size * design.prompts,
                expected=tuple(one.target.tolist()),
                found=tuple(one.vector.tolist()),
                deviation=deviation,
                holds=holds,
                trajectories=one.problem.chances.size,
            )
        )
    return tuple(found)


def _angle(trials: Sequence[Trial], design: LossDesign) -> float | None:
    """Return the largest angle to ∇J of any tree, in degrees; None where the expectation is zero."""
    angles = []
    for one in trials:
        steepest = PolicyGradient().vector(one.problem, design.group_size)
        lengths = float(np.linalg.norm(steepest)), float(np.linalg.norm(one.vector))
        if min(lengths) <= 1e-12 * max(lengths):
            return None
        first, second = steepest / lengths[0], one.vector / lengths[1]
        angles.append(2 * np.degrees(np.arctan2(np.linalg.norm(first - second), np.linalg.norm(first + second))))
    return float(max(angles))


def _broken(invariants: Sequence[InvariantResult]) -> list[str]:
    return [str(result) for result in invariants if not result.holds]
