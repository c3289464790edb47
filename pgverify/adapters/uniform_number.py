"""A uniform number that is decided as far as it is compared."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Protocol

import numpy as np

COMPARED: dict[Any, Callable[[Any, Any], Any]] = {
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
}
MIRRORED = {
    np.less: np.greater,
    np.less_equal: np.greater_equal,
    np.greater: np.less,
    np.greater_equal: np.less_equal,
}
"""Comparisons of NumPy, as Python's, and with their sides exchanged."""

COMPUTED = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.true_divide: operator.truediv,
}
"""What may be done with a number before it is compared."""

MOST_WHOLE = 10_000
"""Whole numbers among which one is drawn."""


class Decides(Protocol):
    """What dictates draws."""

    def coin(self, heads: float) -> bool:
        """Return whether something happens that has a probability."""

    def category(self, weights: Any) -> int:
        """Return the index of a category."""

    def refuse(self, what: str) -> NoReturn:
        """Refuse a draw."""


@dataclass
class Known:
    """What is known of a number of U(0, 1): between what it is."""

    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True, eq=False)
class UniformNumber:
    """A number a + b U, U of U(0, 1), that nobody has seen yet: a comparison with a number is a draw with two options.

    `u < p` is True with probability p; comparisons after that one go on from what is known, also by other numbers made
    of the same U. With an array it is compared entry by entry. `int(u * n)` lists its whole numbers.

    Attributes
    ----------
    draws : Decides
    known : Known
    start, width : float
        a and b, b not 0.
    """

    draws: Decides
    known: Known
    start: float = 0.0
    width: float = 1.0

    def _below(self, other: Any) -> Any:
        """Return whether it is below a number, or below each of an array."""
        if np.ndim(other):
            array = np.asarray(other)
            return np.array([self._below(each) for each in array.ravel()]).reshape(array.shape)
        try:
            bound = (float("unknown" if isinstance(other, UniformNumber) else other) - self.start) / self.width
        except (TypeError, ValueError):
            self.draws.refuse("a uniform number that is compared with what is no number")
        if np.isnan(bound):
            return False
        low, high = self.known.low, self.known.high
        under = self.draws.coin(min(max((bound - low) / (high - low), 0.0), 1.0))
        if under:
            self.known.high = min(bound, high)
        else:
            self.known.low = max(bound, low)
        return under == (self.width > 0.0)

    def __lt__(self, other: Any) -> Any:
        return other is not self and self._below(other)

    def __le__(self, other: Any) -> Any:
        return other is self or self._below(other)

    def __gt__(self, other: Any) -> Any:
        return other is not self and _neither(self._below(other), other)

    def __ge__(self, other: Any) -> Any:
        return other is self or _neither(self._below(other), other)

    def __eq__(self, other: object) -> bool:  # of probability zero
        return self is other

    __hash__ = object.__hash__

    def _moved(self, start: Any, width: Any) -> UniformNumber:
        try:
            a, b = float(start), float(width)
        except (TypeError, ValueError):
            self._used()
        if b == 0.0 or not np.isfinite([a, b]).all():
            self._used()
        return replace(self, start=a, width=b)

    def __add__(self, other: Any) -> UniformNumber:
        return self._moved(self.start + _number(self, other), self.width)

    def __sub__(self, other: Any) -> UniformNumber:
        return self._moved(self.start - _number(self, other), self.width)

    def __rsub__(self, other: Any) -> UniformNumber:
        return self._moved(_number(self, other) - self.start, -self.width)

    def __mul__(self, other: Any) -> UniformNumber:
        factor = _number(self, other)
        return self._moved(self.start * factor, self.width * factor)

    def __truediv__(self, other: Any) -> UniformNumber:
        return self * (1.0 / (_number(self, other) or np.nan))

    def __neg__(self) -> UniformNumber:
        return self * -1.0

    __radd__, __rmul__ = __add__, __mul__

    def __floor__(self) -> int:
        ends = sorted(self.start + self.width * each for each in (self.known.low, self.known.high))
        first, last = int(np.floor(ends[0])), int(np.ceil(ends[1]))
        if last - first > MOST_WHOLE:
            self.draws.refuse(f"one of {last - first:,} whole numbers, which are more than {MOST_WHOLE:,}")
        edges = np.clip(np.arange(first, last + 1, dtype=np.float64), ends[0], ends[1])
        found = first + self.draws.category(np.diff(edges))
        bounds = sorted((each - self.start) / self.width for each in (found, found + 1))
        self.known.low, self.known.high = max(bounds[0], self.known.low), min(bounds[1], self.known.high)
        return found

    def __int__(self) -> int:
        found = self.__floor__()
        return found if found >= 0 else self._used()

    __trunc__ = __int__

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **_: Any) -> Any:
        """Answer comparisons with NumPy's numbers and arrays, on either side, and sums and products with numbers."""
        if method == "__call__" and len(inputs) == 2:
            first, second = inputs
            if ufunc in MIRRORED:
                return COMPARED[ufunc](self, second) if first is self else COMPARED[MIRRORED[ufunc]](self, first)
            if ufunc in COMPUTED and not (np.ndim(first) or np.ndim(second)):
                one, other = (each if isinstance(each, UniformNumber) else float(each) for each in inputs)
                return COMPUTED[ufunc](one, other)
        return self._used()

    def _used(self, *_: Any) -> NoReturn:
        self.draws.refuse("a uniform number that is computed with, and not only compared")

    __float__ = __index__ = __bool__ = __round__ = __abs__ = __pow__ = _used
    __rtruediv__ = __floordiv__ = __mod__ = __rpow__ = _used


def _neither(below: Any, other: Any) -> Any:
    """Return where something is neither below nor no number."""
    found = np.logical_not(np.logical_or(below, np.isnan(np.asarray(other, dtype=np.float64))))
    return found if np.ndim(found) else bool(found)


def _number(asked: UniformNumber, value: Any) -> float:
    """Return a number to compute with; another uniform number is none."""
    if isinstance(value, UniformNumber) or np.ndim(value):
        return asked._used()
    try:
        return float(value)
    except (TypeError, ValueError):
        return asked._used()
