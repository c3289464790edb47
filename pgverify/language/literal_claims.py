"""What a loss estimates as the literal claim that `check_lm` takes: the sum of some targets, each times a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from types import MappingProxyType

from pgverify.targets import LengthBonus, PolicyGradient, SequenceKL, StateKL
from pgverify.targets.entropy import StateEntropy
from pgverify.targets.names import SHORTHAND
from pgverify.targets.target import Target

WITH_COEFFICIENT = (SequenceKL, StateKL, StateEntropy, LengthBonus)
"""Terms whose coefficient multiplies them, so that no number has to stand before them."""

PUBLIC: Mapping[type[Target], str] = MappingProxyType({StateEntropy: "Entropy"})
"""Names in `pgv.targets` that are not those of the classes."""

EXACT = 1e-9
"""Relative difference of a number and its shortest spelling: less than any verdict sees."""

FEWEST, MOST = 6, 17
"""Digits of a number."""

Term = tuple[float, Target]


def literal_claim(terms: Sequence[Term]) -> str:
    """Return the argument `target` under which the sum of factor × target is the claim, as Python spells it.

    A single target is claimed without its factor: a positive multiple of it is SCALED, which is what it is.

    Parameters
    ----------
    terms : (factor, target) pairs
        At least one; of those with a coefficient it is in the factor.
    """
    if len(terms) == 1 and not isinstance(terms[0][1], WITH_COEFFICIENT):
        terms = [(1.0, terms[0][1])]
    folded = [_folded(factor, target) for factor, target in terms]
    words = [_shorthand(factor, target) for factor, target in folded]
    if all(words):
        return f'"{" + ".join(words)}"'
    return " + ".join(_spelled(factor, target) for factor, target in folded)


def formula(terms: Sequence[Term]) -> str:
    """Return the sum as a formula, with the signs between its terms."""
    text = ""
    for factor, target in terms:
        one = _term_formula(*_folded(factor, target))
        sign, size = ("−", one[1:]) if one.startswith("−") else ("+", one)
        text += one if not text else f" {sign} {size}"
    return text


def number(value: float) -> str:
    """Return the shortest spelling of a number that no verdict could tell from it."""
    spelled = (f"{value:.{digits}g}" for digits in range(FEWEST, MOST + 1))
    return next((text for text in spelled if abs(float(text) - value) <= EXACT * abs(value)), repr(value))


def _folded(factor: float, target: Target) -> Term:
    if isinstance(target, WITH_COEFFICIENT):
        return 1.0, replace(target, coefficient=float(number(factor * target.coefficient)))
    short = float(number(factor))
    return (1.0 if abs(short - 1.0) <= 1e-6 else short), target  # an ε in a denominator is no factor


def _term_formula(factor: float, target: Target) -> str:
    if isinstance(target, WITH_COEFFICIENT):
        positive = replace(target, coefficient=abs(target.coefficient)).formula
        negative = target.coefficient < 0
        bare = positive.removeprefix("−")
        return bare if positive.startswith("−") == negative else f"−{bare}"
    return target.formula if factor == 1.0 else f"{factor:.6g} {target.formula}"


def _shorthand(factor: float, target: Target) -> str:
    """Return the term as a claim in words spells it, "" where it has to be an object."""
    name = next((name for name, kind in SHORTHAND.items() if kind is type(target)), "")
    if isinstance(target, WITH_COEFFICIENT) and replace(target, coefficient=1.0) == type(target)():
        return f"{name}({number(target.coefficient)})"
    return name if factor == 1.0 and target == type(target)() else ""


def _spelled(factor: float, target: Target) -> str:
    kind = type(target)
    default = PolicyGradient() if isinstance(target, PolicyGradient) else kind()
    given = [
        f"{field.name}={getattr(target, field.name)!r}"
        for field in fields(target)  # type: ignore[arg-type]  # every target with arguments is a dataclass
        if getattr(target, field.name) != getattr(default, field.name)
    ]
    times = "" if factor == 1.0 else f"{number(factor)} * "
    return f"{times}pgv.targets.{PUBLIC.get(kind, kind.__name__)}({', '.join(given)})"
