"""The tables of an MDP, dense or sparse, validated and brought along the lists of what can happen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from pgverify.dynamics import SuccessorLists, listed, listed_sparse
from pgverify.errors import InvalidMDP
from pgverify.validation import Array, bracket, first_index, real_array, refuse_non_finite, require_probability_rows

SparseTable: TypeAlias = Any
"""A scipy.sparse array [S·A, S], row s·A + a."""


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables as they are kept, and along the lists of what can happen."""

    transition: Any
    reward: Any
    reward_noise: Any
    successors: SuccessorLists
    paid: Float[Array, "S A K"]
    noise: Float[Array, "S A K"]

    def quiet(self, terminal: Bool[Array, "S"]) -> Any:
        """Return the noise without that of terminal states."""
        actions = self.successors.num_actions
        if is_sparse(self.reward_noise):
            kept = self.reward_noise.multiply(np.repeat(~terminal, actions)[:, None]).tocsr()
            return _frozen(kept)
        if not self.reward_noise.any():
            return self.reward_noise
        axes = (1,) * (self.reward_noise.ndim - 1)
        noise = np.where(terminal.reshape(-1, *axes), 0.0, self.reward_noise)
        noise.setflags(write=False)
        return noise


def dense_tables(transition: ArrayLike, reward: ArrayLike, noise: ArrayLike) -> Tables:
    """Return tables given as [S, A, S], or as [S, A] or a number where the next state does not matter."""
    table = real_array("transition", transition, InvalidMDP)
    if table.ndim != 3 or table.shape[0] != table.shape[2] or 0 in table.shape:
        raise InvalidMDP(
            f"transition has shape {table.shape}, must be [S, A, S] with S and A at least 1, or sparse [S·A, S]"
        )
    require_probability_rows("transition", table, InvalidMDP)
    size = table.shape[:2]
    reward_ = _per_transition("reward", reward, size)
    noise_ = _per_transition("reward_noise", noise, size)
    _refuse_negative(noise_)
    lists, (paid, spread) = listed(table, reward_, noise_)
    return Tables(table, reward_, noise_, lists, paid, spread)


def sparse_tables(transition: SparseTable, reward: ArrayLike | SparseTable, noise: ArrayLike | SparseTable) -> Tables:
    """Return tables given sparse, [S·A, S]; nothing dense in S² is ever built."""
    table = _canonical("transition", transition)
    rows, states = table.shape
    if states == 0 or rows == 0 or rows % states:
        raise InvalidMDP(
            f"transition is sparse of shape {table.shape}, must be [S·A, S]: the number of rows a multiple of S"
        )
    actions = rows // states
    negative = table.data < 0
    if negative.any():
        raise InvalidMDP(
            f"transition holds {table.data[negative][0]:.6g} in row {_row(table, negative)}, a probability must lie in "
            "[0, 1]"
        )
    table.eliminate_zeros()
    sums = np.asarray(table.sum(axis=1)).reshape(states, actions)
    require_probability_rows("transition", np.stack([sums, np.zeros_like(sums)], axis=-1), InvalidMDP)
    given = {"reward": reward, "reward_noise": noise}
    kept = {
        name: _canonical(name, value, table.shape) if is_sparse(value) else _per_pair(name, value, (states, actions))
        for name, value in given.items()
    }
    lists, found = listed_sparse(table, actions, *(value for value in kept.values() if is_sparse(value)))
    lines = {name: found.pop(0) if is_sparse(value) else _along(value, lists) for name, value in kept.items()}
    _refuse_negative(lines["reward_noise"])
    return Tables(_frozen(table), kept["reward"], kept["reward_noise"], lists, lines["reward"], lines["reward_noise"])


def is_sparse(value: object) -> bool:
    """Return whether something is a matrix or an array of scipy.sparse, without importing it."""
    return hasattr(value, "tocsr") and hasattr(value, "nnz")


def _canonical(name: str, value: SparseTable, shape: tuple[int, ...] | None = None) -> Any:
    """Return a sparse table as a CSR array of float64 of its own, sorted, duplicates summed, every entry finite."""
    from scipy.sparse import csr_array  # imported late: it would double the time of `import pgverify`

    if np.issubdtype(value.dtype, np.complexfloating) or value.ndim != 2:
        raise InvalidMDP(f"{name} is sparse of {value.dtype} and shape {value.shape}, must be real numbers [S·A, S]")
    try:
        table: Any = csr_array(value, dtype=np.float64, copy=True)
    except (TypeError, ValueError):
        raise InvalidMDP(f"{name} is sparse of {value.dtype}, must be real numbers [S·A, S]") from None
    table.sum_duplicates()
    if table.indices.dtype != np.int32 and max(table.nnz, *table.shape) <= np.iinfo(np.int32).max:  # half as wide
        table = csr_array((table.data, *(x.astype(np.int32) for x in (table.indices, table.indptr))), table.shape)
    if shape is not None and table.shape != shape:
        raise InvalidMDP(f"{name} is sparse of shape {table.shape}, must be [S·A, S] = {shape} as transition is")
    refuse_non_finite(f"{name}.data", table.data, InvalidMDP)
    return _frozen(table) if shape is not None else table


def _frozen(table: Any) -> Any:
    for array in (table.data, table.indices, table.indptr):
        array.setflags(write=False)
    return table


def _along(value: Float[Array, "S A"], lists: SuccessorLists) -> Float[Array, "S A K"]:
    """Return a table along the successors, 0 on padding; no number is stored twice where none has to be."""
    if not value.any():
        return np.broadcast_to(np.zeros(()), lists.weight.shape)
    inside = lists.weight > 0
    spread = np.broadcast_to(value[:, :, None], inside.shape)
    return spread if inside.all() else inside * spread


def _row(table: Any, entries: Bool[Array, "m"]) -> int:
    return int(np.searchsorted(table.indptr, np.flatnonzero(entries)[0], side="right")) - 1


def _per_pair(name: str, value: ArrayLike, size: tuple[int, int]) -> Float[Array, "S A"]:
    """Return a number or a table [S, A] as [S, A], where transitions are sparse."""
    array = real_array(name, value, InvalidMDP)
    if array.ndim == 0:
        array = np.broadcast_to(array, size)
    elif array.shape != size:
        raise InvalidMDP(
            f"{name} has shape {array.shape}, must be [S, A] = {size}, or sparse [S·A, S], where transition is sparse"
        )
    array.setflags(write=False)
    return array


def _per_transition(name: str, value: ArrayLike, size: tuple[int, int]) -> Float[Array, "S A S"]:
    """Spread a table given as a number, [S, A] or [S, A, S] over all transitions."""
    if is_sparse(value):
        raise InvalidMDP(f"{name} is sparse, must be [S, A, S] or [S, A] where transition is not; give both sparse")
    states, actions = size
    array = real_array(name, value, InvalidMDP)
    if array.ndim == 0:
        array = np.full((states, actions, states), float(array))
    elif array.shape == (states, actions):
        array = np.repeat(array[:, :, None], states, axis=2)
    elif array.shape != (states, actions, states):
        raise InvalidMDP(
            f"{name} has shape {array.shape}, must be [S, A, S] = {(states, actions, states)} "
            f"or [S, A] = {(states, actions)}"
        )
    array.setflags(write=False)
    return array


def _refuse_negative(noise: Float[Array, "S A n"]) -> None:
    if (noise < 0).any():
        index = first_index(noise < 0)
        raise InvalidMDP(f"reward_noise{bracket(index)} is {noise[index]:.6g}, a standard deviation must be at least 0")
