"""The loss of a training script handed over with a claim that it does not make: what it is, and what to claim.

An entropy bonus, a ratio that is clipped, advantages that are standardised, a mean over all steps: each belongs to a
usual method, and makes a bias of a claim to ∇J. Estimates are compared on batches with those of such losses: one
coefficient for what is paid for, another for the entropy. That is an equality of every estimate, and takes no listing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.bugs import get as get_bug
from pgverify.bugs.entropy import ENTROPY_SIGN
from pgverify.bugs.importance import STALE_SAMPLES
from pgverify.bugs.ppo import OLD_LOGP_RECOMPUTED
from pgverify.bugs.usual_losses import UsualLoss, usual_losses
from pgverify.bugs.whole_batch import SIGN_REVERSED
from pgverify.checking.calling.calls import Calls, NoEstimate
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.exhaustive.changed_loss_names import with_changed_loss
from pgverify.checking.exhaustive.fitted_losses import LossFit, explains, fitted, seen_batches
from pgverify.checking.exhaustive.listed_problem import directions, every_trajectory
from pgverify.checking.exhaustive.usual_loss_words import clause, factor_words, loss_words
from pgverify.checking.exhaustive.what_was_listed import Listed, ListedInBatches
from pgverify.checking.verdict.bug_match import Match
from pgverify.checking.verdict.fitting_claims import (
    CLAIMED,
    FEWEST,
    claimed_apart_from_entropy,
    surrogate_claim,
    with_fitting_claim,
)
from pgverify.checking.verdict.next_steps import claim_again
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.suites import SuiteProblem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

WITHOUT = {OLD_LOGP_RECOMPUTED.slug: STALE_SAMPLES.slug}
"""Data of another policy, and no ratio: nothing tells whether one was forgotten or is always 1."""

OF_ANOTHER = (
    "another policy acted: what a ratio estimates there, perhaps a clipped one, is a surrogate, claimed as "
    'target="surrogate" or target="surrogate(0.2)"'
)

HELD = 1e-12
"""Relative change of an estimate within which it does not read what was changed."""


def with_usual_loss(
    report: Report, implementation: LimitedFunction, known: Sequence[tuple[SuiteProblem, Listed]]
) -> Report:
    """Return the report on a bias without a name with the usual loss that it is, and with the claim that fits it.

    Parameters
    ----------
    report : Report
    implementation : LimitedFunction
    known : problems that were listed, with what was
    """
    if report.outcome is not Outcome.BIASED or report.matches:
        return report
    if claimed_apart_from_entropy(report.target) not in CLAIMED.values():
        return report
    if sum(bool(listing.expectations) and directions(entry.problem) > 1 for entry, listing in known) < FEWEST:
        return report  # on one or two problems some loss or other is anything
    if (by_claim := with_fitting_claim(report, known)) is not None:
        return by_claim
    calls = Calls(implementation)
    coupled = any(isinstance(listing, ListedInBatches) for _, listing in known)
    ratios = any(not every_trajectory(entry.problem)[0].rollout.on_policy for entry, _ in known)
    try:
        groups = list(seen_batches(calls, known, ratios))
        critic = reads_critic(calls, ((group[0].batch, group[0].estimate) for group in groups))
    except NoEstimate:
        return report
    for loss in usual_losses(coupled, ratios, critic) if groups else ():
        found = fitted(loss, groups)
        if found is not None and explains(found, known):
            named = named_usual_loss(report, found, ratios)
            # In small batches it is what it claims: then the fault has no name among losses.
            right = named.outcome is Outcome.OTHER_TARGET and claim_of(found, ratios) == report.target
            return report if right else named
    if ratios:
        return replace(report, next_step=f"{report.next_step}; {OF_ANOTHER}")
    return with_changed_loss(report, groups, known, coupled, critic)


def reads_critic(calls: Calls, seen: Iterable[tuple[Trajectories, Float[Array, "d"]]]) -> bool:
    """Return whether an estimate changes with the values of the critic."""
    for batch, estimate in seen:
        other = calls.estimate(replace(batch, critic=batch.values + np.where(batch.ongoing, np.cos(batch.states), 0.0)))
        if np.abs(other - estimate).max(initial=0.0) > HELD * np.abs(estimate).max(initial=0.0):
            return True
    return False


def _usual(found: LossFit) -> UsualLoss:
    assert isinstance(found.loss, UsualLoss)
    return found.loss


def claim_of(found: LossFit, ratios: bool) -> str:
    """Return the target to be claimed of what was found."""
    beta = found.entropy / found.factor
    return _claimed(_usual(found), ratios) + (f" + entropy_bonus({abs(beta):.6g})" if beta else "")


def _claimed(loss: UsualLoss, ratios: bool) -> str:
    return surrogate_claim(loss.clip) if ratios else CLAIMED[loss.target]


def named_usual_loss(report: Report, found: LossFit, ratios: bool) -> Report:
    """Return the report with the faults of a usual loss, and with what to claim of it."""
    loss, beta = _usual(found), found.entropy / found.factor
    clipped = ratios and loss.written != OLD_LOGP_RECOMPUTED.slug
    ratio = (WITHOUT.get(loss.written, loss.written),) if ratios and loss.written else ()
    signs = (*((ENTROPY_SIGN.slug,) if beta < 0.0 else ()), *((SIGN_REVERSED.slug,) if found.factor < 0.0 else ()))
    # What a target has dropped of ∇J is no fault where that target is claimed.
    dropped = (loss.target,) if _claimed(loss, ratios) == claimed_apart_from_entropy(report.target) else ()
    faults = (*(slug for slug in loss.slugs if slug not in dropped), *ratio, *signs)
    claim = claim_of(found, ratios)
    # Without a ratio the target alone is claimed, with one γ^t belongs to what is claimed.
    wrong = [slug for slug in faults if ratios or slug != loss.target]
    cures = [clause(get_bug(slug).cure) for slug in wrong]
    if clipped and loss.clip is not None and loss.decay != 1.0:
        cures.append("use advantages G_t − V(s_t), as the claim has them, and judge your own by themselves")
    entries = [get_bug(slug) for slug in faults]
    slug = " + ".join(faults)
    words = f"its estimates are {factor_words(found.factor)}those of {loss_words(loss, beta, clipped)}"
    return replace(
        report,
        outcome=Outcome.BIASED if cures or found.factor < 0.0 else Outcome.OTHER_TARGET,
        explanation=f"{report.explanation}; {words}, on every batch that was compared",
        diagnosis=slug or None,
        matches=(Match(slug, len(report.findings), 0.0, abs(found.factor), same=True),) if slug else (),
        cause=" ".join(entry.cause for entry in entries),
        cure=" ".join(entry.cure for entry in entries),
        source=tuple(dict.fromkeys(place for entry in entries for place in entry.source)),
        next_step=claim_again(claim, cures, report.target),
    )
