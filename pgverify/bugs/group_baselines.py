"""Baselines that are one number of the group, no mean: its best, least, middle return; and a deviation of the batch.

For any baseline b that the returns of a group determine, whatever their order, E[b Ψ_i] is the same for every i, and
Σ_i E[b Ψ_i] = ∇E[b]. So the mean of Ψ_i (R_i − b) over n trajectories estimates ∇J − (1/n) ∇E[b], with b = mean the
factor (n−1)/n that is known, and with the best, the least or the median another direction.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.steps import returns, rows
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def _whole_episode(batch: Trajectories, weight: Float[Array, "n"]) -> Inexact[Array, "n d"]:
    return rows(batch, np.broadcast_to(weight[:, None], batch.rewards.shape))


def _ordered_others(values: Float[Array, "n"]) -> Float[Array, "n others"]:
    """Return the returns of the others in ascending order, a row for each."""
    return np.sort(np.stack([np.delete(values, row) for row in range(len(values))]), axis=1)


def _best(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Ψ_i (R_i − max_j R_j): what is best learns nothing, the others are pushed away."""
    values = returns(batch)
    return _whole_episode(batch, values - values.max(initial=-np.inf))


def _best_of_others(batch: Trajectories) -> Inexact[Array, "n d"]:
    values = returns(batch)
    return _whole_episode(batch, values if len(values) < 2 else values - _ordered_others(values)[:, -1])


def _worst(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Ψ_i (R_i − min_j R_j): what is worst learns nothing, the others are drawn near."""
    values = returns(batch)
    return _whole_episode(batch, values - values.min(initial=np.inf))


def _worst_of_others(batch: Trajectories) -> Inexact[Array, "n d"]:
    values = returns(batch)
    return _whole_episode(batch, values if len(values) < 2 else values - _ordered_others(values)[:, 0])


def _median(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Ψ_i (R_i − median_j R_j)."""
    values = returns(batch)
    return _whole_episode(batch, values - np.median(values) if len(values) else values)


def _median_of_others(batch: Trajectories) -> Inexact[Array, "n d"]:
    values = returns(batch)
    return _whole_episode(batch, values if len(values) < 2 else values - np.median(_ordered_others(values), axis=1))


def midrange(values: Float[Array, "*rows n"]) -> Float[Array, "*rows"]:
    """Return (max_j R_j + min_j R_j)/2."""
    return np.asarray(0.5 * (values.max(axis=-1) + values.min(axis=-1)))


def _midrange(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Ψ_i (R_i − (max_j R_j + min_j R_j)/2): what scaling to [−1, 1] subtracts."""
    values = returns(batch)
    return _whole_episode(batch, values - midrange(values) if len(values) else values)


def _midrange_of_others(batch: Trajectories) -> Inexact[Array, "n d"]:
    values = returns(batch)
    return _whole_episode(batch, values if len(values) < 2 else values - midrange(_ordered_others(values)))


def over_batch_std(batch: Trajectories, values: Float[Array, "n"], added: float) -> Float[Array, "n"]:
    """Return (R_i − mean of its group)/(std of the batch + ε), the deviation unbiased.

    Groups are those of the batch, where it has any; else what has the same start state is a group.
    """
    groups = batch.states[:, 0] if batch.group is None else batch.group
    _, place = np.unique(groups, return_inverse=True)
    means = np.bincount(place, values) / np.maximum(np.bincount(place), 1)
    return (values - means[place]) / (values.std(ddof=1) + added) if len(values) > 1 else 0.0 * values


BEST_OF_GROUP_BASELINE = Bug(
    number=113,
    slug="best-of-group-baseline",
    effect=Effect.BIASED,
    cause="The best return of the group is subtracted: it depends on the own sample, of which nothing is left where it "
    "is the best.",
    cure="Subtract the best of the others, or their mean.",
    source=("no public thread found",),
    implementation=_best,
    correct=_best_of_others,
    batch_size=2,
    note="Its expectation is that of ∇J − (1/n) ∇E[best of n].",
)

MEDIAN_BASELINE = Bug(
    number=114,
    slug="median-baseline",
    effect=Effect.BIASED,
    cause="The median return of the group is subtracted, the own sample included.",
    cure="Subtract the median, or the mean, of the others.",
    source=("Kim, MC-GRPO: Median-centered group relative policy optimization, 2026, arXiv 2601.22582",),
    implementation=_median,
    correct=_median_of_others,
    batch_size=3,
    note="Its expectation is that of ∇J − (1/n) ∇E[median of n]; in pairs the median is the mean, a factor 1/2.",
)

WORST_OF_GROUP_BASELINE = Bug(
    number=145,
    slug="worst-of-group-baseline",
    effect=Effect.BIASED,
    cause="The least return of the group is subtracted: it depends on the own sample, of which nothing is left where "
    "it is the least.",
    cure="Subtract the least of the others, or their mean.",
    source=("no public thread found",),
    implementation=_worst,
    correct=_worst_of_others,
    batch_size=2,
    note="Its expectation is that of ∇J − (1/n) ∇E[least of n].",
)

MIDRANGE_BASELINE = Bug(
    number=152,
    slug="midrange-baseline",
    effect=Effect.BIASED,
    cause="The middle between the best and the least return of the group is subtracted, the own sample included.",
    cure="Subtract the middle, or the mean, of the others.",
    source=("no public thread found",),
    implementation=_midrange,
    correct=_midrange_of_others,
    batch_size=3,
    note="Its expectation is that of ∇J − (1/2n) ∇E[best + least of n]; in pairs the middle is the mean, a factor 1/2.",
)
