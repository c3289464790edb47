"""Many runs of a program side by side, as rows of one run of a vectorised one: each row has draws of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.choices.world import Choice, World
from pgverify.errors import InvalidInput, InvalidRun, NotRepeatable
from pgverify.validation import Array

ROUNDING = 1e-5
"""How far probabilities of the same draw may be apart in different rows: single precision, in another order of sums."""


class RowWorlds:
    """What a vectorised program draws from.

    Draws of one row come from `of_row`; a draw that belongs to no row, such as a shuffle of all rows, takes its first
    option, and whether that matters is looked at afterwards.

    Parameters
    ----------
    prefixes : choices
        How each row begins.
    weights : [R], optional
        What its result counts; by default its probability.
    """

    def __init__(self, prefixes: Sequence[Sequence[Choice]], weights: Float[Array, "R"] | None = None) -> None:
        self.worlds = [World(_AsBefore(tuple(prefix))) for prefix in prefixes]
        self.refusal: InvalidInput | None = None
        self._weights = weights

    def of_row(self, row: int, rows: int) -> World:
        """Return the world of one row, of a draw that is made for so many.

        Raises
        ------
        InvalidRun
            When these are not all rows.
        """
        if rows != len(self.worlds):
            raise InvalidRun(f"run drew for {rows} rows, and there are {len(self.worlds)}: rows cannot be told apart")
        return self.worlds[row]

    def choose(self, probabilities: Any) -> int:
        """Return the first option that is possible, of a draw that belongs to no row."""
        return int(np.argmax(np.asarray(probabilities) > 0.0))

    def refuse(self, reason: InvalidInput) -> None:
        """Remember why these rows cannot be judged."""
        self.refusal = self.refusal or reason

    def weights(self) -> Float[Array, "R"]:
        """Return what each row counts, by what it has drawn so far."""
        if self._weights is not None:
            return self._weights
        return np.array([prod(float(x.probabilities[x.index]) for x in world.draws) for world in self.worlds])

    def close(self) -> None:
        """End all rows, and raise what was refused in one of them."""
        if self.refusal is not None:
            raise self.refusal
        for world in self.worlds:
            world.close()


@dataclass(frozen=True)
class _AsBefore:
    """Answers that begin as before; the probabilities are the same to rounding alone."""

    known: tuple[Choice, ...]

    def __call__(self, count: int, place: str, site: int, probabilities: Float[Array, "k"]) -> int:  # noqa: ARG002
        if count >= len(self.known):
            return int(np.argmax(probabilities > 0.0))
        before = self.known[count]
        if (
            len(before.probabilities) != len(probabilities)
            or np.abs(before.probabilities - probabilities).max() > ROUNDING
        ):
            raise NotRepeatable(
                f"draw {count + 1} of a row at {place} has other probabilities than before, after the same answers: "
                "one row depends on another, or state is left over"
            )
        return before.index
