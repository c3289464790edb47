"""The draws that libraries make, put to a world: categories, coins, orders, integers, normal and uniform numbers."""

from __future__ import annotations

import operator
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Float, Integer

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

    def uniform(self) -> UniformNumber:
        """Return a number of U(0, 1), which is decided as far as it is compared."""
        return UniformNumber(self)

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


COMPARED = {np.less: "lt", np.less_equal: "le", np.greater: "gt", np.greater_equal: "ge"}
MIRRORED = {
    np.less: np.greater,
    np.less_equal: np.greater_equal,
    np.greater: np.less,
    np.greater_equal: np.less_equal,
}
"""Comparisons of NumPy, as Python's, and with their sides exchanged."""


class UniformNumber:
    """A number of U(0, 1) that nobody has seen yet: a comparison with a number is a draw with two options.

    `u < p` is True with probability p; comparisons after that one go on from what is known.
    """

    def __init__(self, draws: DictatedDraws) -> None:
        self._draws = draws
        self._low, self._high = 0.0, 1.0

    def _below(self, other: Any) -> bool:
        try:
            bound = float("unknown" if isinstance(other, UniformNumber) else other)
        except (TypeError, ValueError):
            self._draws.refuse("a uniform number that is compared with what is no number")
        if np.isnan(bound):
            return False
        share = min(max((bound - self._low) / (self._high - self._low), 0.0), 1.0)
        below = self._draws.coin(share)
        if below:
            self._high = min(bound, self._high)
        else:
            self._low = max(bound, self._low)
        return below

    def __lt__(self, other: Any) -> bool:
        return other is not self and self._below(other)

    def __le__(self, other: Any) -> bool:
        return other is self or self._below(other)

    def __gt__(self, other: Any) -> bool:
        return other is not self and not (self._below(other) or np.isnan(other))

    def __ge__(self, other: Any) -> bool:
        return other is self or not (self._below(other) or np.isnan(other))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **_: Any) -> Any:
        """Answer comparisons with NumPy's numbers, on either side; refuse to be computed with."""
        if (
            method == "__call__"
            and ufunc in MIRRORED
            and len(inputs) == 2
            and not (np.ndim(inputs[0]) or np.ndim(inputs[1]))
        ):
            if inputs[0] is self:
                return getattr(operator, COMPARED[ufunc])(self, inputs[1])
            return getattr(operator, COMPARED[MIRRORED[ufunc]])(self, inputs[0])
        return self._used()

    def __eq__(self, other: object) -> bool:  # of probability zero
        return self is other

    __hash__ = object.__hash__

    def _used(self, *_: Any) -> NoReturn:
        self._draws.refuse("a uniform number that is computed with, and not only compared")

    __float__ = __int__ = __index__ = __bool__ = __round__ = __neg__ = __abs__ = _used
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = _used
    __floordiv__ = __mod__ = __rpow__ = _used
