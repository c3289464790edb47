"""The loss of a training script handed over with a claim that it does not make: what it is, and what to claim.

An entropy bonus, a ratio that is clipped, advantages that are standardised, a mean over all steps: each belongs to a
usual method, and makes a bias of a claim to ∇J. Estimates are compared on batches with those of such losses: one
coefficient for what is paid for, another for the entropy. That is an equality of every estimate, and takes no listing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.bugs import get as get_bug
from pgverify.bugs.entropy import ENTROPY_SIGN, entropy_rows
from pgverify.bugs.importance import STALE_SAMPLES
from pgverify.bugs.ppo import OLD_LOGP_RECOMPUTED
from pgverify.bugs.steps import rows
from pgverify.bugs.usual_losses import UsualLoss, usual_losses
from pgverify.bugs.whole_batch import SIGN_REVERSED
from pgverify.checking.calling.calls import Calls, NoEstimate
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.exhaustive.catalogue_means import exact_mean
from pgverify.checking.exhaustive.identified import MOST_BATCHES, MOST_PROBLEMS, MOST_SIZE, SAME
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
from pgverify.checking.verdict.precision import deviation
from pgverify.checking.verdict.recognised_precision import possible_inside
from pgverify.checking.verdict.report import Report
from pgverify.suites import SuiteProblem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

MOST_LISTED = 20_000
"""Batches of a problem, in order, for which an expectation is computed again."""

FIRST = 2
"""Batches of each size of each problem on which most losses are told from it already."""

MOST_ALONE = 16
"""Trajectories of a problem that are compared one by one."""

WITHOUT = {OLD_LOGP_RECOMPUTED.slug: STALE_SAMPLES.slug}
"""Data of another policy, and no ratio: nothing tells whether one was forgotten or is always 1."""

OF_ANOTHER = (
    "another policy acted: what a ratio estimates there, perhaps a clipped one, is a surrogate, claimed as "
    'target="surrogate" or target="surrogate(0.2)"'
)

HELD = 1e-12
"""Relative change of an estimate within which it does not read what was changed."""


@dataclass(frozen=True, eq=False)
class _Seen:
    """A batch with the implementation's estimate, the score of each step, and what each row's entropies add."""

    batch: Trajectories
    estimate: Float[Array, "d"]
    scores: Float[Array, "n T d"]
    entropies: Float[Array, "n d"]

    @classmethod
    def of(cls, batch: Trajectories, estimate: Float[Array, "d"]) -> _Seen:
        """Return what is known of a batch."""
        steps = np.eye(batch.num_steps)[:, None, :] * np.ones(batch.rewards.shape)
        scores = np.stack([rows(batch, step) for step in steps], axis=1)
        return cls(batch, estimate, scores, entropy_rows(batch))

    def paid(self, loss: UsualLoss) -> Float[Array, "d"]:
        """Return what a loss pays for on the batch."""
        return np.asarray(np.tensordot(loss.weights(self.batch), self.scores, axes=2)) / len(self.batch)

    def entropy(self, loss: UsualLoss) -> Float[Array, "d"]:
        """Return what an entropy bonus adds there, averaged as the loss is."""
        return np.asarray((loss.share(self.batch) * self.entropies).mean(axis=0))


@dataclass(frozen=True)
class _Fitted:
    """A usual loss whose estimates are the implementation's: `factor` times it, and β times its entropy."""

    loss: UsualLoss
    factor: float
    entropy: float


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
        groups = list(_met(calls, known, ratios))
        critic = _reads_critic(calls, groups)
    except NoEstimate:
        return report
    for loss in usual_losses(coupled, ratios, critic) if groups else ():
        found = _fitted(loss, groups)
        if found is not None and _explains(found, known):
            named = _named(report, found, ratios)
            # In small batches it is what it claims: then the fault has no name among losses.
            right = named.outcome is Outcome.OTHER_TARGET and _claim(found, ratios) == report.target
            return report if right else named
    return replace(report, next_step=f"{report.next_step}; {OF_ANOTHER}") if ratios else report


def _met(calls: Calls, known: Sequence[tuple[SuiteProblem, Listed]], ratios: bool) -> Iterator[list[_Seen]]:
    """Yield batches with the implementation's estimates: of all problems where a clip must be told from another."""
    rng = np.random.default_rng(4)
    cases = [case for case in known if case[1].expectations and directions(case[0].problem) > 1]
    cases = sorted(cases, key=_telling)[: None if ratios else MOST_PROBLEMS]
    for entry, listing in cases:
        batch, _ = every_trajectory(entry.problem)
        for size in (item.batch_size for item in listing.expectations if item.batch_size <= MOST_SIZE):
            if size == 1:
                some = np.unique(np.linspace(0, len(batch) - 1, MOST_ALONE).astype(int))
                chosen = [[row] for row in rng.permutation(some).tolist()]
            else:
                chosen = [rng.integers(len(batch), size=size).tolist() for _ in range(MOST_BATCHES)]
            several = [batch.select(each) for each in chosen]
            yield [_Seen.of(each, calls.estimate(each)) for each in several]


def _telling(case: tuple[SuiteProblem, Listed]) -> tuple[bool, int]:
    """Return the order of problems: those whose episodes differ in length first, then the longest."""
    batch, _ = every_trajectory(case[0].problem)
    return bool(np.ptp(batch.lengths) == 0), -batch.num_steps


