"""A loss in which one thing is changed: other rewards, other returns, another score, another bonus, steps left out.

No usual method has it, and no expectation need be kept of it: estimates on batches are compared with those of each
change, beside a discount that is dropped, a mean over steps, a sign and a factor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pgverify.bugs import Bug, LossBug
from pgverify.bugs import get as get_bug
from pgverify.bugs.centring import OTHERS
from pgverify.bugs.changed_losses import ChangedLoss
from pgverify.bugs.entropy import ENTROPY_SIGN
from pgverify.bugs.group_baselines import (
    BEST_OF_GROUP_BASELINE,
    MEDIAN_BASELINE,
    MIDRANGE_BASELINE,
    WORST_OF_GROUP_BASELINE,
)
from pgverify.bugs.groups import GROUP_MEAN_SELF, GROUP_STD
from pgverify.bugs.leave_one_out import GROUP_STD_POPULATION
from pgverify.bugs.normalisation import NORMALISE_MINIBATCH
from pgverify.bugs.other_bonuses import LOG_PROBS_OF_ALL_ACTIONS
from pgverify.bugs.whole_batch import SIGN_REVERSED
from pgverify.checking.exhaustive.changed_loss_candidates import candidates
from pgverify.checking.exhaustive.fitted_losses import LossFit, Seen, explains, fitted_throughout
from pgverify.checking.exhaustive.usual_loss_words import clause, divided_words, factor_words
from pgverify.checking.exhaustive.what_was_listed import Listed
from pgverify.checking.verdict.bug_match import Match
from pgverify.checking.verdict.fitting_claims import CLAIMED, claimed_apart_from_entropy
from pgverify.checking.verdict.next_steps import claim_again
from pgverify.checking.verdict.report import Report
from pgverify.suites import SuiteProblem


def with_changed_loss(
    report: Report,
    groups: Sequence[Sequence[Seen]],
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
    best = fitting_changes(report.target, groups, coupled, critic, lambda found: explains(found, known))
    return named_change(report, best)


def fitting_changes(
    target: str,
    groups: Sequence[Sequence[Seen]],
    coupled: bool,
    critic: bool,
    holds: Callable[[LossFit], bool],
) -> dict[str, LossFit]:
    """Return the changes of a loss that an implementation may be, by their names: of the fewest parts.

    Parameters
    ----------
    target : str
        What is claimed.
    groups : batches with the implementation's estimates
    coupled, critic : bool
    holds : function (fit) -> bool
        Whether it is the implementation beyond these batches.
    """
    losses = candidates(groups, coupled, critic)
    fits = [found for loss in losses if (found := fitted_throughout(loss, groups)) is not None and _is_a_change(found)]
    best: dict[str, LossFit] = {}
    for found in sorted(fits, key=lambda one: len(_faults(one, target))):
        slug = " + ".join(_faults(found, target))
        plainer = best and min(len(other.split(" + ")) for other in best) < len(slug.split(" + "))
        if slug and slug not in best and not plainer and holds(found):
            best[slug] = found
    return best


def named_change(report: Report, best: Mapping[str, LossFit]) -> Report:
    """Return the report with the one change that was found; with all of them, and none the diagnosis, if several."""
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
    parts += [CENTRED_WORDS[loss.centred]] if loss.centred else []
    parts += [dropped] if (dropped := DROPPED[loss.target]) else []
    parts += [divided_words(loss.divisor)] if loss.divisor else []
    added = "the bonus" if loss.change.added is not None else "the entropy"
    parts += [f"{'plus' if beta > 0.0 else 'less'} {abs(beta):.6g} times {added}"] * bool(beta)
    return ", ".join(parts)


DROPPED = {"": "", "discount-dropped": "without γ^t", "return-undiscounted": "summed without γ, and without γ^t"}
"""What is said of a discount, by the entry that is dropped."""

CENTRED_WORDS = {
    OTHERS: "less the mean of the others",
    GROUP_MEAN_SELF.slug: "less the mean",
    BEST_OF_GROUP_BASELINE.slug: "less the best",
    MEDIAN_BASELINE.slug: "less the median",
    WORST_OF_GROUP_BASELINE.slug: "less the least",
    MIDRANGE_BASELINE.slug: "less the middle of the best and the least",
    GROUP_STD.slug: "standardised",
    GROUP_STD_POPULATION.slug: "standardised by the deviation of the numbers themselves",
    NORMALISE_MINIBATCH.slug: "standardised over all steps",
}
"""What is said of what returns are centred by."""
