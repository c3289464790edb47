"""Batches of completions as arrays, from which reference losses compute their weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer

from pgverify.language.row_table import RowTable
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class LossRows:
    """N batches of B rows, groups of G in consecutive rows.

    Attributes
    ----------
    log_probs, old, reference, rollout, entropies : [N, B, T]
    mask : [N, B, T]
    rewards : [N, B]
    group_size : int
    """

    log_probs: Float[Array, "N B T"]
    old: Float[Array, "N B T"]
    reference: Float[Array, "N B T"]
    rollout: Float[Array, "N B T"]
    entropies: Float[Array, "N B T"]
    mask: Bool[Array, "N B T"]
    rewards: Float[Array, "N B"]
    group_size: int

    @property
    def lengths(self) -> Float[Array, "N B"]:
        """L, tokens of each completion."""
        return self.mask.sum(axis=2).astype(np.float64)

    @property
    def groups(self) -> Float[Array, "N P G"]:
        """Rewards, a group a row."""
        return self.by_group(self.rewards)

    def by_group(self, each: Float[Array, "N B"]) -> Float[Array, "N P G"]:
        """Return what each row has, a group a row."""
        return each.reshape(len(each), -1, self.group_size)

    def spread(self, of_group: Float[Array, "N P #G"]) -> Float[Array, "N B"]:
        """Return what each group has, row by row."""
        shape = (*of_group.shape[:2], self.group_size)
        return np.broadcast_to(of_group, shape).reshape(self.rewards.shape)

    @property
    def log_ratio(self) -> Float[Array, "N B T"]:
        """Log π/π_old."""
        return self.log_probs - self.old

    def total(self, tokens: Float[Array, "N B T"]) -> Float[Array, "N B 1"]:
        """Return the sum over a completion's own tokens."""
        return np.where(self.mask, tokens, 0.0).sum(axis=2, keepdims=True)


def loss_rows(table: RowTable, rows: Integer[Array, "N B"]) -> LossRows:
    """Return batches of a table."""
    log_probs, old, reference, rollout, entropies = table.numbers[:, rows]
    mask, rewards = table.mask[rows], table.rewards[rows]
    return LossRows(log_probs, old, reference, rollout, entropies, mask, rewards, table.group_size)
