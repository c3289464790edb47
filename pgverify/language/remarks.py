"""What is worth knowing beside the verdict: terms without a gradient, ratios that were never tried, the mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pgverify.language.loss_gradients import BatchGradients, gradients_on
from pgverify.language.loss_scope import LossScope
from pgverify.language.prepared_loss import PreparedLoss
from pgverify.language.row_table import RowTable
from pgverify.language.trials import LossDesign, Trial

SHIFTS = {"old_log_probs": 1, "ref_log_probs": 2, "rollout_log_probs": 3, "entropies": 4}
"""The tables that a loss may read, by their place in `RowTable.numbers`."""

FEW = 6
"""Batches on which a table is changed."""


def remarks(
    loss: PreparedLoss, trials: Sequence[Trial], design: LossDesign, scope: LossScope
) -> tuple[list[str], list[str]]:
    """Return warnings and notes."""
    one = trials[0]
    warnings: list[str] = []
    notes: list[str] = []
    rows = one.batches.rows[:: max(1, len(one.batches.rows) // FEW)][:FEW]
    plain = gradients_on(loss.on(one.table), rows, one.problem)
    value, gradient = _moved(loss, one, rows, plain, "ref_log_probs")
    if value and not gradient:
        warnings.append(
            "the KL term has no gradient: the loss depends on ref_log_probs, its gradient does not; differentiate k2, "
            "weight k3 by the ratio, or pay the KL as a reward"
        )
    value, gradient = _moved(loss, one, rows, plain, "old_log_probs")
    if gradient and not scope.ratios:
        warnings.append(
            "the loss has a ratio to old_log_probs, tried where it is 1: max for min, a clip on one side, a square "
            'would not show; check with sampler="old" too'
        )
    elif value and not gradient:
        notes.append("old_log_probs change the loss, but not its gradient")
    value, gradient = _moved(loss, one, rows, plain, "rollout_log_probs")
    if gradient and design.sampler != "rollout":
        notes.append('the gradient depends on rollout_log_probs: check with sampler="rollout" too')
    if one.without is not None:
        free = [t.free for t in trials]
        if all(np.linalg.norm(f) <= 1e-9 * t.size for f, t in zip(free, trials, strict=True)):
            notes.append("a term that does not depend on rewards has gradients of expectation zero: it is noise")
    if not loss.flags:
        notes.append("the mask was given as 1 and 0: the loss fails with flags")
    return warnings, notes


def _moved(loss: PreparedLoss, one: Trial, rows: np.ndarray, plain: BatchGradients, name: str) -> tuple[bool, bool]:
    """Return whether the value, and whether the gradient, changes with one of the tables."""
    table = _changed(one.table, SHIFTS[name])
    try:
        other = gradients_on(loss.on(table), rows, one.problem)
    except ValueError:
        return True, True
    scale = max(np.abs(plain.by_log_probs).max(), np.abs(plain.by_entropies).max(), 1e-300)
    moved = max(
        np.abs(other.by_log_probs - plain.by_log_probs).max(), np.abs(other.by_entropies - plain.by_entropies).max()
    )
    return bool((other.values != plain.values).any()), bool(moved > 1e-9 * scale)


def _changed(table: RowTable, place: int) -> RowTable:
    """Return the rows with other numbers in one table: by factors from 1.01 to 1.3, so that no ratio is 1."""
    numbers = table.numbers.copy()
    count = numbers[place].size
    numbers[place] *= 1.01 + 0.29 * (np.arange(count) % 7).reshape(numbers[place].shape) / 7
    return RowTable(numbers, table.mask, table.rewards, table.prompt, table.group_size)
