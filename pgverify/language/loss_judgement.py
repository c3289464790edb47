"""From expectations on the trees to an outcome: equal, a multiple, nothing, another named vector, or neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pgverify.checking.verdict.outcome import Outcome
from pgverify.language.estimated_terms import estimand_of_terms, estimated_terms
from pgverify.language.factor_laws import factor_law
from pgverify.language.literal_claims import Term, literal_claim
from pgverify.language.loss_report import Estimand
from pgverify.language.named_estimands import common_factor
from pgverify.language.trials import LossDesign, Trial
from pgverify.targets.target import Target

ROUNDING = 1e-9
"""Relative to E of the length of what is added up, in double precision."""

EPSILON = 1e-7
"""The same for what an ε in a denominator may do: 1e-8 beside a length, as in verl's means."""

SINGLE = 5e-6
"""The same where every derivative is a number of single precision."""

FEWER_BITS = ((8, 2.0**-8, "bfloat16"), (11, 2.0**-11, "float16"))
"""Digits of the mantissa, the same where every derivative is a number of that precision, and its name."""

FEW = 5
"""Digits that every precision has: of numbers such as 0.125 or 0.5 nothing is said."""

NOTHING = 1e-10
"""An expectation below this, relative likewise, is zero; at least the rounding in force."""


TOLD, HIDDEN = 1e-3, 1e-2
"""Relative biases that rounding could hide: from the first on it is said, from the second on nothing else is."""

COARSE = "its rounding could hide a bias of {hidden:.2g}"


LEAST = 1e-12
"""Gradients below this part of the target are what rounding leaves of none."""


@dataclass(frozen=True)
class LossJudgement:
    """What the expectations say.

    Attributes
    ----------
    outcome : Outcome
    explanation : str
    estimand : Estimand or None
    factor : float or None
        The multiple of the target, where it is one.
    notes : tuple of str
    claim : str
        Of another target, what to give as `target` that it is this; of one with a reversed term, once that is mended.
    reversed_term : bool
        Whether a penalty or a bonus has the wrong sign.
    coarse : bool
        Whether it is INCONCLUSIVE for the sake of its rounding.
    sampled : bool
        Whether it rests on batches that were drawn.
    terms : (factor, target) pairs
        What another target is the sum of.
    """

    outcome: Outcome
    explanation: str
    estimand: Estimand | None = None
    factor: float | None = None
    notes: tuple[str, ...] = ()
    claim: str = ""
    reversed_term: bool = False
    coarse: bool = False
    sampled: bool = False
    terms: tuple[Term, ...] = ()


def percent(part: float) -> str:
    """Return a part in percent; one below a percent with the digits that tell it from none."""
    return f"{part:.0%}" if part >= 0.0095 else f"{100 * part:.1g}%"


def rounding_of(trials: Sequence[Trial], differences: bool) -> tuple[float, str]:
    """Return what counts as equal, and why where that is not double precision."""
    weights = np.concatenate([t.found.by_log_probs.reshape(-1) for t in trials])
    if differences:
        return EPSILON, "derivatives by central differences, judged at 1e-7"
    for digits, size, name in FEWER_BITS:
        if weights.any() and _fits(weights, digits) and not _fits(weights, FEW):
            return size, f"the loss computes in {name}, judged at its rounding"
    if weights.any() and (weights.astype(np.float32) == weights).all() and not _few_bits(weights):
        return SINGLE, "the loss computes in single precision, judged at its rounding"
    return ROUNDING, ""


def _fits(weights: np.ndarray, digits: int) -> bool:
    """Return whether so many binary digits are enough for every number."""
    scaled = np.frexp(weights)[0] * 2.0**digits
    return bool((scaled == np.round(scaled)).all())


def _few_bits(weights: np.ndarray) -> bool:
    """Return whether the numbers are such as 0.125 or 0.5, that every precision has."""
    return bool((weights.astype(np.float16) == weights).all())


