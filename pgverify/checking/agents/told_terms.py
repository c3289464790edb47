"""What an update has beside its target, where that is one known term on every problem: entropy, or decay of weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.agents import Window
from pgverify.checking.agents.window_estimates import collected, mean_update
from pgverify.checking.verdict.comparison import TargetComparison
from pgverify.checking.verdict.precision import Precision
from pgverify.checking.verdict.targets import entropy_gradient
from pgverify.policies.steps import remembers
from pgverify.problem import Problem
from pgverify.validation import Array

DECAY = "return the gradient of the loss alone, without the decay of weights, and check again"

SMALLEST = 1e-12
"""Relative: a coefficient below is none."""


@dataclass(frozen=True)
class ToldTerm:
    """A term, and what to do about it.

    Attributes
    ----------
    warning, next_step : str
    """

    warning: str
    next_step: str


def told_term(
    evidence: Sequence[TargetComparison], precision: Precision, target: str, window: Window | None
) -> ToldTerm | None:
    """Return the term by which updates differ from what they should follow; None where it is not one of these.

    mean = f·target + c·term, with the same f and c on every problem: term is θ, or the gradient of the entropy.

    Parameters
    ----------
    evidence : sequence of TargetComparison
    precision : Precision
    target : str
    window : Window or None
    """
    fitted = _fitted(evidence, [np.asarray(item.entry.problem.policy.parameters) for item in evidence], precision)
    if fitted is not None:
        return ToldTerm(f"{_sum(fitted)} θ on every problem: a decay of weights, or a penalty on their size", DECAY)
    if window is None and any(remembers(item.entry.problem.policy) for item in evidence):
        return None
    fitted = _fitted(evidence, [_entropy(item.entry.problem, window) for item in evidence], precision)
    if fitted is None:
        return None
    factor, coefficient = fitted
    bonus = coefficient / factor
    if window is not None:
        bonus += window.entropy
        said = f"say so by Window(entropy={bonus:.6g}), if it is meant"
    else:
        said = f'say so by target="{target} + entropy_bonus({bonus:.6g})", if it is meant'
    return ToldTerm(f"{_sum(fitted)} the gradient of the entropy on every problem", said)


def _sum(fitted: tuple[float, float]) -> str:
    factor, coefficient = fitted
    times = "" if abs(factor - 1.0) < 1e-6 else f"{factor:.6g} times "
    return f"the expected update is {times}its target and {coefficient:.6g} times"


def _entropy(problem: Problem, window: Window | None) -> Float[Array, "d"]:
    if window is None:
        return np.asarray(entropy_gradient(problem))
    given = collected(problem, window)
    return mean_update(problem, given.windows, np.zeros_like(given.ratio), 1.0)


def _fitted(
    evidence: Sequence[TargetComparison], terms: Sequence[Float[Array, "_"]], precision: Precision
) -> tuple[float, float] | None:
    """Return f and c of mean = f·target + c·term; None where they are not the same on every problem."""
    sizes = [item.found.natural for item in evidence]
    means, targets, term = (
        np.concatenate([vector / size for vector, size in zip(vectors, sizes, strict=True)])
        for vectors in ([item.found.mean for item in evidence], [item.target for item in evidence], terms)
    )
    columns = np.stack([targets, term], axis=1)
    if np.linalg.matrix_rank(columns, tol=1e-9 * max(float(np.abs(columns).max()), SMALLEST)) < 2 or len(means) < 3:
        return None
    (factor, coefficient), *_ = np.linalg.lstsq(columns, means, rcond=None)
    left = float(np.abs(means - columns @ [factor, coefficient]).max())
    if left > precision.relative * max(1.0, abs(factor)) or abs(factor) < SMALLEST:
        return None
    told = float(np.abs(coefficient * term).max()) > 10.0 * precision.relative * max(1.0, abs(factor))
    return (float(factor), float(coefficient)) if told else None
