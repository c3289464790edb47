"""What a loss may estimate instead of its target, by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from pgverify.language.loss_report import Estimand
from pgverify.targets import (
    Entropy,
    GroupStd,
    LengthBonus,
    LengthNormalised,
    PolicyGradient,
    SequenceKL,
    StateKL,
    Surrogate,
)
from pgverify.targets.target import Target
from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array

REWARDED: tuple[Target, ...] = (
    PolicyGradient(),
    LengthNormalised("leave-one-out"),
    LengthNormalised("none"),
    Surrogate(None),
    Surrogate(0.2),
    Surrogate((0.2, 0.28)),
    Surrogate(0.2, "own-mean"),
    Surrogate(0.2, "none"),
    GroupStd(1e-6),
    GroupStd(1e-4),
    GroupStd(1e-8),
)
"""Of what is rewarded."""

FREE: tuple[Target, ...] = (
    StateKL(),
    StateKL(direction="forward"),
    SequenceKL(),
    Entropy(),
    LengthBonus(),
)
"""Of terms that do not depend on rewards; each is also tried with the other sign."""

Vectors = Sequence[Float[Array, "d"]]


def common_factor(found: Vectors, named: Vectors, sizes: Sequence[float], rounding: float) -> float | None:
    """Return c with found = c · named on every tree, or None; c = 0 never counts.

    Parameters
    ----------
    found, named : one [d] a tree
    sizes : one a tree
        What rounding is relative to.
    rounding : float
    """
    square = sum(float(vector @ vector) for vector in named)
    if square == 0:
        return None
    factor = sum(float(a @ b) for a, b in zip(found, named, strict=True)) / square
    fits = all(
        np.linalg.norm(a - factor * b) <= rounding * size for a, b, size in zip(found, named, sizes, strict=True)
    )
    return factor if fits and abs(factor) > 1e3 * rounding else None


def estimand_of(
    vectors: Vectors,
    problems: Sequence[TokenProblem],
    group_size: int,
    sizes: Sequence[float],
    rounding: float,
    among: Sequence[Target],
    signed: bool = False,
) -> Estimand | None:
    """Return the first of some targets of which the vectors are a positive multiple; signed: or any multiple."""
    for target in among:
        named = _vectors(target, problems, group_size)
        factor = None if named is None else common_factor(vectors, named, sizes, rounding)
        if factor is not None and (factor > 0 or signed):
            return Estimand(target.words, target.formula, target.effect, target.source, factor)
    return None


def _vectors(target: Target, problems: Sequence[TokenProblem], group_size: int) -> list[Float[Array, "d"]] | None:
    try:
        return [target.vector(problem, group_size) for problem in problems]
    except ValueError:  # not defined for groups of this size
        return None


def together(first: Estimand | None, second: Estimand | None) -> Estimand | None:
    """Return what the sum of two terms estimates."""
    if first is None or second is None:
        return first or second

    return Estimand(
        f"{first.words} plus {second.words}",
        f"{_scaled(first)} + {_scaled(second)}",
        _joined(first.effect, second.effect),
        _joined(first.source, second.source),
    )


def _scaled(one: Estimand) -> str:
    return one.formula if abs(one.factor - 1) < 1e-9 else f"{one.factor:.6g} ({one.formula})"


def _joined(first: str, second: str) -> str:
    return "; ".join(dict.fromkeys(text for text in (first, second) if text))