def _reads_critic(calls: Calls, groups: Sequence[Sequence[_Seen]]) -> bool:
    """Return whether an estimate changes with the values of the critic."""
    for seen in (group[0] for group in groups):
        batch, estimate = seen.batch, seen.estimate
        other = calls.estimate(replace(batch, critic=batch.values + np.where(batch.ongoing, np.cos(batch.states), 0.0)))
        if np.abs(other - estimate).max(initial=0.0) > HELD * np.abs(estimate).max(initial=0.0):
            return True
    return False


def _fitted(loss: UsualLoss, groups: Sequence[Sequence[_Seen]]) -> _Fitted | None:
    """Return with which coefficients a loss and its entropy are the estimates on every batch; None where they are not.

    Two batches tell most losses from it, and no further one is asked; the coefficients are those of several.
    """
    probe = groups[-1][:FIRST]
    if _coefficients(loss, probe) is None:
        return None
    found = _coefficients(loss, [seen for group in groups for seen in group[:FIRST]])
    rest = [seen for group in groups for seen in group[FIRST:]]
    return found if found is not None and _holds(found, rest) else None


def _coefficients(loss: UsualLoss, several: Sequence[_Seen]) -> _Fitted | None:
    paid = np.concatenate([seen.paid(loss) for seen in several])
    found = np.concatenate([seen.estimate for seen in several])
    if not np.isfinite(paid).all() or not paid.any():
        return None
    limit = SAME * float(np.abs(found).max(initial=0.0))
    factor, coefficient = float(paid @ found / (paid @ paid)), 0.0
    if np.abs(found - factor * paid).max() > limit:
        entropy = np.concatenate([seen.entropy(loss) for seen in several])
        table = np.stack([paid, entropy], axis=1)
        factor, coefficient = map(float, np.linalg.lstsq(table, found, rcond=None)[0])
        if np.abs(table @ (factor, coefficient) - found).max() > limit:
            return None
    return _Fitted(loss, _round(factor), _round(coefficient)) if abs(factor) > SAME else None


def _holds(found: _Fitted, several: Sequence[_Seen]) -> bool:
    largest = max((float(np.abs(seen.estimate).max(initial=0.0)) for seen in several), default=0.0)
    expected = (found.factor * seen.paid(found.loss) + found.entropy * seen.entropy(found.loss) for seen in several)
    pairs = zip(expected, several, strict=True)
    return all(np.abs(each - seen.estimate).max(initial=0.0) <= SAME * largest for each, seen in pairs)


def _explains(found: _Fitted, known: Sequence[tuple[SuiteProblem, Listed]]) -> bool:
    """Return whether its expectation is that of the implementation on every problem: estimates were met on a few.

    Of large batches the largest of each problem are looked at, too: what begins there is not what small ones are.
    """
    level = possible_inside(known)
    for entry, listing in known:
        largest = max((item.batch_size for item in listing.expectations), default=0)
        count = len(every_trajectory(entry.problem)[0])
        for item in listing.expectations:
            few = item.batch_size <= MOST_SIZE and count**item.batch_size <= MOST_LISTED
            if few or MOST_SIZE < item.batch_size == largest:
                alone = item.batch_size == 1
                mean = exact_mean(lambda batch: _rows(found, batch), entry.problem, item.batch_size, alone=alone)
                if mean is not None and deviation(item, mean, level, found.factor) > level.relative:
                    return False
    return True


def _rows(found: _Fitted, batch: Trajectories) -> Float[Array, "n d"]:
    added = found.entropy * found.loss.share(batch) * entropy_rows(batch) if found.entropy else 0.0
    return np.asarray(found.factor * found.loss(batch) + added)


def _round(number: float) -> float:
    """Return the number that a script will have, where rounding may have changed its last digits."""
    short = float(f"{number:.6g}")
    return short if abs(short - number) <= SAME * abs(number) else number


def _claim(found: _Fitted, ratios: bool) -> str:
    """Return the target to be claimed of what was found."""
    beta = found.entropy / found.factor
    return _claimed(found.loss, ratios) + (f" + entropy_bonus({abs(beta):.6g})" if beta else "")


def _claimed(loss: UsualLoss, ratios: bool) -> str:
    return surrogate_claim(loss.clip) if ratios else CLAIMED[loss.target]


def _named(report: Report, found: _Fitted, ratios: bool) -> Report:
    loss, beta = found.loss, found.entropy / found.factor
    clipped = ratios and loss.written != OLD_LOGP_RECOMPUTED.slug
    ratio = (WITHOUT.get(loss.written, loss.written),) if ratios and loss.written else ()
    signs = (*((ENTROPY_SIGN.slug,) if beta < 0.0 else ()), *((SIGN_REVERSED.slug,) if found.factor < 0.0 else ()))
    # What a target has dropped of ∇J is no fault where that target is claimed.
    dropped = (loss.target,) if _claimed(loss, ratios) == claimed_apart_from_entropy(report.target) else ()
    faults = (*(slug for slug in loss.slugs if slug not in dropped), *ratio, *signs)
    claim = _claim(found, ratios)
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
