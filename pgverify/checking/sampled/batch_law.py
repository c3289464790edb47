"""The law of the batches that a function is called on: which trajectories come together, drawn from a list of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Integer

from pgverify.trajectories import Trajectories
from pgverify.validation import Array

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

    @property
    def count(self) -> int:
        """How many trajectories are in a batch."""
        return self.size

    @property
    def rows(self) -> int:
        """How many trajectories are in a batch."""
        return self.size

    @property
    def group(self) -> None:
        """Which rows belong together: none."""

    @property
    def skewed(self) -> bool:
        """Whether some trajectory is in fewer batches than `SELDOM`."""
        return _seldom(self.probability, self.size)

    def draw(self, count: int, rng: np.random.Generator) -> Integer[Array, "m n"]:
        """Return the rows of so many batches."""
        chance = self.probability / self.probability.sum()
        return rng.choice(len(self.probability), size=(count, self.size), p=chance)

    def spread(self, count: int, rng: np.random.Generator) -> Integer[Array, "m n"]:
        """Return the rows of so many batches in which the rarest trajectory is as probable as any."""
        return rng.integers(len(self.probability), size=(count, self.size))


@dataclass(frozen=True, eq=False)
class GroupedLaw:
    """Batches of groups: several trajectories of each of several start states, drawn from the start distribution.

    Attributes
    ----------
    probability : [K]
        Of each trajectory in the list.
    starts : [K]
        Its start state.
    size, prompts : int
        Trajectories in a group, and groups in a batch.
    """

    probability: Float[Array, "K"]
    starts: Integer[Array, "K"]
    size: int
    prompts: int

    @property
    def count(self) -> int:
        """How many groups are in a batch."""
        return self.prompts

    @property
    def rows(self) -> int:
        """How many trajectories are in a batch."""
        return self.size * self.prompts

    @property
    def group(self) -> Integer[Array, "n"]:
        """Which rows belong together: consecutive ones."""
        return np.repeat(np.arange(self.prompts), self.size)

    @property
    def skewed(self) -> bool:
        """Whether some trajectory is in fewer batches than `SELDOM`."""
        return _seldom(self.probability, self.prompts)

    def draw(self, count: int, rng: np.random.Generator) -> Integer[Array, "m n"]:
        """Return the rows of so many batches."""
        return np.stack([self._drawn(rng, even=False) for _ in range(count)])

    def spread(self, count: int, rng: np.random.Generator) -> Integer[Array, "m n"]:
        """Return the rows of batches in which the rarest trajectory of the rarest start is as probable as any."""
        return np.stack([self._drawn(rng, even=True) for _ in range(count)])

    def _drawn(self, rng: np.random.Generator, even: bool) -> Integer[Array, "n"]:
        starts = list(self.by_start())
        weights = np.array([start for _, start, _ in starts])
        groups = []
        for index in rng.choice(len(starts), size=self.prompts, p=None if even else weights / weights.sum()):
            rows, _, chance = starts[index]
            groups.append(rng.choice(rows, size=self.size, p=None if even else chance))
        return np.concatenate(groups)

    def by_start(self) -> Iterator[tuple[Integer[Array, "k"], float, Float[Array, "k"]]]:
        """Yield the rows of each start state, its probability, and theirs given it."""
        for state in np.unique(self.starts):
            rows = np.flatnonzero(self.starts == state)
            start = float(self.probability[rows].sum())
            yield rows, start, self.probability[rows] / start


BatchLaw: TypeAlias = IndependentLaw | GroupedLaw


def arranged(batch: Trajectories, rows: Integer[Array, "n"] | list[int], law: BatchLaw) -> Trajectories:
    """Return the trajectories at the given rows as a batch of that law, with its groups."""
    chosen = batch.select(rows)
    return chosen if law.group is None else replace(chosen, group=law.group.copy())


def _seldom(probability: Float[Array, "K"], size: int) -> bool:
    return float(-np.expm1(size * np.log1p(-np.minimum(probability.min(), 0.5)))) < SELDOM
