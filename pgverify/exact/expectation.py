"""The exact expectation of any function, by calling it on everything it may be given: it assumes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from pgverify.validation import Array

Batch = TypeVar("Batch")
"""What the function is called on: trajectories, or the rows of those in a list."""


@dataclass(frozen=True, eq=False)
class Expectation:
    """The whole law of an estimate that takes finitely many values, and its moments.

    Attributes
    ----------
    probabilities : [m]
        Of each batch.
    estimates : [m, d]
        The estimate on each.
    """

    probabilities: Float[Array, "m"]
    estimates: Float[Array, "m d"]

    @cached_property
    def mean(self) -> Float[Array, "d"]:
        """Return E ĝ."""
        return np.asarray(self.probabilities @ self.estimates)

    @cached_property
    def covariance(self) -> Float[Array, "d d"]:
        """Return E (ĝ − E ĝ)(ĝ − E ĝ)ᵀ."""
        off = np.sqrt(self.probabilities)[:, None] * (self.estimates - self.mean)
        return np.asarray(off.T @ off)

    @cached_property
    def trace(self) -> float:
        """Return tr Cov ĝ = E |ĝ − E ĝ|²."""
        return float(self.probabilities @ ((self.estimates - self.mean) ** 2).sum(axis=1))

    @cached_property
    def largest(self) -> float:
        """Return E max_j |ĝ_j|: the size of an estimate, to which rounding is relative."""
        return float(self.probabilities @ np.abs(self.estimates).max(axis=1))


def expectation(
    function: Callable[[Batch], Float[Array, "*n d"]], batches: Iterable[tuple[Batch, float]]
) -> Expectation:
    """Return the expectation of a function over batches that are listed with their probabilities.

    E ĝ = Σ_b P(b) ĝ(b). What the function raises, it raises here; every estimate is kept.

    Parameters
    ----------
    function : batch -> [n, d] or [d]
        Rows are averaged.
    batches : pairs of a batch and its probability
        At least one; taken one by one.
    """
    probabilities, estimates = [], []
    for batch, chance in batches:
        estimate = function(batch)
        probabilities.append(chance)
        estimates.append(estimate.mean(axis=0) if estimate.ndim == 2 else estimate)
    return Expectation(np.array(probabilities, dtype=np.float64), np.stack(estimates))
