"""A claim that fits: another target with an entropy bonus, whose coefficient is found, not guessed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.bugs.discounting import DISCOUNT_DROPPED, RETURN_UNDISCOUNTED
from pgverify.bugs.entropy import ENTROPY_SIGN
from pgverify.bugs.usual_losses import CLIPS, ClipPair
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.exhaustive.what_was_listed import Listed
from pgverify.checking.verdict.bug_match import Match
from pgverify.checking.verdict.comparison import TargetComparison, compared
from pgverify.checking.verdict.next_steps import claim_again
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.precision import Precision, deviation, size_of
from pgverify.checking.verdict.recognised_precision import possible_inside
from pgverify.checking.verdict.report import Report
from pgverify.checking.verdict.targets import target_vector
from pgverify.suites import SuiteProblem
from pgverify.validation import Array

CLAIMED = {
    "": "policy_gradient",
    DISCOUNT_DROPPED.slug: "discount_dropped",
    RETURN_UNDISCOUNTED.slug: "undiscounted_policy_gradient",
}
"""Targets, by the entry that a missing γ is."""

FEWEST = 3
"""Problems with more than one direction below which two coefficients explain anything."""

BONUS = "entropy_bonus(1)"


def claimed_apart_from_entropy(target: str) -> str:
    """Return a claim without its entropy bonus; "" where it is a sum of more than that."""
    rest = [term for term in (each.strip() for each in target.split("+")) if not term.startswith("entropy_bonus")]
    return rest[0] if len(rest) == 1 else ""


def surrogate_claim(clip: ClipPair | None) -> str:
    """Return the claim of a surrogate with its clip, as `check` takes it."""
    if clip is None:
        return "surrogate"
    low, high = clip
    return f"surrogate({low:g})" if low == high else f"surrogate({low:g}, {high:g})"


def with_fitting_claim(report: Report, known: Sequence[tuple[SuiteProblem, Listed]]) -> Report | None:
    """Return the report with the target that is estimated, an entropy bonus with it; None where none fits.

    Parameters
    ----------
    report : Report
        On a bias without a name.
    known : problems that were listed, with what was
    """
    evidence = compared(known, report.target)
    if len({id(item.entry) for item in evidence if item.directions > 1}) < FEWEST:
        return None
    bonus = [target_vector(BONUS, item.entry.problem, item.found.batch_size) for item in evidence]
    for slug, main in _mains(known):
        vectors = [target_vector(main, item.entry.problem, item.found.batch_size) for item in evidence]
        found = _fit(evidence, vectors, bonus, possible_inside(known))
        if found is not None:
            return _reported(report, slug, main, found)
    return None


def _mains(known: Sequence[tuple[SuiteProblem, Listed]]) -> Iterator[tuple[str, str]]:
    if any(not every_trajectory(entry.problem)[0].rollout.on_policy for entry, _ in known):
        yield from (("", surrogate_claim(clip)) for clip in CLIPS)
    yield from CLAIMED.items()


def _fit(
    evidence: Sequence[TargetComparison],
    mains: Sequence[Float[Array, "_"] | None],
    bonuses: Sequence[Float[Array, "_"] | None],
    level: Precision,
) -> float | None:
    """Return β with E = main + β · bonus on every problem, 0 where none is needed; None where there is no such β."""
    pairs = [(m, b) for m, b in zip(mains, bonuses, strict=True) if m is not None and b is not None]
    if len(pairs) < len(evidence):
        return None
    units = [max(item.found.natural, size_of(item.found.mean), 1e-300) for item in evidence]
    column = np.concatenate([bonus / unit for (_, bonus), unit in zip(pairs, units, strict=True)])
    gaps = [(item.found.mean - main) / unit for item, (main, _), unit in zip(evidence, pairs, units, strict=True)]
    square = float(column @ column)
    beta = float(column @ np.concatenate(gaps)) / square if square > 0.0 else 0.0
    short = float(f"{beta:.6g}")
    for each in (0.0, short, beta):
        vectors = [main + each * bonus for main, bonus in pairs]
        if all(deviation(i.found, v, level) <= level.relative for i, v in zip(evidence, vectors, strict=True)):
            return each
    return None


def _reported(report: Report, slug: str, main: str, beta: float) -> Report:
    claim = main + (f" + entropy_bonus({abs(beta):.6g})" if beta else "")
    if beta >= 0.0:
        named = replace(report, diagnosis=None, matches=())
        note = f"the exact expectation equals {claim} on every problem"
        return replace(named, outcome=Outcome.OTHER_TARGET, explanation=note, next_step=claim_again(claim))
    claimed = main == claimed_apart_from_entropy(report.target)  # then what it drops of ∇J is no fault
    slugs = " + ".join(each for each in ("" if claimed else slug, ENTROPY_SIGN.slug) if each)
    note = f"{report.explanation}; it equals {main} less {abs(beta):.6g} times that of the entropy on every problem"
    return replace(
        report,
        explanation=note,
        diagnosis=slugs,
        matches=(Match(slugs, len(report.findings), 0.0),),
        cause=ENTROPY_SIGN.cause,
        cure=ENTROPY_SIGN.cure,
        source=ENTROPY_SIGN.source,
        next_step=claim_again(claim, ["add the entropy to what is maximised, subtract it from a loss"], report.target),
    )
