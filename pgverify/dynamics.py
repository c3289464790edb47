"""One form of dynamics: where each action can lead, as successor lists [S, A, K]; dense tables are K = S."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Inexact, Integer

from pgverify.validation import Array

SMALLEST_SPARSE = 64 * 64
LARGEST_DENSITY = 0.1
"""Measured: below this many cells, or above this share of cells in use, dense products are faster."""


@dataclass(frozen=True, eq=False)
class SuccessorLists:
    """Weights w(s,a,s') on the transitions that can happen: probabilities, or probabilities times something.

    Every product costs O(S·A·K); nothing of size S² is built where S is large and K is small.

    Attributes
    ----------
    successor : [S, A, K]
        s'_k(s,a), the next states; padded with any state of weight 0.
    weight : [S, A, K]
        w(s,a,s'_k).
    """

    successor: Integer[Array, "S A K"]
    weight: Inexact[Array, "S A K"]

    @property
    def num_states(self) -> int:
        """S."""
        return self.successor.shape[0]

    @property
    def num_actions(self) -> int:
        """A."""
        return self.successor.shape[1]

    def times(self, factor: Inexact[Array, "S A K"]) -> SuccessorLists:
        """Return the weights w(s,a,s') x(s,a,s') on the same transitions."""
        other = SuccessorLists(self.successor, self.weight * factor)
        vars(other)["cells"] = self.cells  # depends on the successors alone
        return other

    def at_successors(self, tables: Inexact[Array, "*m S"]) -> Inexact[Array, "*m S A K"]:
        """Return x(s'_k(s,a)) of every table x."""
        return tables[..., self.successor]

    def ahead(self, tables: Inexact[Array, "*m S"]) -> Inexact[Array, "*m S A"]:
        """Return Σ_{s'} w(s,a,s') x(s') for every table x."""
        shape = (*tables.shape[:-1], self.num_states, self.num_actions)
        if tables.ndim == 1:
            return np.asarray(self.matrix @ tables).reshape(shape)
        rows = np.asarray(self.matrix @ tables.reshape(-1, self.num_states).T)  # in this order three times as fast
        return rows.T.reshape(shape)

    def back(self, tables: Inexact[Array, "*m S A"]) -> Inexact[Array, "*m S"]:
        """Return Σ_{s,a} x(s,a) w(s,a,s') for every table x: what arrives in s'."""
        flat = tables.reshape(-1, self.num_states * self.num_actions)  # sparse matrices know two axes
        return np.asarray(flat @ self.matrix).reshape(*tables.shape[:-2], self.num_states)

    def total(self, values: Inexact[Array, "S A K"]) -> Inexact[Array, "S A"]:
        """Return Σ_{s'} w(s,a,s') x(s,a,s')."""
        return np.einsum("sak,sak->sa", self.weight, values)

    def under(self, law: Inexact[Array, "S A"]) -> Any:
        """Return the matrix Σ_a x(s,a) w(s,a,s') [S, S]: an array, or a sparse one where that is faster."""
        if not self.sparse:
            return np.asarray((law[:, None, :] @ self.dense)[:, 0, :])
        weight = law[:, :, None] * self.weight
        states, actions, most = self.successor.shape
        return _sparse(self.successor.reshape(states, -1), weight.reshape(states, actions * most), states)

    @cached_property
    def sparse(self) -> bool:
        """Whether matrices are kept in sparse form."""
        states = self.num_states
        cells = states * self.num_actions * states
        return cells >= SMALLEST_SPARSE and bool(np.count_nonzero(self.weight) <= LARGEST_DENSITY * cells)

    @cached_property
    def everywhere(self) -> bool:
        """Whether successor k of every pair is state k."""
        states = self.num_states
        return self.successor.shape[2] == states and bool((self.successor == np.arange(states)).all())

    @cached_property
    def matrix(self) -> Any:
        """W as one matrix [S·A, S]: an array, or a sparse one where that is faster."""
        if self.sparse:
            return self.rows(self.weight)
        return self.dense.reshape(-1, self.num_states)

    @cached_property
    def dense(self) -> Inexact[Array, "S A S"]:
        """W as a table [S, A, S]; for few states."""
        return self.spread(self.weight)

    @cached_property
    def cells(self) -> Integer[Array, "SAK"]:
        """Where (s, a, s'_k) is in a flat table [S, A, S]."""
        states, actions, _ = self.successor.shape
        pair = np.arange(states * actions).reshape(states, actions, 1)
        return (pair * states + self.successor).ravel()

    def rows(self, values: Inexact[Array, "S A K"]) -> Any:
        """Return x(s,a,s'_k) as a sparse table [S·A, S]."""
        states, actions, most = self.successor.shape
        pairs = states * actions
        return _sparse(self.successor.reshape(pairs, most), values.reshape(pairs, most), states)

    def spread(self, values: Inexact[Array, "S A K"]) -> Inexact[Array, "S A S"]:
        """Return x(s,a,s'_k) as a table [S, A, S], 0 on padding and where nothing leads; for few states."""
        states, actions, _ = self.successor.shape
        size = states * actions * states
        flat = values.ravel()  # a cell may be listed twice, as padding is
        if np.iscomplexobj(flat):
            table = np.bincount(self.cells, flat.real, size) + 1j * np.bincount(self.cells, flat.imag, size)
        else:
            table = np.bincount(self.cells, flat, size)
        return table.reshape(states, actions, states)


def transposed(matrix: Any) -> Any:
    """Return the transpose, in a form from which products are fast: only products from the left are ever taken."""
    return matrix.T if isinstance(matrix, np.ndarray) else matrix.T.tocsr()


def listed(transition: Float[Array, "S A S"], *tables: Float[Array, "S A S"]) -> tuple[SuccessorLists, list[Array]]:
    """Return the transitions of positive probability as lists, in order of the next state, and tables along them.

    Parameters
    ----------
    transition : [S, A, S]
    tables : [S, A, S]
        What else is known of every transition; 0 on padding.
    """
    possible = transition > 0
    most = max(1, int(possible.sum(axis=2).max()))
    # A stable sort by "impossible" puts the possible successors first, in their own order.
    successor = np.argsort(~possible, axis=2, kind="stable")[:, :, :most]
    kept = np.take_along_axis(possible, successor, axis=2)
    lists = [np.where(kept, np.take_along_axis(table, successor, axis=2), 0.0) for table in (transition, *tables)]
    return SuccessorLists(successor, lists[0]), lists[1:]


def listed_sparse(matrix: Any, actions: int, *tables: Any) -> tuple[SuccessorLists, list[Array]]:
    """Return the same of a sparse matrix [S·A, S], without ever building a dense one.

    Parameters
    ----------
    matrix : scipy.sparse array [S·A, S]
        In CSR form with sorted indices and without duplicates or stored zeros.
    actions : int
        A.
    tables : scipy.sparse arrays [S·A, S]
    """
    rows, states = matrix.shape
    counts = np.diff(matrix.indptr)
    most = max(1, int(counts.max()))
    inside: Bool[Array, "R K"] = np.arange(most) < counts[:, None]
    shape = (states, actions, most)

    def spread(values: Array, dtype: Any) -> Array:
        table = np.zeros((rows, most), dtype=dtype)
        table[inside] = values
        return table.reshape(shape)

    found: list[Array] = []
    if tables:
        where = np.repeat(np.arange(rows), counts), matrix.indices
        found = [spread(np.asarray(table.tocsr()[where]).ravel(), np.float64) for table in tables]
    return SuccessorLists(spread(matrix.indices, np.int64), spread(matrix.data, np.float64)), found


def _sparse(columns: Integer[Array, "R K"], weights: Inexact[Array, "R K"], states: int) -> Any:
    from scipy.sparse import csr_array  # imported late: it would double the time of `import pgverify`

    rows, most = columns.shape
    # Half as wide where it fits: a product reads every index once, and waits for the memory.
    index = np.int32 if rows * most < np.iinfo(np.int32).max else np.int64
    pointers = np.arange(0, rows * most + 1, most, dtype=index)
    # Padding repeats a column with weight 0: a product adds nothing there.
    return csr_array((weights.ravel(), columns.ravel().astype(index), pointers), shape=(rows, states))