def judged(trials: Sequence[Trial], design: LossDesign, target: Target, rounding: float) -> LossJudgement:
    """Return what exact expectations say of a claim."""
    vectors, claimed = [t.vector for t in trials], [t.target for t in trials]
    sizes = [max(t.size, float(np.linalg.norm(t.target)), 1e-300) for t in trials]
    off = max(float(np.linalg.norm(v - c)) / s for v, c, s in zip(vectors, claimed, sizes, strict=True))
    if off <= rounding:
        return _equal(
            target,
            rounding * max(s / max(float(np.linalg.norm(c)), 1e-300) for c, s in zip(claimed, sizes, strict=True)),
        )
    if off <= max(EPSILON, rounding):
        note = f"off by {off:.1g} of what is added up, as an ε in a denominator makes it"
        return LossJudgement(
            Outcome.CORRECT, f"the exact expectation is {target.formula} on every tree tried", factor=1.0, notes=(note,)
        )
    # A multiple may be any: from here on, what is nothing and what is alike is relative to the loss's own gradients.
    least = [LEAST * float(np.linalg.norm(c)) for c in claimed]
    sizes = [max(t.size, s, 1e-300) for t, s in zip(trials, least, strict=True)]
    nothing = [max(max(rounding, NOTHING) * s, smallest) for s, smallest in zip(sizes, least, strict=True)]
    if all(float(np.linalg.norm(v)) <= zero for v, zero in zip(vectors, nothing, strict=True)):
        return LossJudgement(
            Outcome.NO_SIGNAL, f"the expected gradient is zero, {target.formula} is not", Estimand("nothing", "0")
        )
    return _multiple(trials, design, target, sizes, rounding) or _named(trials, design, target, sizes, rounding)


def _equal(target: Target, hidden: float) -> LossJudgement:
    """Return the judgement of what is the target to rounding, by the relative bias that this could hide."""
    equal = f"the exact expectation is {target.formula} on every tree tried"
    if hidden <= TOLD:
        return LossJudgement(Outcome.CORRECT, equal, factor=1.0)
    if hidden <= HIDDEN:
        return LossJudgement(Outcome.CORRECT, f"{equal}; {COARSE.format(hidden=hidden)}", factor=1.0)
    return LossJudgement(
        Outcome.INCONCLUSIVE, f"no bias shows, but {COARSE.format(hidden=hidden)}", factor=1.0, coarse=True
    )


def _multiple(
    trials: Sequence[Trial], design: LossDesign, target: Target, sizes: Sequence[float], rounding: float
) -> LossJudgement | None:
    """Return the judgement of a multiple of the target; None where the direction is another."""
    tolerance = max(EPSILON, rounding)
    factors = []
    for one, size in zip(trials, sizes, strict=True):
        factor = common_factor([one.vector], [one.target], [size], tolerance)
        if factor is None:
            return None
        factors.append(factor)
    if not all(factor > 0 for factor in factors):
        if all(factor < 0 for factor in factors):
            text = f"the direction is the opposite of {target.formula}: the sign is reversed"
            return LossJudgement(Outcome.BIASED, text, factor=factors[0])
        return None
    law = factor_law(factors, trials, design)
    factor = factors[0] if max(factors) - min(factors) <= 1e-6 * max(factors) else None
    words = Estimand(target.words, target.formula, target.effect, target.source, factors[0])
    return LossJudgement(
        Outcome.SCALED, f"the expectation is {law} times {target.formula}", words if factor else None, factor
    )


def _named(
    trials: Sequence[Trial], design: LossDesign, target: Target, sizes: Sequence[float], rounding: float
) -> LossJudgement:
    """Return OTHER_TARGET where the vector has a name, BIASED where it has none."""
    terms = estimated_terms(trials, design, target, sizes, max(EPSILON, rounding))
    if terms:
        named = estimand_of_terms(terms)
        reversed_ = any(factor < 0 for factor, _ in terms)
        claim = literal_claim([(abs(factor), one) for factor, one in terms])
        text = f"the expectation is {named.named} ({named.source}), not {target.formula}"
        return LossJudgement(Outcome.OTHER_TARGET, text, named, claim=claim, reversed_term=reversed_, terms=terms)
    largest = max(
        float(np.linalg.norm(t.vector - t.target)) / float(np.linalg.norm(t.target))
        for t in trials
        if np.linalg.norm(t.target) > 0
    )
    return LossJudgement(Outcome.BIASED, f"the expectation is off {target.formula} by up to {percent(largest)}")
