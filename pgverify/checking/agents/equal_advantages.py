"""Advantages that are equal but for rounding, where they are normalised: what comes out depends on the machine.

(Â_t − mean) / (σ + ε) is 0 where all Â_t are equal. In single precision their mean may be an ulp away from them, which
is as large as the usual ε: then it is any number w of a few units, the same for all of them, as large as ulp/ε at most.
The expected update is known but for w times what such windows weigh.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Integer
from scipy.optimize import lsq_linear

from pgverify.agents import Window
from pgverify.checking.agents.window_estimates import advantages, collected, mean_update, surrogate
from pgverify.checking.verdict.comparison import TargetComparison
from pgverify.checking.verdict.precision import SINGLE, Precision
from pgverify.problem import Problem
from pgverify.validation import Array

OVER = MappingProxyType(
    {
        "normalised-in-the-batch": (1, 2),
        "normalised-in-the-batch-unbiased": (1, 2),
        "normalised-across-environments": (2,),
        "normalised-over-time": (1,),
    }
)
"""The axes of [n, T, E] that each fault takes mean and deviation over."""

USUAL = 1e-8
"""ε, as libraries have it."""


def left_to_rounding(slug: str, problem: Problem, window: Window) -> Float[Array, "k d"]:
    """Return the most that each window, or part of one, whose advantages are equal would add, and the least.

    Parameters
    ----------
    slug : str
        Of a fault; of most nothing is left to rounding.
    problem : Problem
    window : Window
    """
    size = problem.policy.parameters.size
    axes = OVER.get(slug)
    if axes is None:
        return np.zeros((0, size))
    given = collected(problem, window)
    found = advantages(given)
    largest = np.abs(found).max(axis=axes, keepdims=True)
    equal = (np.ptp(found, axis=axes, keepdims=True) <= SINGLE.rounding * largest) & (largest > 0.0)
    places = np.argwhere(equal)
    if len(places) >= size:  # whatever was found would be explained
        return np.zeros((0, size))
    most = np.broadcast_to(np.maximum(SINGLE.rounding * largest / USUAL, 1.0), found.shape)
    rows = [sign * _alone(place, axes, most) for place in places for sign in (1.0, -1.0)]
    return np.array([mean_update(problem, given.windows, surrogate(given, row)) for row in rows]).reshape(-1, size)


def _alone(place: Integer[Array, "axes"], axes: tuple[int, ...], most: Float[Array, "n T E"]) -> Float[Array, "n T E"]:
    """Return w at what is normalised together, 0 elsewhere."""
    here = tuple(slice(None) if axis in axes else int(at) for axis, at in enumerate(place))
    row = np.zeros(most.shape)
    row[here] = most[here]
    return row


def nearest(
    item: TargetComparison, mean: Float[Array, "d"], free: Float[Array, "k d"], precision: Precision
) -> Float[Array, "d"]:
    """Return that of mean + Σ_k w_k free_k, 0 ≤ w_k ≤ 1, which is nearest to what was found.

    The mean itself in double precision, where an ulp is nothing beside ε, and where every direction would be free.

    Parameters
    ----------
    item : TargetComparison
    mean : [d]
    free : [k, d]
    precision : Precision
    """
    rank = int(np.linalg.matrix_rank(free)) if len(free) else 0
    if rank == 0 or rank >= item.directions or precision.rounding < SINGLE.rounding:
        return mean
    weight = lsq_linear(free.T, item.found.mean - mean, bounds=(0.0, 1.0), tol=1e-14).x
    return np.asarray(mean + weight @ free)
