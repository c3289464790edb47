"""The law of the batches that a function is called on: which trajectories come together, drawn from a list of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, Integer

from pgverify.validation import Array


class BatchLaw(Protocol):
    """Draws batches, as rows of a list of all trajectories.

    Attributes
    ----------
    group : [n] or None
        Which of the rows of a batch belong together.
    skewed : bool
        Whether some trajectory is in fewer batches than `SELDOM`.
    """

    @property
    def group(self) -> Integer[Array, "n"] | None: ...  # noqa: D102

    @property
    def skewed(self) -> bool: ...  # noqa: D102

    def draw(self, rng: np.random.Generator) -> Integer[Array, "n"]:
        """Return the rows of one batch."""
        ...

    def spread(self, rng: np.random.Generator) -> Integer[Array, "n"]:
        """Return the rows of a batch in which the rarest trajectory is as probable as any."""
        ...


SELDOM = 0.05
"""What happens in fewer batches may not be in the few on which controls are fitted."""


@dataclass(frozen=True, eq=False)
class IndependentLaw:
    """Batches of independent trajectories.

    Attributes
    ----------
    probability : [K]
        Of each trajectory in the list.
    size : int
        Trajectories in a batch.
    """

    probability: Float[Array, "K"]
    size: int

    def draw(self, rng: np.random.Generator) -> Integer[Array, "n"]:
        """Return the rows of one batch."""
        return rng.choice(len(self.probability), size=self.size, p=self.probability / self.probability.sum())

    def spread(self, rng: np.random.Generator) -> Integer[Array, "n"]:
        """Return the rows of a batch in which the rarest trajectory is as probable as any."""
        return rng.integers(len(self.probability), size=self.size)

    @property
    def skewed(self) -> bool:
        """Whether some trajectory is in fewer than 1 of 20 batches."""
        return float(-np.expm1(self.size * np.log1p(-self.probability.min()))) < SELDOM

    @property
    def group(self) -> None:
        """Return which rows belong together: none."""
