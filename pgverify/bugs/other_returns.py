"""Other returns in the place of the returns: clipped, their sign, ranked, scaled by what the batch holds.

With f(G_t) for G_t nothing is the gradient of the return any more; where f depends on the batch, it does on the own
return, too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float

from pgverify.bugs.changed_losses import (
    NO_THREAD,
    KeptSteps,
    LossChange,
    StepValues,
    entry_of_change,
)
from pgverify.bugs.groups import GROUP_MEAN_SELF, GROUP_STD
from pgverify.bugs.leave_one_out import GROUP_STD_POPULATION
from pgverify.bugs.normalisation import SMALL
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

Returns = Float[Array, "number"]
"""Of all steps of a batch, or one an episode."""

Numbers = Float[Array, "*shape"]
"""Returns in whatever order."""

ADDED_TO_SIZES = (SMALL, 1e-6, 1e-5, 1e-4)


def _each(curve: Callable[[StepValues], StepValues], values: StepValues, _: KeptSteps) -> StepValues:
    return curve(values)


def _over_steps(changed: Callable[[Returns], Returns], values: StepValues, mask: KeptSteps) -> StepValues:
    """Return what becomes of the values of all steps of the batch."""
    found = np.zeros_like(values)
    if mask.any():
        found[mask] = changed(values[mask])
    return found


def _over_episodes(changed: Callable[[Returns], Returns], values: StepValues, _: KeptSteps) -> StepValues:
    """Return what becomes of the values of the episodes, of which every step has the same."""
    return np.broadcast_to(changed(values[:, 0])[:, None], values.shape) if values.size else values


def _within(bound: float, values: Numbers) -> Numbers:
    return np.clip(values, -bound, bound)


def _success(values: Numbers) -> Numbers:
    return (values > 0.0).astype(float)


def _winsorised(percent: float, values: Returns) -> Returns:
    low, high = np.percentile(values, [percent, 100.0 - percent])
    return np.clip(values, low, high)


def _ordinal(values: Returns) -> Returns:
    return np.argsort(np.argsort(values)).astype(float)


def _average_rank(values: Returns) -> Returns:
    below, same = values[:, None] > values[None], values[:, None] == values[None]
    return np.asarray(below.sum(axis=1) + 0.5 * (same.sum(axis=1) - 1))


def _ranked(rank: Callable[[Returns], Returns], divisor: str, values: Returns) -> Returns:
    """Return (rank − mean rank)/divisor: ranks from 0, the divisor n − 1, n, 1 or their standard deviation."""
    count = len(values)
    if count < 2:
        return np.zeros_like(values)
    found = rank(values)
    by = {"n−1": count - 1.0, "n": float(count), "1": 1.0, "deviation": float(found.std()) + SMALL}[divisor]
    return (found - (count - 1.0) / 2.0) / by


def _min_max(values: Returns) -> Returns:
    return (values - values.min()) / (np.ptp(values) + SMALL)


def _min_max_around_zero(values: Returns) -> Returns:
    return 2.0 * _min_max(values) - 1.0


def _over_deviation(freedom: int, added: float, values: Returns) -> Returns:
    return values / (values.std(ddof=freedom) + added) if len(values) > freedom else 0.0 * values


def _over_largest(values: Returns) -> Returns:
    return values / (np.abs(values).max() + SMALL)


def _over_mean_size(values: Returns) -> Returns:
    return values / (np.abs(values).mean() + SMALL)


def _above_the_mean(values: Returns) -> Returns:
    return np.maximum(values - values.mean(), 0.0)


def _positive(values: Numbers) -> Numbers:
    return np.maximum(values, 0.0)


def _by_start(freedom: int | None, added: float, batch: Trajectories, weights: StepValues) -> StepValues:
    """Return R less the mean of the episodes with the same start, the own included; over their deviation plus ε."""
    if not weights.size:
        return weights
    values, starts = weights[:, 0], batch.states[:, 0]
    found = np.zeros_like(values)
    for start in np.unique(starts):
        group = starts == start
        less = values[group] - values[group].mean()
        if freedom is None:
            found[group] = less
        elif len(less) > freedom:
            found[group] = less / (values[group].std(ddof=freedom) + added)
    return np.broadcast_to(found[:, None], weights.shape)


def of_each(slug: str, words: str, curve: Callable[[StepValues], StepValues]) -> tuple[LossChange, LossChange]:
    """Return a change of each step's return, and of the episode's on every step of it."""
    changed = partial(_each, curve)
    return LossChange(slug, words, returns=changed), LossChange(
        slug, f"{words}, of the whole episode", None, changed, whole=True
    )


def of_batch(
    slug: str, words: str, changed: Callable[[Returns], Returns], ordered: bool = False
) -> tuple[LossChange, LossChange]:
    """Return a change by what the episodes of a batch earned, and by what is left to earn at each of its steps."""
    episodes, steps = partial(_over_episodes, changed), partial(_over_steps, changed)
    return (
        LossChange(slug, f"{words}, of whole episodes", None, episodes, whole=True, coupled=True, ordered=ordered),
        LossChange(slug, f"{words}, of all steps", None, steps, coupled=True, ordered=ordered),
    )


RETURN_CHANGES: tuple[LossChange, ...] = (
    *(
        change
        for bound in (1.0, 5.0, 10.0)
        for change in of_each("return-clipped", f"returns clipped to [−{bound:g}, {bound:g}]", partial(_within, bound))
    ),
    *of_each("return-sign", "the signs of returns", np.sign),
    *of_each("return-thresholded", "1 for each return above 0", _success)[::-1],
    *of_each("positive-part-alone", "what of each return or advantage is above 0", _positive),
    *of_batch("positive-part-alone", "what of each return is above the mean", _above_the_mean),
    *(
        change
        for percent in (5.0, 10.0, 1.0, 25.0)
        for change in of_batch(
            "returns-winsorised",
            f"returns clipped to their percentiles {percent:g} and {100 - percent:g}",
            partial(_winsorised, percent),
        )
    ),
    *(
        change
        for rank, divisor in ((_average_rank, "n−1"), (_ordinal, "n−1"), (_average_rank, "n"), (_ordinal, "n"))
        for change in of_batch(
            "returns-ranked", f"centred ranks over {divisor}", partial(_ranked, rank, divisor), rank is _ordinal
        )[: 1 if divisor == "n" else 2]
    ),
    *(
        of_batch("returns-ranked", "standardised ranks", partial(_ranked, rank, "deviation"), rank is _ordinal)[0]
        for rank in (_average_rank, _ordinal)
    ),
    *of_batch("min-max-scaled", "returns scaled to [0, 1] by the least and the largest", _min_max),
    *of_batch("min-max-scaled", "returns scaled to [−1, 1] by the least and the largest", _min_max_around_zero),
    *(
        change
        for freedom in (0, 1)
        for added in ADDED_TO_SIZES
        for change in of_batch(
            "divided-by-batch-scale",
            "returns over their standard deviation, nothing subtracted",
            partial(_over_deviation, freedom, added),
        )
    ),
    LossChange(
        GROUP_MEAN_SELF.slug,
        "returns less the mean of those with the same start, the own included",
        weights=partial(_by_start, None, 0.0),
        whole=True,
        coupled=True,
    ),
    *(
        LossChange(
            slug,
            "returns standardised among those with the same start",
            weights=partial(_by_start, freedom, added),
            whole=True,
            coupled=True,
        )
        for freedom, slug in ((1, GROUP_STD.slug), (0, GROUP_STD_POPULATION.slug))
        for added in ADDED_TO_SIZES
    ),
    *of_batch("divided-by-batch-scale", "returns over the largest of their sizes", _over_largest),
    *of_batch("divided-by-batch-scale", "returns over the mean of their sizes", _over_mean_size),
)
"""The plainest form of each slug comes first."""


_entry = partial(entry_of_change, RETURN_CHANGES)


RETURN_CLIPPED = _entry(
    122,
    "return-clipped",
    "Returns are clipped to a fixed range: beyond it more is worth no more.",
    "Divide by a constant instead of clipping, or clip the norm of the gradient.",
    NO_THREAD,
    "The entry has [−1, 1]; other ranges, and the return of the whole episode, are recognised as well.",
)

RETURN_SIGN = _entry(
    123,
    "return-sign",
    "Each return is replaced by its sign: how good or bad it is, is lost.",
    "Weight by the return itself.",
    NO_THREAD,
)

RETURN_THRESHOLDED = _entry(
    124,
    "return-thresholded",
    "An episode counts as 1 where its return is above 0, else as 0: by how much it is, is lost.",
    "Weight by the return itself, or say that the chance of success is the objective.",
    NO_THREAD,
)

POSITIVE_PART_ALONE = _entry(
    125,
    "positive-part-alone",
    "Only returns or advantages above 0, or above the mean, count: what was worse than expected is not avoided, and "
    "what is noise about the expectation is paid for.",
    "Keep what is negative, too.",
    ("Oh et al., Self-imitation learning, 2018, arXiv 1806.05635",),
    "Self-imitation does so on purpose, beside a policy gradient; alone it is none.",
)

RETURNS_WINSORISED = _entry(
    126,
    "returns-winsorised",
    "Returns are clipped to percentiles of their own batch: what is rare and large counts for less, and the bounds "
    "depend on the own return.",
    "Leave the returns as they are, or subtract a baseline of the others.",
    NO_THREAD,
    "The entry has the percentiles 5 and 95; in pairs both are drawn to their mean by as much.",
    batch_size=3,
)

RETURNS_RANKED = _entry(
    127,
    "returns-ranked",
    "Returns are replaced by their ranks in the batch: by how much one is better than another, is lost.",
    "Weight by the returns, less a mean of the others.",
    ("Salimans et al., Evolution strategies as a scalable alternative to reinforcement learning, 2017, "
     "arXiv 1703.03864",),
    "Evolution strategies rank on purpose, for other reasons.",
)  # fmt: skip

MIN_MAX_SCALED = _entry(
    128,
    "min-max-scaled",
    "Returns are scaled to [0, 1] by the least and the largest of their batch, the own among them: batches count by "
    "how far their returns are apart.",
    "Divide by a constant, or by what earlier batches have shown.",
    NO_THREAD,
    "Scaled to [−1, 1] is recognised as well.",
)

DIVIDED_BY_BATCH_SCALE = _entry(
    129,
    "divided-by-batch-scale",
    "Returns are divided by a size of their own batch (their deviation, the largest, the mean of their sizes), and "
    "nothing is subtracted: the divisor depends on the own return.",
    "Divide by a constant, or by what earlier batches have shown; subtract a mean of the others.",
    ("keon/policy-gradient#5", "YunzhuLi/InfoGAIL#5"),
    "The entry has the standard deviation.",
)
