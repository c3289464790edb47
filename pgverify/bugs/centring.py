"""What is subtracted from returns and what they are divided by: of a group's episodes, or of all steps of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float

from pgverify.bugs.group_baselines import (
    BEST_OF_GROUP_BASELINE,
    MEDIAN_BASELINE,
    MIDRANGE_BASELINE,
    WORST_OF_GROUP_BASELINE,
    midrange,
)
from pgverify.bugs.groups import GROUP_MEAN_SELF, GROUP_STD
from pgverify.bugs.leave_one_out import GROUP_STD_POPULATION, RLOO_SEQUENCE_MEAN, RLOO_TOKEN_MEAN, less_others
from pgverify.bugs.lengths import LENGTH_PER_BATCH, LENGTH_PER_TRAJECTORY
from pgverify.bugs.losses.group_advantages import BATCH_STD
from pgverify.bugs.normalisation import BASELINE_FIT_SAME_BATCH, NORMALISE_MINIBATCH, SMALL
from pgverify.validation import Array

ADDED = (SMALL, 1e-6, 1e-5, 1e-4)
"""What is added to a standard deviation: these are in use, and tell from 1e-9 on."""

OTHERS = "mean of the others"
"""The right thing to subtract; it matters beside a division by lengths."""

BASELINES: Mapping[str, Callable[[Float[Array, "n"]], float | Float[Array, ""]]] = MappingProxyType(
    {
        GROUP_MEAN_SELF.slug: np.mean,
        BEST_OF_GROUP_BASELINE.slug: np.max,
        MEDIAN_BASELINE.slug: np.median,
        WORST_OF_GROUP_BASELINE.slug: np.min,
        MIDRANGE_BASELINE.slug: midrange,
    }
)
"""What is subtracted from each return of a group, its own included."""

DEVIATIONS = (GROUP_STD.slug, GROUP_STD_POPULATION.slug, BATCH_STD.slug)
"""By what returns less a mean are divided."""

WHOLE_EPISODE = (OTHERS, *BASELINES, *DEVIATIONS)
"""Advantages that are one number a trajectory, on every step of it."""

CENTRED = ("", *WHOLE_EPISODE, NORMALISE_MINIBATCH.slug, BASELINE_FIT_SAME_BATCH.slug)
"""The last is the plainest baseline that is fitted to its own batch: the mean over all steps."""

LEFT_OUT = {LENGTH_PER_BATCH.slug: RLOO_TOKEN_MEAN.slug, LENGTH_PER_TRAJECTORY.slug: RLOO_SEQUENCE_MEAN.slug}
"""What the mean of the others and a division by lengths are called together."""


def of_episodes(values: Float[Array, "n"], centred: str, added: float, under_root: bool = False) -> Float[Array, "n"]:
    """Return what becomes of the returns of a group.

    Parameters
    ----------
    values : [n]
    centred : str
        One of `WHOLE_EPISODE` that needs no other group.
    added : float
        What is added to a standard deviation.
    under_root : bool
        Whether it is added to the square of the deviation, under the root.
    """
    if centred == OTHERS:
        return less_others(values)
    if centred in BASELINES:
        return values - BASELINES[centred](values) if len(values) else values
    less = values - values.mean() if len(values) else values
    freedom = 1 if centred == GROUP_STD.slug else 0
    return less / divisor(float(values.std(ddof=freedom)), added, under_root) if len(values) > freedom else 0.0 * less


def of_steps(
    values: Float[Array, "n T"],
    mask: Bool[Array, "n T"],
    centred: str,
    added: float,
    freedom: int = 0,
    under_root: bool = False,
) -> Float[Array, "n T"]:
    """Return what becomes of the values of all steps of a batch; on padding it is left to the caller.

    Parameters
    ----------
    values, mask : [n, T]
    centred : str
        One of `CENTRED` that is none of `WHOLE_EPISODE`.
    added : float
    freedom : int
        1 where the deviation has the divisor "number of steps − 1".
    under_root : bool
    """
    taken = values[mask]
    if centred == BASELINE_FIT_SAME_BATCH.slug and len(taken):
        return np.asarray(values - taken.mean())
    if centred and len(taken) > freedom:
        return np.asarray((values - taken.mean()) / divisor(float(taken.std(ddof=freedom)), added, under_root))
    return values


def divisor(deviation: float, added: float, under_root: bool) -> float:
    """Return σ + ε, or √(σ² + ε)."""
    return float(np.sqrt(deviation**2 + added)) if under_root else deviation + added
