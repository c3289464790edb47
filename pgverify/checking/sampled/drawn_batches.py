"""Batches that were drawn, with the estimates on them, and the controls on them, each of which is computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.families import Family
from pgverify.validation import Array

Estimate = Callable[[Integer[Array, "n"]], Float[Array, "d"]]
"""Calls on a batch of rows of a list."""


@dataclass(frozen=True, eq=False)
class DrawnAtOnce:
    """Batches that were drawn together.

    Attributes
    ----------
    rows : [m, n]
    estimates : [m, d]
    found : dict of family, None for the usual controls, to [m, k, d]
        The controls on them, as far as they were asked for.
    """

    rows: Integer[Array, "m n"]
    estimates: Float[Array, "m d"]
    found: dict[Family | None, Float[Array, "m k d"]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Drawn:
    """Batches, and the estimates on them, in the parts in which they were drawn.

    What is tried on them family by family finds the usual controls, and those of a family that it tried before, where
    they were left: they take longer than the calls do.

    Attributes
    ----------
    parts : tuple of DrawnAtOnce
        The earliest first.
    """

    parts: tuple[DrawnAtOnce, ...]

    def __len__(self) -> int:
        return sum(len(part.rows) for part in self.parts)

    @property
    def estimates(self) -> Float[Array, "m d"]:
        """The estimates on all of them."""
        return np.concatenate([part.estimates for part in self.parts])

    @property
    def rows(self) -> Integer[Array, "m n"]:
        """The rows of all of them."""
        return np.concatenate([part.rows for part in self.parts])

    def after(self, earlier: Drawn) -> Drawn:
        """Return the earlier ones and these."""
        return Drawn((*earlier.parts, *self.parts))


@dataclass(frozen=True, eq=False)
class Source:
    """Where batches come from, and what is computed on them.

    Attributes
    ----------
    rows : callable
        Draws the rows of so many batches.
    estimate : callable
    controls : Controls
    group : [n] or None
        Which rows belong together.
    size : int
        Trajectories in a batch.
    family : Family or None
        Of further controls, that are among them.
    coarse : float
        Unit of rounding of a function that computes in less than single precision somewhere inside, or in double
        throughout; 0 where that is not known.
    """

    rows: Callable[[int, np.random.Generator], Integer[Array, "m n"]]
    estimate: Estimate
    controls: Controls
    group: Integer[Array, "n"] | None
    size: int
    family: Family | None = None
    coarse: float = 0.0

    def draw(self, count: int, rng: np.random.Generator) -> Drawn:
        """Return so many batches with their estimates."""
        return self.called_on(self.rows(count, rng))

    def called_on(self, rows: Integer[Array, "m n"]) -> Drawn:
        """Return batches of the given rows with their estimates."""
        return Drawn((DrawnAtOnce(rows, np.stack([self.estimate(each) for each in rows])),))

    def on(self, drawn: Drawn) -> Float[Array, "m k d"]:
        """Return the controls on batches that were drawn from here, the usual ones first, in an array of their own."""
        families = (None,) if self.family is None else (None, self.family)
        return np.concatenate(
            [np.concatenate([self._of(part, family) for family in families], axis=1) for part in drawn.parts]
        )

    def _of(self, part: DrawnAtOnce, family: Family | None) -> Float[Array, "m k d"]:
        if family not in part.found:
            part.found[family] = (
                self.controls.on(part.rows, self.group)
                if family is None
                else family(self.controls, part.rows, self.group)
            )
        return part.found[family]
