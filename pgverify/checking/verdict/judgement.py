"""From exact expectations to a word: correct, scaled, another target, no signal, or biased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from jaxtyping import Float

from pgverify.checking.verdict.comparison import TargetComparison
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.precision import (
    DOUBLE,
    FINE,
    HIDDEN,
    MIXED,
    SINGLE,
    Precision,
    deviation,
    levels_of,
    size_of,
    vanishes,
)
from pgverify.checking.verdict.rounding_that_hides import counting, stated
from pgverify.checking.verdict.scale_laws import Multiple, common_multiple
from pgverify.validation import Array

NOTHING = 1e-13
"""Relative to the size of a gradient estimate: a target below is zero, to the rounding of its own computation."""

NARROW = (
    "the exact expectation differs from the target on the only problem whose batches could be listed, which has one "
    "direction: there it is a multiple of the target, as everything is"
)

NONE_LARGER = "as none could be listed"
"""How it ends where batches of two alone could be listed."""


@dataclass(frozen=True)
class Judgement:
    """A word, what it rests on, and the precision at which it holds; whether a multiple follows a law."""

    outcome: Outcome
    explanation: str
    deviation: float
    factor: float | None = None
    level: Precision = DOUBLE
    lawful: bool = True
    targets: tuple[str, ...] = ()
    """Other named targets that it equals."""
    left_out: tuple[str, ...] = ()
    """Why equality on a problem counts for nothing: one sentence for each that was left out."""


def judge(
    evidence: Sequence[TargetComparison], precision: Precision, others: Mapping[str, Sequence[Float[Array, "_"] | None]]
) -> Judgement:
    """Return the verdict on all problems together.

    Parameters
    ----------
    evidence : one a problem (and batch size)
    precision : Precision
        That of the values that came in.
    others : {name: targets}
        Other named targets, on the same problems in the same order; None where one is not defined.
    """
    mixed = MIXED if _inside(evidence) else replace(MIXED, rounding=0.0)
    worst = max(deviation(item.found, item.target, precision) for item in evidence)
    for level in levels_of(precision, mixed):
        if all(deviation(item.found, item.target, level) <= level.relative for item in evidence):
            return _equal(evidence, level, worst)
    if precision.coarse:  # anything is a multiple of anything to so few bits
        precision = SINGLE
    if all(vanishes(item.found, precision) for item in evidence):
        return Judgement(Outcome.NO_SIGNAL, "the exact expectation is zero on every problem", worst, 0.0)
    for level in levels_of(precision, mixed):
        # What rounding inside may lose makes a multiple of what is close to one: it is allowed for equality alone.
        multiple = common_multiple(evidence, level if level is precision else replace(level, rounding=0.0))
        if multiple.words and multiple.constant > 0:
            return _multiple(multiple, worst, level)
        if _narrow(evidence, level):
            return Judgement(Outcome.INCONCLUSIVE, NARROW, worst, level=level)
        names = [name for name, targets in others.items() if _is_target(evidence, targets, level)]
        if names:
            note = f"the exact expectation equals {' and '.join(names)} on every problem"
            return Judgement(Outcome.OTHER_TARGET, note, worst, level=level, targets=tuple(names))
        if multiple.words:
            note = f"the sign is reversed: the exact expectation is {multiple.words} times the target on every problem"
            return Judgement(Outcome.BIASED, note, worst, multiple.constant, level)
    return Judgement(Outcome.BIASED, "the exact expectation differs from the target", worst)


def _multiple(multiple: Multiple, worst: float, level: Precision) -> Judgement:
    """Return SCALED, unless only pairs were listed: there much is a multiple that is none in larger batches."""
    note = f"the exact expectation is {multiple.words} times the target on every problem"
    if multiple.pairs_alone:
        note = f"in pairs {note}; whether larger batches keep the direction is open, {NONE_LARGER}"
        return Judgement(Outcome.INCONCLUSIVE, note, worst, multiple.constant, level)
    return Judgement(Outcome.SCALED, note, worst, multiple.constant, level, multiple.lawful)


def _inside(evidence: Sequence[TargetComparison]) -> bool:
    """Return whether most expectations are off by more than double precision: by rounding, perhaps, of something."""
    off = [deviation(item.found, item.target, DOUBLE) > DOUBLE.relative for item in evidence]
    return 2 * sum(off) > len(off)


def _equal(evidence: Sequence[TargetComparison], level: Precision, worst: float) -> Judgement:
    """Return CORRECT, unless equality is empty: nothing to estimate, or rounding that could hide a fault."""
    cases = [item for item in evidence if has_a_target(item)]
    if not cases:
        note = "the target is zero on every problem given: equality does not tell a right implementation from none"
        return Judgement(Outcome.INCONCLUSIVE, note, worst, level=level)
    cases, left_out = counting(cases, level)
    if not cases:
        note = f"equal to {level.name}, but on every problem rounding could hide a bias; {left_out[0]}"
        return Judgement(Outcome.INCONCLUSIVE, note, worst, level=level, left_out=left_out)
    hidden, name = max(
        (
            (level.relative * item.found.natural + level.operations * item.found.scale) / size_of(item.target),
            item.entry.name,
        )
        for item in cases
    )
    if hidden > HIDDEN and not level.coarse:
        note = (
            f"equal to rounding, but on problem {name} the estimates are so large beside the target that rounding "
            f"could hide a bias of {hidden:.2g} times the target"
        )
        return Judgement(Outcome.INCONCLUSIVE, note, worst, level=level, left_out=left_out)
    note = "the exact expectation equals the target on every problem"
    if level not in (DOUBLE, FINE):
        note += f", to {level.name}"
    if level.coarse:
        note += f", which {stated(cases, level)}"
    outcome = Outcome.CORRECT if level.enough else Outcome.INCONCLUSIVE
    return Judgement(outcome, note, worst, 1.0 if outcome.good else None, level, left_out=left_out)


def has_a_target(item: TargetComparison) -> bool:
    """Return whether there is anything to estimate: of zero everything right is a multiple."""
    return size_of(item.target) > NOTHING * item.found.natural


def _narrow(evidence: Sequence[TargetComparison], level: Precision) -> bool:
    """Return whether batches of one size on one problem, of one direction, are all: one number, that many explain.

    A problem with nothing to estimate tells a drift, and where there is none nothing more.
    """
    told = [item for item in evidence if has_a_target(item)]
    if any(not vanishes(item.found, level) for item in evidence if not has_a_target(item)) or not told:
        return False
    several = len({(id(item.entry), item.found.batch_size) for item in told}) > 1
    return not several and told[0].found.batch_size > 1 and told[0].directions < 2


def _is_target(
    evidence: Sequence[TargetComparison], targets: Sequence[Float[Array, "_"] | None], level: Precision
) -> bool:
    """Return whether another target is what was found, everywhere, and is not zero everywhere."""
    pairs = zip(evidence, targets, strict=True)
    equal = all(t is not None and deviation(i.found, t, level) <= level.relative for i, t in pairs)
    return equal and any(t is not None and size_of(t) > 0 for t in targets)
