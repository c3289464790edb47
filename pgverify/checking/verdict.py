"""From exact expectations to a word: correct, scaled, another target, no signal, or biased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.checking.exhaustive import Expectation
from pgverify.checking.outcome import Outcome
from pgverify.validation import Array

DOUBLE_ROUNDING = 1e-9
"""Relative to E|estimate|: some thousand operations of double precision stay three digits below."""

SINGLE_ROUNDING = 1e-5
"""The same for code that is recognised as single precision."""

HALF_SINGLE = 1e-6
"""A deviation below this is never a fault of the mathematics: it is single precision somewhere inside."""


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
    """

    name: str
    found: Expectation
    target: Float[Array, "d"]
    steps: int
    mean_length: float


@dataclass(frozen=True)
class Judgement:
    """A word, and what it rests on."""

    outcome: Outcome
    explanation: str
    deviation: float
    factor: float | None = None


def deviation(found: Expectation, target: Float[Array, "d"]) -> float:
    """Return max|E − target| relative to the size of the estimates that were averaged, or of the target."""
    size = max(found.scale, float(np.abs(target).max(initial=0.0)))
    gap = float(np.abs(found.mean - target).max(initial=0.0))
    return 0.0 if gap == 0.0 else gap / size


def judge(
    evidence: Sequence[Evidence], rounding: float, others: Mapping[str, Sequence[Float[Array, "d"]]]
) -> Judgement:
    """Return the verdict on all problems together.

    Parameters
    ----------
    evidence : one a problem (and batch size)
    rounding : float
        Relative deviation that counts as equal.
    others : {name: targets}
        Other named targets, on the same problems in the same order.
    """
    worst = max(deviation(item.found, item.target) for item in evidence)
    if worst <= rounding:
        return Judgement(Outcome.CORRECT, "the exact expectation equals the target on every problem", worst, 1.0)
    if worst <= HALF_SINGLE:
        note = "the exact expectation equals the target to single precision (float32 somewhere inside)"
        return Judgement(Outcome.CORRECT, note, worst, 1.0)
    if all(_vanishes(item.found.mean, item, rounding) for item in evidence):
        return Judgement(Outcome.NO_SIGNAL, "the exact expectation is zero on every problem", worst, 0.0)
    scaled = _scaled(evidence, rounding)
    if scaled is not None:
        return Judgement(Outcome.SCALED, scaled[1], worst, scaled[0])
    for name, targets in others.items():
        if max(deviation(item.found, target) for item, target in zip(evidence, targets, strict=True)) <= rounding:
            return Judgement(Outcome.OTHER_TARGET, f"the exact expectation equals {name} on every problem", worst)
    return Judgement(Outcome.BIASED, "the exact expectation differs from the target", worst)


def _vanishes(vector: Float[Array, "d"], item: Evidence, rounding: float) -> bool:
    return bool(np.abs(vector).max(initial=0.0) <= rounding * max(item.found.scale, np.abs(item.target).max(initial=0)))


def _scaled(evidence: Sequence[Evidence], rounding: float) -> tuple[float, str] | None:
    """Return the common factor, or the law that it follows, where every expectation is a multiple of its target."""
    factors, cases = [], []
    for item in evidence:
        if _vanishes(item.target, item, rounding):
            if not _vanishes(item.found.mean, item, rounding):
                return None
            continue
        factor = float(item.found.mean @ item.target / (item.target @ item.target))
        if factor <= 0 or deviation(item.found, factor * item.target) > rounding:
            return None
        factors.append(factor)
        cases.append(item)
    if not factors:
        return None
    for law, values in _laws(cases):
        ratio = np.asarray(factors) / np.asarray(values)
        if np.ptp(ratio) <= 1e3 * rounding * ratio.max():
            constant = float(ratio.mean())
            shown = law if abs(constant - 1.0) <= 1e3 * rounding else f"{constant:.6g} × {law}" if law else ""
            return constant, f"the exact expectation is {shown or f'{constant:.6g}'} times the target on every problem"
    return None


def _laws(cases: Sequence[Evidence]) -> list[tuple[str, list[float]]]:
    n = [float(item.found.batch_size) for item in cases]
    laws = [("", [1.0] * len(cases))]
    if len(set(n)) > 1:
        laws += [
            ("n (the batch size)", n),
            ("1/n (n the batch size)", [1.0 / x for x in n]),
            ("(n−1)/n (n the batch size)", [(x - 1.0) / x for x in n]),
            ("n/(n−1) (n the batch size)", [x / (x - 1.0) if x > 1 else np.nan for x in n]),
        ]
    laws += [
        ("1/T (T the number of steps)", [1.0 / item.steps for item in cases]),
        ("T (the number of steps)", [float(item.steps) for item in cases]),
        ("1/E[length]", [1.0 / item.mean_length for item in cases]),
    ]
    return laws
