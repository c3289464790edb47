"""From exact expectations to a word: correct, scaled, another target, no signal, or biased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.checking.exhaustive import Expectation
from pgverify.checking.outcome import Outcome
from pgverify.validation import Array


@dataclass(frozen=True)
class Precision:
    """What counts as equal: a gap up to  relative × (size of a gradient estimate) + operations × E|estimate|.

    The second term is what adding up the implementation's own, perhaps much larger, numbers can lose.
    """

    name: str
    relative: float
    operations: float


DOUBLE = Precision("double precision", 1e-9, 1e-13)
"""Some thousand operations of double precision (1e-16 each) stay below both."""

SINGLE = Precision("single precision", 1e-5, 1e-6)
"""For code whose every result is a number of single precision (6e-8 an operation)."""

MIXED = Precision("single precision somewhere inside", 1e-6, 1e-6)
"""For code that returns double precision, but computes in single; a fault of this size is not told apart from it."""

HIDDEN = 1e-3
"""Relative to the target: where rounding could hide as much, equality says nothing."""

NOTHING = 1e-13
"""Relative to the size of a gradient estimate: a target below is zero, to the rounding of its own computation."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """One exact comparison: what was expected beside what was found.

    Attributes
    ----------
    name : str
        The problem.
    found : Expectation
    target : [d]
    steps : int
        T of the problem, for laws of scale.
    mean_length : float
        Expected episode length, likewise.
    directions : int
        In how many directions an estimate can point: rank of the Fisher information.
    """

    name: str
    found: Expectation
    target: Float[Array, "d"]
    steps: int
    mean_length: float
    directions: int


@dataclass(frozen=True)
class Judgement:
    """A word, what it rests on, and the precision at which it holds."""

    outcome: Outcome
    explanation: str
    deviation: float
    factor: float | None = None
    level: Precision = DOUBLE


def deviation(found: Expectation, vector: Float[Array, "d"], precision: Precision, factor: float = 1.0) -> float:
    """Return max|E − vector|, less what the operations may lose, relative to the size of a gradient estimate.

    With a factor, relative to that many times the size: a small multiple is held to the same standard.
    """
    size = max(abs(factor) * found.natural, _size(vector))
    gap = _size(found.mean - vector) - precision.operations * found.scale
    return 0.0 if gap <= 0.0 else gap / size if size > 0.0 else 1.0


def judge(
    evidence: Sequence[Evidence], precision: Precision, others: Mapping[str, Sequence[Float[Array, "d"] | None]]
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
    worst = max(deviation(item.found, item.target, precision) for item in evidence)
    for level in dict.fromkeys((precision, MIXED)):
        if all(deviation(item.found, item.target, level) <= level.relative for item in evidence):
            return _equal(evidence, level, worst)
    if all(vanishes(item.found, precision) for item in evidence):
        return Judgement(Outcome.NO_SIGNAL, "the exact expectation is zero on every problem", worst, 0.0)
    for level in dict.fromkeys((precision, MIXED)):
        factor, law = _scaled(evidence, level)
        if law and factor > 0:
            note = f"the exact expectation is {law} times the target on every problem"
            return Judgement(Outcome.SCALED, note, worst, factor, level)
        names = [name for name, targets in others.items() if _is_target(evidence, targets, level)]
        if names:
            note = f"the exact expectation equals {' and '.join(names)} on every problem"
            return Judgement(Outcome.OTHER_TARGET, note, worst, level=level)
        if law:
            note = f"the sign is reversed: the exact expectation is {law} times the target on every problem"
            return Judgement(Outcome.BIASED, note, worst, factor, level)
    return Judgement(Outcome.BIASED, "the exact expectation differs from the target", worst)


def _equal(evidence: Sequence[Evidence], level: Precision, worst: float) -> Judgement:
    """Return CORRECT, unless equality is empty: nothing to estimate, or rounding that could hide a fault."""
    cases = [item for item in evidence if _size(item.target) > NOTHING * item.found.natural]
    if not cases:
        note = "the target is zero on every problem given: equality does not tell a right implementation from none"
        return Judgement(Outcome.INCONCLUSIVE, note, worst, level=level)
    hidden, name = max(
        ((level.relative * i.found.natural + level.operations * i.found.scale) / _size(i.target), i.name) for i in cases
    )
    if hidden > HIDDEN:
        note = (
            f"equal to rounding, but on problem {name} the estimates are so large beside the target that rounding "
            f"could hide a bias of {hidden:.2g} times the target"
        )
        return Judgement(Outcome.INCONCLUSIVE, note, worst, level=level)
    note = "the exact expectation equals the target on every problem"
    if level is not DOUBLE:
        note += f", to {level.name}"
    return Judgement(Outcome.CORRECT, note, worst, 1.0, level)


def _is_target(evidence: Sequence[Evidence], targets: Sequence[Float[Array, "d"] | None], level: Precision) -> bool:
    """Return whether another target is what was found, everywhere, and is not zero everywhere."""
    pairs = zip(evidence, targets, strict=True)
    equal = all(t is not None and deviation(i.found, t, level) <= level.relative for i, t in pairs)
    return equal and any(t is not None and _size(t) > 0 for t in targets)


def vanishes(found: Expectation, precision: Precision) -> bool:
    """Return whether an expectation is zero, beside the estimates themselves and beside those of a gradient."""
    limit = precision.relative * min(found.natural, found.scale) + precision.operations * found.scale
    return _size(found.mean) <= limit


def common_factor(
    found: Sequence[Expectation], vectors: Sequence[Float[Array, "d"]], precision: Precision
) -> list[float | None] | None:
    """Return the multiple of each vector that each expectation is (None where both are zero), or None if one is not."""
    factors: list[float | None] = []
    for item, vector in zip(found, vectors, strict=True):
        if _size(vector) <= precision.relative * item.natural:
            if not vanishes(item, precision):
                return None
            factors.append(None)
            continue
        unit = vector / _size(vector)  # squares of tiny numbers would be zero
        factor = float(item.mean @ unit / (unit @ unit) / _size(vector))
        if (
            not np.isfinite(factor)
            or factor == 0.0
            or deviation(item, factor * vector, precision, factor) > precision.relative
        ):
            return None
        factors.append(factor)
    return factors


def _scaled(evidence: Sequence[Evidence], precision: Precision) -> tuple[float, str]:
    """Return the common factor and the law that it follows, or (0, "") where expectations are no multiples."""
    found = common_factor([i.found for i in evidence], [i.target for i in evidence], precision)
    cases = [(item, factor) for item, factor in zip(evidence, found or [], strict=False) if factor is not None]
    if len({item.target.tobytes() for item, _ in cases}) < 2 and all(item.directions < 2 for item, _ in cases):
        return 0.0, ""  # in one direction everything is a multiple of anything, also where a problem is given twice
    factors = np.array([factor for _, factor in cases])
    for law, values in _laws([item for item, _ in cases]):
        ratio = factors / np.asarray(values)
        if np.ptp(ratio) <= 1e3 * precision.relative * np.abs(ratio).max():
            constant = float(ratio.mean())
            shown = law if abs(constant - 1.0) <= 1e3 * precision.relative else f"{constant:.6g} × {law}"
            return constant, shown if law else f"{constant:.6g}"
    return 0.0, ""


def _laws(cases: Sequence[Evidence]) -> list[tuple[str, list[float]]]:
    n = [float(item.found.batch_size) for item in cases]
    laws = [("", [1.0] * len(cases))]
    if len(set(n)) > 1 and min(n) > 1:
        laws += [
            ("n (the batch size)", n),
            ("1/n (n the batch size)", [1.0 / x for x in n]),
            ("(n−1)/n (n the batch size)", [(x - 1.0) / x for x in n]),
            ("n/(n−1) (n the batch size)", [x / (x - 1.0) for x in n]),
            ("(n−1) (n the batch size)", [x - 1.0 for x in n]),
            ("1/(n−1) (n the batch size)", [1.0 / (x - 1.0) for x in n]),
        ]
    return [
        *laws,
        ("1/T (T the number of steps)", [1.0 / item.steps for item in cases]),
        ("T (the number of steps)", [float(item.steps) for item in cases]),
        ("1/E[length]", [1.0 / item.mean_length for item in cases]),
    ]


def _size(vector: Float[Array, "d"]) -> float:
    return float(np.abs(vector).max(initial=0.0))
