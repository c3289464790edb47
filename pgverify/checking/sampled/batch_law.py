"""The law of the batches that a function is called on: which trajectories come together, drawn from a list of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from pgverify.validation import Array


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

    @property
    def group(self) -> None:
        """Return which rows belong together: none."""
