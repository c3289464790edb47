"""Sums of contributions about a centre, up to the fourth power: what moments are made of, added up part by part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.stats import Moments
from pgverify.validation import Array


@dataclass(eq=False)
class ContributionSums:
    """Σ y, Σ y², Σ y³, Σ y⁴ of each coordinate of y = g − centre, and, where all is kept, Σ y yᵀ, Σ |y|² y, Σ |y|⁴.

    It is filled in place, by the kernel or by `add`.

    Attributes
    ----------
    centre : [d]
        Near the mean, so that nothing is lost when the sums are moved to it.
    count : int
    first, second, third, fourth : [d]
    scatter : [d, d], or None where only the diagonal is kept
        The upper triangle counts.
    norm_third : [d] or None
    norm_fourth : [1] or None
    """

    centre: Float[Array, "d"]
    count: int
    first: Float[Array, "d"]
    second: Float[Array, "d"]
    third: Float[Array, "d"]
    fourth: Float[Array, "d"]
    scatter: Float[Array, "d d"] | None
    norm_third: Float[Array, "d"] | None
    norm_fourth: Float[Array, "1"] | None

    @classmethod
    def about(cls, centre: Float[Array, "d"], diagonal: bool) -> ContributionSums:
        """Return the sums of nothing."""
        d = len(centre)
        whole = None if diagonal else (np.zeros((d, d)), np.zeros(d), np.zeros(1))
        return cls(centre, 0, np.zeros(d), np.zeros(d), np.zeros(d), np.zeros(d), *(whole or (None, None, None)))

    def add(self, contributions: Float[Array, "n d"]) -> None:
        """Add contributions, which are overwritten."""
        y = contributions
        y -= self.centre
        self.count += len(y)
        square = y * y
        self.first += y.sum(axis=0)
        self.second += square.sum(axis=0)
        self.third += np.einsum("nd,nd->d", square, y)
        self.fourth += np.einsum("nd,nd->d", square, square)
        if self.scatter is not None and self.norm_third is not None and self.norm_fourth is not None:
            norm = square.sum(axis=1)
            self.scatter += y.T @ y
            self.norm_third += norm @ y
            self.norm_fourth += norm @ norm

    def merge(self, other: ContributionSums) -> None:
        """Add sums about the same centre."""
        self.count += other.count
        for name in ("first", "second", "third", "fourth", "scatter", "norm_third", "norm_fourth"):
            mine = getattr(self, name)
            if mine is not None:
                mine += getattr(other, name)

    def moments(self) -> Moments:
        """Return the central sums: all moved by δ = (Σ y)/n, e.g. Σ (y − δ)³ = Σ y³ − 3 δ Σ y² + 2 n δ³."""
        n, step = self.count, self.first / self.count
        mean = self.centre + step
        third = self.third - 3.0 * step * self.second + 2.0 * n * step**3
        fourth = self.fourth - 4.0 * step * self.third + 6.0 * step**2 * self.second - 3.0 * n * step**4
        second = np.maximum(self.second - n * step**2, 0.0)
        if self.scatter is None or self.norm_third is None or self.norm_fourth is None:
            return Moments(n, mean, second, third, np.maximum(fourth, 0.0))
        about = np.triu(self.scatter)
        about = about + np.triu(about, 1).T
        trace, square = float(self.second.sum()), float(step @ step)
        norm_third = self.norm_third - 2.0 * about @ step - step * trace + 2.0 * n * square * step
        norm_fourth = (
            float(self.norm_fourth[0])
            - 4.0 * float(step @ self.norm_third)
            + 4.0 * float(step @ about @ step)
            + 2.0 * square * trace
            - 3.0 * n * square**2
        )
        scatter = about - n * np.outer(step, step)
        np.fill_diagonal(scatter, second)
        return Moments(n, mean, scatter, third, np.maximum(fourth, 0.0), norm_third, max(norm_fourth, 0.0))
