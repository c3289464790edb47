"""A loss in which one thing is changed: other rewards, other returns, another score, another bonus, steps left out.

No usual method has it, and no expectation need be kept of it: estimates on batches are compared with those of each
change, beside a discount that is dropped, a mean over steps, a sign and a factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pgverify.bugs import Bug, LossBug
from pgverify.bugs import get as get_bug
from pgverify.bugs.changed_losses import ChangedLoss
from pgverify.bugs.entropy import ENTROPY_SIGN
from pgverify.bugs.other_bonuses import LOG_PROBS_OF_ALL_ACTIONS
from pgverify.bugs.whole_batch import SIGN_REVERSED
from pgverify.checking.exhaustive.changed_loss_candidates import candidates
from pgverify.checking.exhaustive.fitted_losses import LossFit, SeenBatch, explains, fitted_throughout
from pgverify.checking.exhaustive.usual_loss_words import clause, divided_words, factor_words
from pgverify.checking.exhaustive.what_was_listed import Listed
from pgverify.checking.verdict.bug_match import Match
from pgverify.checking.verdict.fitting_claims import CLAIMED, claimed_apart_from_entropy
from pgverify.checking.verdict.next_steps import claim_again
from pgverify.checking.verdict.report import Report
from pgverify.suites import SuiteProblem


def with_changed_loss(
    report: Report,
    groups: Sequence[Sequence[SeenBatch]],
    known: Sequence[tuple[SuiteProblem, Listed]],
    coupled: bool,
    critic: bool,
) -> Report:
    """Return the report on a bias without a name with the change of a loss that it is.

    Where the estimates are those of several that have as few parts, all are listed, and none is the diagnosis.

    Parameters
    ----------
    report : Report
    groups : batches with the implementation's estimates
    known : problems that were listed, with what was
    coupled, critic : bool
        Whether trajectories affect each other, and whether `batch.values` is read.
    """
    losses = candidates(groups, coupled, critic)
    fits = [found for loss in losses if (found := fitted_throughout(loss, groups)) is not None and _is_a_change(found)]
    best: dict[str, LossFit] = {}
    for found in sorted(fits, key=lambda one: len(_faults(one, report.target))):
        slug = " + ".join(_faults(found, report.target))
        plainer = best and min(len(other.split(" + ")) for other in best) < len(slug.split(" + "))
        if slug not in best and not plainer and explains(found, known):
            best[slug] = found
    if not best:
        return report
    matches = tuple(
        Match(slug, len(report.findings), 0.0, abs(found.factor), same=True) for slug, found in best.items()
    )
    if len(best) > 1:
        return replace(report, matches=matches)
    ((slug, found),) = best.items()
    entries: list[Bug | LossBug] = [get_bug(fault) for fault in slug.split(" + ")]
    loss, beta = _loss(found), found.entropy / found.factor
    cures = [clause(entry.cure) for entry in entries if entry.slug != loss.target]
    claim = CLAIMED[loss.target] + (f" + entropy_bonus({abs(beta):.6g})" if beta else "")
    words = f"its estimates are {factor_words(found.factor)}those of {_words(loss, beta)}"
    return replace(
        report,
        explanation=f"{report.explanation}; {words}, on every batch that was compared",
        diagnosis=slug,
        matches=matches,
        cause=" ".join(entry.cause for entry in entries),
        cure=" ".join(entry.cure for entry in entries),
        source=tuple(dict.fromkeys(place for entry in entries for place in entry.source)),
        next_step=claim_again(claim, cures, report.target),
    )


def _loss(found: LossFit) -> ChangedLoss:
    assert isinstance(found.loss, ChangedLoss)
    return found.loss


def _is_a_change(found: LossFit) -> bool:
    """Return whether what makes it a change is there: a bonus with a coefficient of 0 is none."""
    loss = _loss(found)
    return bool(loss.slugs) and (loss.change.added is None or found.entropy != 0.0)


def _faults(found: LossFit, target: str) -> tuple[str, ...]:
    """Return the entries that it is made of; what a target drops of ∇J is no fault where that target is claimed."""
    loss, beta = _loss(found), found.entropy / found.factor
    dropped = loss.target if CLAIMED[loss.target] == claimed_apart_from_entropy(target) else ""
    subtracted = beta < 0.0 and loss.change.slug != LOG_PROBS_OF_ALL_ACTIONS.slug  # which is wrong with either sign
    signs = (*((ENTROPY_SIGN.slug,) if subtracted else ()), *((SIGN_REVERSED.slug,) if found.factor < 0.0 else ()))
    return (*(slug for slug in loss.slugs if slug != dropped), *signs)


def _words(loss: ChangedLoss, beta: float) -> str:
    parts = [loss.change.words]
    parts += ["less V(s_t)"] * loss.critic
    parts += [dropped] if (dropped := DROPPED[loss.target]) else []
    parts += [divided_words(loss.divisor)] if loss.divisor else []
    added = "the bonus" if loss.change.added is not None else "the entropy"
    parts += [f"{'plus' if beta > 0.0 else 'less'} {abs(beta):.6g} times {added}"] * bool(beta)
    return ", ".join(parts)


DROPPED = {"": "", "discount-dropped": "without γ^t", "return-undiscounted": "summed without γ, and without γ^t"}
"""What is said of a discount, by the entry that is dropped."""
