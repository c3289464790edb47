"""The draws that libraries make, put to a world: categories, coins, orders, integers, normal and uniform numbers."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from jaxtyping import Float, Integer

from pgverify.adapters.uniform_number import Known, UniformNumber
from pgverify.choices.normal_nodes import NODES
from pgverify.choices.whereabouts_of_draws import calling_line
from pgverify.errors import InvalidInput, UnscriptedDraw
from pgverify.kinds import described
from pgverify.validation import Array


class DictatedDraws:
    """What a scripted library asks its world for.

    Parameters
    ----------
    world : what has `choose`
        Or `of_row(row, rows)`, where rows of one draw belong to several worlds.
    nodes : int
        Of a normal number.
    """

    def __init__(self, world: Any, nodes: int = NODES) -> None:
        if not callable(getattr(world, "choose", None)):
            raise InvalidInput(f"world is {described(world)}, must be a world, which has choose(probabilities)")
        self.world = world
        self.nodes = nodes

    def of_row(self, row: int, rows: int) -> DictatedDraws:
        """Return the draws of one row of several."""
        several = getattr(self.world, "of_row", None)
        return self if several is None else DictatedDraws(several(row, rows), self.nodes)

    def category(self, weights: Float[Array, "k"]) -> int:
        """Return the index of a category, with probability in proportion to its weight."""
        total = float(weights.sum())
        return self.world.choose(weights / total if np.isfinite(total) and total > 0.0 else weights)

    def categories(self, weights: Float[Array, "k"], count: int, replacement: bool) -> Integer[Array, "n"]:
        """Return so many of them, each drawn from what the ones before have left where nothing is put back."""
        left, found = weights.copy(), np.zeros(count, dtype=np.int64)
        for i in range(count):
            found[i] = self.category(left)
            if not replacement:
                left[found[i]] = 0.0
        return found

    def coin(self, heads: float) -> bool:
        """Return whether something happens that has a probability."""
        return heads == 1.0 or (heads != 0.0 and self.world.choose([1.0 - heads, heads]) == 1)

    def integer(self, count: int) -> int:
        """Return one of 0..count − 1, all alike."""
        return 0 if count == 1 else self.world.choose(np.full(count, 1.0 / count))

    def order(self, count: int) -> Integer[Array, "n"]:
        """Return an order of 0..count − 1, all alike, item by item: so that a draw has few options."""
        left = list(range(count))
        return np.array([left.pop(self.integer(len(left))) for _ in range(count)], dtype=np.int64)

    def normal(self) -> float:
        """Return a node that stands for a number of N(0, 1)."""
        draw = getattr(self.world, "normal", None)
        if draw is None:
            self.refuse("normal numbers, which this world has none of")
        return float(draw(self.nodes))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> UniformNumber:
        """Return a number of U(low, high), which is decided as far as it is compared."""
        if not (np.isfinite([low, high]).all() and low != high):
            self.refuse(f"a uniform number from {low:g} to {high:g}")
        return UniformNumber(self, Known(), float(low), float(high) - float(low))

    def refuse(self, what: str) -> NoReturn:
        """Refuse a draw that has no finite list of options, naming its line.

        Raises
        ------
        UnscriptedDraw
        """
        refusal = UnscriptedDraw(
            f"run drew {what}, at {calling_line()[0]}: draw by world.choose(probabilities) instead"
        )
        remember = getattr(self.world, "refuse", None)
        if remember is not None:
            remember(refusal)
        raise refusal
