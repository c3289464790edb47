"""Multiples of the target, and the laws that they follow from problem to problem."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from types import MappingProxyType

import numpy as np

from pgverify.checking.verdict.comparison import TargetComparison
from pgverify.checking.verdict.laws_of_size import BY_SIZE, DISTINCT, WhereFound, in_words, no_law
from pgverify.checking.verdict.precision import FINE, HIDDEN, Precision, common_factor, deviation, size_of, vanishes

TWO_ROUNDINGS = 3.0
"""Limits that an expectation may be off a multiple whose factor is rounded itself, and beside a larger estimate."""


BY_STEPS: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {"T": lambda x: x, "1/T": lambda x: 1.0 / x, "√T": sqrt, "1/√T": lambda x: 1.0 / sqrt(x)}
)
"""Laws in the number of steps of the problem."""

FURTHER: Mapping[str, Callable[[TargetComparison], float]] = MappingProxyType(
    {
        "1/E[length]": lambda item: 1.0 / item.mean_length,
        "E[length]": lambda item: item.mean_length,
        "1/(T+1)": lambda item: 1.0 / (item.steps + 1.0),
        "1/T²": lambda item: 1.0 / item.steps**2,
        "γ": lambda item: _discount(item),
        "1/γ": lambda item: 1.0 / _discount(item),
        "1−γ": lambda item: 1.0 - _discount(item),
        "1/(1−γ)": lambda item: 1.0 / (1.0 - _discount(item)),
        "1/A": lambda item: 1.0 / item.entry.problem.mdp.num_actions,
        "A": lambda item: float(item.entry.problem.mdp.num_actions),
        "1/S": lambda item: 1.0 / item.entry.problem.mdp.num_states,
        "1/d": lambda item: 1.0 / len(item.target),
    }
)
"""Laws in one quantity of the problem, which no other multiplies."""

WORDS = MappingProxyType(
    {
        "n": "n the batch size",
        "T": "T the number of steps",
        "γ": "γ the discount",
        "A": "A the number of actions",
        "S": "S the number of states",
        "d": "d the number of parameters",
    }
)
"""What the letters mean."""


@dataclass(frozen=True)
class Multiple:
    """By what expectations are multiples: a constant, times a law of the batch size or the steps.

    Attributes
    ----------
    constant : float
        0 where they are no multiples.
    words : str
        The law with its constant, "" where they are no multiples.
    law : str
        The law alone; "" for a constant, or where none is known.
    pairs_alone : bool
        Whether only batches of two could be listed wherever there is more than one direction.
    lawful : bool
        Whether the factors follow a law, or are one constant.
    """

    constant: float
    words: str
    law: str = ""
    pairs_alone: bool = False
    lawful: bool = True

    def goes_on(self, factors: Mapping[WhereFound, float]) -> bool:
        """Return whether multiples in other batches follow the law, where it is one of the size alone; else true."""
        law = BY_SIZE.get(self.law) if self.law else no_law
        if law is None or not self.words or not self.lawful:
            return True
        return all(abs(one - self.constant * law(size)) <= HIDDEN * one for (_, size), one in factors.items())


NONE = Multiple(0.0, "")


def common_multiple(evidence: Sequence[TargetComparison], precision: Precision) -> Multiple:
    """Return the multiple of the target that every expectation is, with its law or its factors.

    In one direction everything is a multiple of anything; so one problem with two directions, or two targets, must be
    among them. Without a law all factors must be positive, and two problems show that the direction is kept.
    """
    evidence, silent = without_silent(evidence, precision)
    found = common_factor([i.found for i in evidence], [i.target for i in evidence], precision)
    pairs = zip(evidence, found or [], strict=False)
    cases, factors = [], []
    for item, factor in pairs:
        if factor is not None:
            cases.append(item)
            factors.append(factor)
    wide = [item for item in cases if item.directions > 1]
    if len({item.target.tobytes() for item in cases}) < 2 and not wide:
        return _by_size_alone(cases, factors, precision, silent)
    pairs_alone = {item.found.batch_size for item in (wide or cases)} == {2}
    fitted = fitted_law(cases, factors, precision)
    if fitted is not None and _explains(fitted, cases, precision):
        return Multiple(fitted.constant, fitted.words + silent, fitted.law, pairs_alone)
    places = {(item.entry.name, item.found.batch_size): factor for item, factor in zip(cases, factors, strict=True)}
    if min(factors) <= 0.0 or len(_telling(cases, factors, precision)) < 2:
        return NONE
    return Multiple(float(np.mean(factors)), in_words(places) + silent, lawful=False)


def _by_size_alone(
    cases: Sequence[TargetComparison], factors: Sequence[float], precision: Precision, silent: str
) -> Multiple:
    """Return the multiple on one target of one direction, where a law of the batch size has no constant to be fitted.

    Anything is a multiple there; but what is (n−1)/n of it in batches of three sizes and more is no chance.
    """
    fitted = (
        fitted_law(cases, factors, precision) if len({item.found.batch_size for item in cases}) >= DISTINCT else None
    )
    if fitted is None or fitted.law not in BY_SIZE or abs(fitted.constant - 1.0) > _apart(precision):
        return NONE
    if not _explains(fitted, cases, precision):
        return NONE
    return Multiple(fitted.constant, fitted.words + silent, fitted.law)


def without_silent(
    evidence: Sequence[TargetComparison], precision: Precision
) -> tuple[Sequence[TargetComparison], str]:
    """Return the evidence without batches so small that nothing is left of them, and what to say of these.

    A sum that leaves two rows out is 0 in pairs, and (n−2)/n times the target in larger batches. All sizes up to one
    must be silent, on every problem with something to estimate, and none of the larger.

    Parameters
    ----------
    evidence : what was compared
    precision : Precision
    """
    told = [item for item in evidence if size_of(item.target) > precision.relative * item.found.natural]
    none = {item.found.batch_size for item in told if vanishes(item.found, precision)}
    some = {item.found.batch_size for item in told if not vanishes(item.found, precision)}
    if not none or not some or max(none) >= min(some):
        return evidence, ""
    return [item for item in evidence if item.found.batch_size >= min(some)], f", and 0 in batches of {max(none)},"


def _telling(cases: Sequence[TargetComparison], factors: Sequence[float], precision: Precision) -> set[int]:
    """Return the problems on which a factor shows that the direction is kept by more than chance.

    Several directions, another factor than 1, and no pairs: in pairs (R_1 − R_2)/2 is all there is to divide.
    """
    return {
        id(item.entry)
        for item, factor in zip(cases, factors, strict=True)
        if item.directions > 1 and item.found.batch_size != 2 and abs(factor - 1.0) > _apart(precision)
    }


def fitted_law(cases: Sequence[TargetComparison], factors: Sequence[float], precision: Precision) -> Multiple | None:
    """Return the simplest law that factors follow, with its constant; None where no law known is followed.

    One without a constant of its own comes before one that needs it.

    Parameters
    ----------
    cases : what was compared, for batch size and steps
    factors : one a case
    precision : Precision
        Constants may differ as far as `_apart` says.
    """
    limit = _apart(precision)
    loose: Multiple | None = None
    # The factor of the problem that determines it best.
    best = max(range(len(cases)), key=lambda index: _weight(cases[index]))
    for law, values in _laws(cases):
        ratio = np.asarray(factors) / np.asarray(values)
        if np.ptp(ratio) > limit * np.abs(ratio).max():
            continue
        constant = float(ratio[best])
        if not law:
            return Multiple(constant, f"{constant:.6g}")
        words = ", ".join(word for letter, word in WORDS.items() if letter in law).removeprefix(f"{law} ")
        explained = f"{law} ({words})".replace(" ()", "")
        if abs(constant - 1.0) <= limit:
            return Multiple(constant, explained, law)
        loose = loose or Multiple(constant, f"{constant:.6g} × {explained}", law)
    return loose


def _apart(precision: Precision) -> float:
    """Return how far factors may be apart: a thousand times the limit, or what the limit of a verdict may hide.

    The latter where the limit follows the conditioning, and the factor of an ill-conditioned problem has few digits.
    """
    return HIDDEN if precision is FINE else 1e3 * precision.relative


def _explains(fitted: Multiple, cases: Sequence[TargetComparison], precision: Precision) -> bool:
    """Return whether the constant of one problem, times the law, explains all others, too."""
    values = dict(_laws(cases))[fitted.law]
    scaled = [fitted.constant * value for value in values]
    gaps = (deviation(item.found, x * item.target, precision, x) for item, x in zip(cases, scaled, strict=True))
    return max(gaps) <= TWO_ROUNDINGS * precision.relative


def _weight(item: TargetComparison) -> float:
    return size_of(item.target) / max(item.found.natural, 1e-300)


def _laws(cases: Sequence[TargetComparison]) -> list[tuple[str, list[float]]]:
    """Return laws with their values on the cases: one quantity first, then products of two."""
    sizes, steps = [float(item.found.batch_size) for item in cases], [float(item.steps) for item in cases]
    by_size: list[tuple[str, list[float]]] = []
    if len(set(sizes)) > 1 and min(sizes) > 1:
        by_size = [(law, [value(n) for n in sizes]) for law, value in BY_SIZE.items()]
        by_size = [(law, values) for law, values in by_size if min(values) > 0.0]
    by_steps = [(law, [value(x) for x in steps]) for law, value in BY_STEPS.items()]
    further = [(law, values) for law in FURTHER if (values := _further(law, cases))]
    single = [*by_size, *by_steps, *further]
    products = [
        ("n/T" if (one, two) == ("n", "1/T") else f"{one} × {two}", [a * b for a, b in zip(x, y, strict=True)])
        for one, x in by_size
        for two, y in by_steps
    ]
    return [("", [1.0] * len(cases)), *single, *products]


def _further(law: str, cases: Sequence[TargetComparison]) -> list[float]:
    """Return the values of a law of the problem; none where it is not defined, or two values would do."""
    with contextlib.suppress(ZeroDivisionError):
        values = [FURTHER[law](item) for item in cases]
        if min(values) > 0.0 and len(set(values)) >= (2 if "length" in law else DISTINCT):
            return values
    return []


def silent_by_law(multiple: Multiple, item: TargetComparison) -> bool:
    """Return whether the law of a multiple says that nothing is left of the target on a problem, as γ does at γ = 0."""
    return multiple.law in FURTHER and _value(multiple.law, item) == 0.0


def _value(law: str, item: TargetComparison) -> float:
    with contextlib.suppress(ZeroDivisionError):
        return FURTHER[law](item)
    return np.inf


def _discount(item: TargetComparison) -> float:
    return float(getattr(item.entry.problem.objective, "discount", 1.0))
