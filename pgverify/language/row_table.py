"""Every row that a batch can have: the completions of all prompts, one after another, as the loss is shown them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Integer

from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class RowTable:
    """All R = P·K completions of a problem as rows.

    Attributes
    ----------
    numbers : [5, R, T]
        In the order of `completion_batch.TABLES`.
    mask : [R, T]
    rewards : [R]
    prompt : [R]
    group_size : int
        G: every so many consecutive rows of a batch are a group.
    """

    numbers: Float[Array, "5 R T"]
    mask: Bool[Array, "R T"]
    rewards: Float[Array, "R"]
    prompt: Integer[Array, "R"]
    group_size: int

    def without_rewards(self) -> RowTable:
        """Return the same rows, which earn nothing."""
        return replace(self, rewards=np.zeros_like(self.rewards))

    def with_reference(self, shift: float) -> RowTable:
        """Return the rows with another reference: its log-probabilities times 1 + shift."""
        numbers = self.numbers.copy()
        numbers[2] *= 1.0 + shift
        return replace(self, numbers=numbers)

    def with_padding(self, value: float) -> RowTable:
        """Return the rows with other numbers on padding."""
        return replace(self, numbers=np.where(self.mask, self.numbers, value))

    def wider(self, columns: int) -> RowTable:
        """Return the rows with more columns of padding on the right."""
        last = np.repeat(self.numbers[:, :, -1:], columns, axis=2)
        empty = np.zeros((len(self.mask), columns), dtype=bool)
        return replace(
            self, numbers=np.concatenate([self.numbers, last], 2), mask=np.concatenate([self.mask, empty], 1)
        )

    def left_padded(self) -> RowTable:
        """Return the rows with their padding on the left."""
        numbers, mask = self.numbers.copy(), self.mask.copy()
        for row, length in enumerate(self.mask.sum(axis=1)):
            numbers[:, row] = np.roll(self.numbers[:, row], -length, axis=1)
            mask[row] = np.roll(self.mask[row], -length)
        return replace(self, numbers=numbers, mask=mask)


def row_table(problem: TokenProblem, group_size: int) -> RowTable:
    """Return the rows of a problem."""
    table = problem.completions
    rows = table.mask.shape[0] * table.mask.shape[1]
    policies = (problem.policy, problem.old, problem.reference, problem.sampler)
    numbers = np.stack([*(problem.log_probs(policy) for policy in policies), problem.entropies])
    return RowTable(
        numbers=numbers.reshape(5, rows, -1),
        mask=table.mask.reshape(rows, -1),
        rewards=table.rewards.reshape(rows),
        prompt=np.repeat(np.arange(len(table.mask)), table.mask.shape[1]),
        group_size=group_size,
    )
