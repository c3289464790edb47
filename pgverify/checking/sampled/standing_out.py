"""What controls leave of the estimates on some batches, and which of many others explain most of that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.validation import Array

NOTHING = 1e-9
"""Relative to what was there: what is left is rounding, and a column that is so much shorter than it was is none."""


@dataclass(frozen=True, eq=False)
class Pursued:
    """What the usual controls leave of the estimates on m batches, all coordinates of which have one coefficient.

    Attributes
    ----------
    left : [q]
        Less its mean over the batches, q = m d.
    usual : [q, r]
        An orthonormal basis of the usual controls, likewise: what others have in common with these is taken off.
    """

    left: Float[Array, "q"]
    usual: Float[Array, "q r"]

    @classmethod
    def of(cls, estimates: Float[Array, "m d"], usual: Float[Array, "m k d"]) -> Pursued:
        """Return what the usual controls leave of estimates."""
        basis = _basis(_columns(np.moveaxis(usual, 1, 0)[:, :, None, :])[:, :, 0].T)
        left = _columns(estimates[None, :, None, :])[0, :, 0]
        return cls(left - basis @ (basis.T @ left), basis)

    def best(self, others: Float[Array, "c m g d"], most: int) -> tuple[int, ...]:
        """Return which of c groups of g columns explain most of what is left, until nothing is.

        Parameters
        ----------
        others : [c, m, g, d]
        most : int
            Groups that are looked for, one after another; each is then looked for once more, beside the others.
        """
        columns = _columns(others)
        before = np.linalg.norm(columns, axis=1, keepdims=True)
        columns = columns - self.usual @ (self.usual.T @ columns)
        length = np.linalg.norm(columns, axis=1, keepdims=True)
        columns = np.where(length > NOTHING * before, columns / np.maximum(length, np.finfo(float).tiny), 0.0)
        found: list[int] = []
        while len(found) < most and not self._explained(columns, found):
            found.append(self._next(columns, found))
            for place in range(len(found) - 1):  # what looked best alone may not be so beside others
                found[place] = self._next(columns, found[:place] + found[place + 1 :])
        return tuple(dict.fromkeys(found))

    def _rest(self, columns: Float[Array, "c q g"], found: list[int]) -> Float[Array, "q"]:
        if not found:
            return self.left
        known = np.concatenate(list(columns[found]), axis=1)
        return np.asarray(self.left - known @ np.linalg.lstsq(known, self.left, rcond=NOTHING)[0])

    def _explained(self, columns: Float[Array, "c q g"], found: list[int]) -> bool:
        rest = np.linalg.norm(self._rest(columns, found))
        return bool(rest <= NOTHING * np.linalg.norm(self.left))

    def _next(self, columns: Float[Array, "c q g"], found: list[int]) -> int:
        rest = self._rest(columns, found)
        along = np.einsum("cqg,q->cg", columns, rest)
        if columns.shape[2] == 1:
            return int(np.argmax(np.abs(along[:, 0])))
        gram = np.einsum("cqg,cqh->cgh", columns, columns)
        inverse = np.linalg.pinv(gram, rcond=NOTHING, hermitian=True)
        return int(np.argmax(np.einsum("cg,cgh,ch->c", along, inverse, along)))


def _columns(arrays: Float[Array, "c m g d"]) -> Float[Array, "c q g"]:
    """Return groups of columns, coordinate after coordinate, less their means over the batches."""
    away = arrays - arrays.mean(axis=1, keepdims=True)
    return np.moveaxis(away, 2, 3).reshape(len(arrays), -1, arrays.shape[2])


def _basis(columns: Float[Array, "q k"]) -> Float[Array, "q r"]:
    length = np.linalg.norm(columns, axis=0)
    unit = columns / np.where(length > NOTHING * length.max(initial=0.0), length, np.inf)
    left, sizes, _ = np.linalg.svd(unit, full_matrices=False)
    return np.asarray(left[:, sizes > NOTHING * sizes.max(initial=0.0)])
