"""A tensor of uniform numbers that are decided as far as they are compared."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from pgverify.adapters.dictated_draws import DictatedDraws
from pgverify.adapters.uniform_number import UniformNumber

KEPT = ("to", "float", "double", "cpu", "detach", "clone", "contiguous", "requires_grad_")
"""Methods that leave the numbers as they are."""

SHAPED = ("reshape", "view", "flatten", "ravel", "squeeze", "unsqueeze", "expand", "__getitem__", "T")
"""Methods that only arrange them."""


class UniformTensor:
    """What `torch.rand` returns: `u < p`, `(1 - u) > q`, `u.item() < p` and `(u * n).long()` are draws.

    Anything else is refused. Not a tensor itself: functions of torch hand it over to `__torch_function__`.

    Parameters
    ----------
    torch : module
    draws : DictatedDraws
    numbers : array of UniformNumber, any shape
    """

    def __init__(self, torch: Any, draws: DictatedDraws, numbers: np.ndarray) -> None:
        self._torch, self._draws, self._numbers = torch, draws, numbers

    @classmethod
    def drawn(cls, torch: Any, draws: DictatedDraws, shape: tuple[int, ...]) -> UniformTensor:
        """Return new numbers."""
        numbers = np.empty(shape, dtype=object)
        flat = numbers.reshape(-1)
        for i in range(flat.size):
            flat[i] = draws.uniform()
        return cls(torch, draws, numbers)

    @property
    def shape(self) -> Any:
        """Its shape."""
        return self._torch.Size(self._numbers.shape)

    def size(self, dim: int | None = None) -> Any:
        """Return its shape, or one length."""
        return self.shape if dim is None else self.shape[dim]

    def item(self) -> UniformNumber:
        """Return the only number."""
        return self._numbers.reshape(1)[0]

    def tolist(self) -> Any:
        """Return the numbers as a list."""
        return self._numbers.tolist()

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self._numbers)))

    def __len__(self) -> int:
        return len(self._numbers)

    def _compared(self, compare: Callable[[Any, Any], Any], other: Any) -> Any:
        if isinstance(other, UniformTensor):
            self._draws.refuse("a uniform number that is compared with what is no number")
        table = _array(other)
        shape = np.broadcast_shapes(self._numbers.shape, table.shape)
        mine, theirs = np.broadcast_to(self._numbers, shape), np.broadcast_to(table, shape)
        found = [bool(compare(a, float(b))) for a, b in zip(mine.ravel(), theirs.ravel(), strict=True)]
        return self._torch.tensor(found, dtype=self._torch.bool).reshape(shape)

    def __lt__(self, other: Any) -> Any:
        return self._compared(operator.lt, other)

    def __le__(self, other: Any) -> Any:
        return self._compared(operator.le, other)

    def __gt__(self, other: Any) -> Any:
        return self._compared(operator.gt, other)

    def __ge__(self, other: Any) -> Any:
        return self._compared(operator.ge, other)

    lt, le, gt, ge, less, greater = __lt__, __le__, __gt__, __ge__, __lt__, __gt__

    def _with(self, numbers: Any) -> UniformTensor:
        return UniformTensor(self._torch, self._draws, np.asarray(numbers, dtype=object))

    def _moved(self, compute: Callable[[Any, Any], Any], other: Any) -> UniformTensor:
        table = _array(other) if not isinstance(other, UniformTensor) else other._numbers
        shape = np.broadcast_shapes(self._numbers.shape, table.shape)
        found = np.empty(shape, dtype=object)
        mine, theirs = np.broadcast_to(self._numbers, shape).ravel(), np.broadcast_to(table, shape).ravel()
        for i, place in enumerate(np.ndindex(*shape)):
            found[place] = compute(mine[i], theirs[i])
        return self._with(found)

    def __add__(self, other: Any) -> UniformTensor:
        return self._moved(operator.add, other)

    def __sub__(self, other: Any) -> UniformTensor:
        return self._moved(operator.sub, other)

    def __rsub__(self, other: Any) -> UniformTensor:
        return self._moved(lambda a, b: b - a, other)

    def __mul__(self, other: Any) -> UniformTensor:
        return self._moved(operator.mul, other)

    def __truediv__(self, other: Any) -> UniformTensor:
        return self._moved(operator.truediv, other)

    __radd__, __rmul__ = __add__, __mul__

    def long(self) -> Any:
        """Return whole numbers."""
        whole = [math.floor(each) for each in self._numbers.ravel()]
        return self._torch.tensor(whole, dtype=self._torch.int64).reshape(self.shape)

    int = long

    def __getitem__(self, index: Any) -> UniformTensor:
        return self._with(self._numbers[index])

    def __getattr__(self, name: str) -> Any:
        if name in KEPT:
            return lambda *_, **__: self
        if name in SHAPED:
            return lambda *given, **named: self._arranged(name, given, named)
        if name.startswith("__"):
            raise AttributeError(name)
        return self._used()

    def _arranged(self, name: str, given: Any, named: Any) -> UniformTensor:
        places = self._torch.arange(self._numbers.size).reshape(self._numbers.shape)
        taken = getattr(places, name)(*given, **named).numpy()
        return self._with(self._numbers.reshape(-1)[taken])

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Answer comparisons and what moves numbers, wherever it stands; refuse the rest."""
        if len(args) == 2 and not kwargs:
            known = _either_side(self._torch).get(func)
            if known is not None:
                left, right = known
                return left(args[0], args[1]) if isinstance(args[0], UniformTensor) else right(args[1], args[0])
        return self._used()

    def _used(self, *_: Any, **__: Any) -> Any:
        return self._draws.refuse("a uniform number that is computed with, and not only compared")

    __bool__ = __float__ = __index__ = __pow__ = __neg__ = __abs__ = _used


def _either_side(torch: Any) -> dict[Any, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]]:
    """Return what a function does where the uniform number stands left, and where it stands right."""
    of, tensor = UniformTensor, torch.Tensor
    found: dict[Any, Any] = {}
    for names, left, right in (
        (("lt", "less", "__lt__"), of.__lt__, of.__gt__),
        (("le", "less_equal", "__le__"), of.__le__, of.__ge__),
        (("gt", "greater", "__gt__"), of.__gt__, of.__lt__),
        (("ge", "greater_equal", "__ge__"), of.__ge__, of.__le__),
        (("add", "__add__", "__radd__"), of.__add__, of.__add__),
        (("mul", "__mul__", "__rmul__"), of.__mul__, of.__mul__),
        (("sub", "__sub__"), of.__sub__, of.__rsub__),
    ):
        for name in names:
            for owner in (torch, tensor):
                if hasattr(owner, name):
                    found[getattr(owner, name)] = (left, right)
    return found


def _array(other: Any) -> np.ndarray:
    detached = other.detach().double().cpu().numpy() if hasattr(other, "detach") else other
    return np.asarray(detached)
