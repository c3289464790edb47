"""What is known of a program after all of its runs: the exact mean and covariance of what it returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.choices.one_run import Leaf, path
from pgverify.errors import InvalidRun, TooLarge
from pgverify.kinds import known_arguments
from pgverify.validation import Array

MOST_DIMENSIONS = 1024
"""Entries of a result up to which their covariances are kept: 8 MB."""


@known_arguments
@dataclass(frozen=True, eq=False)
class ProgramExpectation:
    """The exact mean and covariance of what a program returns.

    Attributes
    ----------
    mean : [d]
    variance : [d]
        The diagonal of the covariance; NaN where runs were made as rows, of which the sum alone is seen.
    runs : int
        Sequences of choices with a probability above zero, less those that differ in draws that were left out.
    seconds : float
        On the wall, everything included.
    scale : float
        E max_j |value_j|: what rounding is relative to.
    single : bool
        Whether the program returned single precision.
    left_out : tuple of str
        Draws that were answered one way only, for they were seen to change nothing: their lines.
    estimated_runs : float or None
        As it was estimated before; None where there were so few that nothing was.
    quadrature_error : [d] or None
        How far the mean is from that on fewer nodes, where normal numbers were drawn: an estimate of its error, on the
        safe side where what is done with them is smooth.
    remarks : tuple of str
        What should be said of runs that can be judged all the same, such as seeds that were given twice.
    """

    mean: Float[Array, "d"]
    variance: Float[Array, "d"]
    runs: int
    seconds: float
    scale: float
    single: bool = False
    left_out: tuple[str, ...] = ()
    estimated_runs: float | None = None
    _covariance: Float[Array, "d d"] | None = None
    quadrature_error: Float[Array, "d"] | None = None
    remarks: tuple[str, ...] = ()

    @property
    def covariance(self) -> Float[Array, "d d"]:
        """E (x − E x)(x − E x)ᵀ [d, d].

        Raises
        ------
        TooLarge
            Beyond 1,024 entries, where only `variance` is kept, and where runs were made as rows.
        """
        if self._covariance is None:
            if np.isnan(self.variance).any():
                raise TooLarge("covariance is not known where runs were made as rows of a vectorised program")
            raise TooLarge(
                f"covariance of {self.mean.size:,} entries is not kept, beyond {MOST_DIMENSIONS:,}; variance [d] is"
            )
        return self._covariance

    @property
    def trace(self) -> float:
        """Trace of the covariance."""
        return float(self.variance.sum())

    def __str__(self) -> str:
        text = f"expectation over {self.runs:,} runs in {self.seconds:.3g} s"
        if self.quadrature_error is not None:
            text += f"; on fewer nodes it is apart by {float(self.quadrature_error.max(initial=0.0)):.2g}"
        if self.left_out:
            text += f"; draws left out, for they change nothing: {', '.join(self.left_out)}"
        return "; ".join((text, *self.remarks))


class WeightedSums:
    """Sums of values with probabilities, from which mean and covariance follow.

    Values are taken relative to the first, so that a small covariance is not lost in a large mean.
    """

    def __init__(self, first: Float[Array, "d"]) -> None:
        self.origin = first.copy()
        self.total = np.zeros_like(first)
        self.lost = np.zeros_like(first)
        size = len(first)
        self.squares = np.zeros((size, size) if size <= MOST_DIMENSIONS else size)
        self.runs = 0
        self.mass = self.lost_mass = 0.0
        self.scale = 0.0

    def add(self, value: Float[Array, "d"], chance: float) -> None:
        """Add a value [d] with its probability."""
        off = value - self.origin
        # Kahan's summation: thousands of runs lose no more than one.
        term = chance * off - self.lost
        total = self.total + term
        self.lost = (total - self.total) - term
        self.total = total
        self.squares += chance * (np.outer(off, off) if self.squares.ndim == 2 else off * off)
        self._add_mass(1, chance)
        self.scale += chance * float(np.abs(value).max())

    def add_leaf(self, leaf: Leaf, chance: float) -> None:
        """Add what a run returned, with its probability.

        Raises
        ------
        InvalidRun
            When it is longer or shorter than the first.
        """
        if len(leaf.value) != len(self.origin):
            size = len(self.origin)
            raise InvalidRun(f"run returned {len(leaf.value)} numbers, and {size} in its first run, {path(leaf.draws)}")
        self.add(leaf.value, chance)

    def merge(self, other: WeightedSums) -> None:
        """Add all that another one holds, relative to the same first value."""
        total = self.total + (other.total - other.lost - self.lost)
        self.lost = (total - self.total) - (other.total - other.lost - self.lost)
        self.total = total
        self.squares += other.squares
        self._add_mass(other.runs, other.mass - other.lost_mass)
        self.scale += other.scale

    def _add_mass(self, runs: int, chance: float) -> None:
        self.runs += runs
        term = chance - self.lost_mass
        mass = self.mass + term
        self.lost_mass = (mass - self.mass) - term
        self.mass = mass

    def mean(self) -> Float[Array, "d"]:
        """Return E x [d]."""
        return np.asarray(self.origin + self.total)

    def covariance(self) -> Float[Array, "..."]:
        """Return Cov x [d, d], or its diagonal [d] where d is large."""
        centre = np.outer(self.total, self.total) if self.squares.ndim == 2 else self.total**2
        found = self.squares - centre
        diagonal = np.arange(len(self.origin))
        place = (diagonal, diagonal) if found.ndim == 2 else (diagonal,)
        found[place] = np.maximum(found[place], 0.0)
        return np.asarray(found)
