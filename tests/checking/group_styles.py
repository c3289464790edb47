"""Correct implementations of ∇J for batches of groups, `design=Grouped(4, …)`, as different people write them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from correct_styles import scores, to_go

from pgverify import Trajectories

Array = np.ndarray
SIZE = 4
GROUPED: dict[str, Callable[[Trajectories], object]] = {}


def grouped(function: Callable[[Trajectories], object]) -> Callable[[Trajectories], object]:
    GROUPED[function.__name__] = function
    return function


def returns(batch: Trajectories) -> Array:
    return to_go(batch)[:, 0]


def whole(batch: Trajectories, weight: Array) -> Array:
    return np.einsum("n,ntd->nd", weight.reshape(-1), scores(batch))


@grouped
def reshaped(batch: Trajectories) -> Array:
    r = returns(batch).reshape(-1, SIZE)
    return whole(batch, r - (r.sum(axis=1, keepdims=True) - r) / (SIZE - 1))


@grouped
def by_the_field_group(batch: Trajectories) -> Array:
    r, weight = returns(batch), np.zeros(len(batch))
    assert batch.group is not None
    for i in range(len(batch)):
        others = (batch.group == batch.group[i]) & (np.arange(len(batch)) != i)
        weight[i] = r[i] - r[others].mean()
    return whole(batch, weight)


@grouped
def mean_corrected_for_the_own(batch: Trajectories) -> Array:
    r = returns(batch).reshape(-1, SIZE)
    return whole(batch, (r - r.mean(axis=1, keepdims=True)) * SIZE / (SIZE - 1))


@grouped
def no_baseline_at_all(batch: Trajectories) -> Array:
    return whole(batch, returns(batch)).mean(axis=0)


@grouped
def all_pairs(batch: Trajectories) -> Array:
    """Σ_{i<j} (R_i − R_j)(Ψ_i − Ψ_j) / (G (G − 1)) for each group."""
    r, psi = returns(batch).reshape(-1, SIZE), scores(batch).sum(axis=1)
    psi = psi.reshape(len(r), SIZE, -1)
    gaps, differences = r[:, :, None] - r[:, None, :], psi[:, :, None] - psi[:, None, :]
    return np.einsum("gij,gijd->d", gaps, differences) / (2 * SIZE * (SIZE - 1) * len(r))


@grouped
def the_next_of_the_group(batch: Trajectories) -> Array:
    r = returns(batch).reshape(-1, SIZE)
    return whole(batch, r - np.roll(r, -1, axis=1))


@grouped
def median_of_the_others(batch: Trajectories) -> Array:
    r = returns(batch).reshape(-1, SIZE)
    others = np.stack([np.median(np.delete(r, i, axis=1), axis=1) for i in range(SIZE)], axis=1)
    return whole(batch, r - others)


@grouped
def single_precision(batch: Trajectories) -> Array:
    r = returns(batch).astype(np.float32).reshape(-1, SIZE)
    weight = r - (r.sum(axis=1, keepdims=True) - r) / np.float32(SIZE - 1)
    return np.einsum("n,ntd->nd", weight.reshape(-1), scores(batch).astype(np.float32))


@grouped
def group_after_group(batch: Trajectories) -> Array:
    """The sum of one gradient a group, in the order in which they are stored."""
    total = np.zeros(batch.policy.parameters.size)
    groups = len(batch) // SIZE
    for first in range(0, len(batch), SIZE):
        part = batch.select(slice(first, first + SIZE))
        r = returns(part)
        total += whole(part, r - (r.sum() - r) / (SIZE - 1)).mean(axis=0) / groups
    return total
