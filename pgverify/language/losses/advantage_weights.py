"""Advantages as functions: what a completion's reward is compared with, and divided by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from pgverify.language.losses.loss_rows import LossRows
from pgverify.validation import Array


def raw(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R."""
    return rows.rewards[:, :, None]


def own_mean(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − mean of the group."""
    return (rows.rewards - rows.spread(rows.groups.mean(axis=2, keepdims=True)))[:, :, None]


def leave_one_out(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − mean of the others: G/(G − 1) times the one above."""
    return own_mean(rows) * rows.group_size / max(rows.group_size - 1, 1)


def divided(
    by: Callable[[LossRows], Float[Array, "N B"]], epsilon: float, centred: bool = True
) -> Callable[[LossRows], Float[Array, "N B 1"]]:
    """Return the advantages (R − mean)/(spread + ε), 0 where the spread and ε are."""

    def weights(rows: LossRows) -> Float[Array, "N B 1"]:
        spread = by(rows)[:, :, None] + epsilon
        above = own_mean(rows) if centred else raw(rows)
        return np.divide(above, spread, out=np.zeros_like(above), where=spread > 0)

    return weights


def group_std(rows: LossRows) -> Float[Array, "N B"]:
    """Return the standard deviation of the group, over G − 1 as torch's is."""
    if rows.group_size == 1:
        return np.zeros_like(rows.rewards)
    return rows.spread(rows.groups.std(axis=2, ddof=1, keepdims=True))


def group_std_population(rows: LossRows) -> Float[Array, "N B"]:
    """Return the standard deviation of the group, over G as NumPy's is."""
    return rows.spread(rows.groups.std(axis=2, keepdims=True))


def group_deviation(rows: LossRows) -> Float[Array, "N B"]:
    """Return the mean absolute deviation of the group."""
    centred = np.abs(rows.groups - rows.groups.mean(axis=2, keepdims=True))
    return rows.spread(centred.mean(axis=2, keepdims=True))


def group_variance(rows: LossRows) -> Float[Array, "N B"]:
    """Return the variance of the group."""
    return group_std(rows) ** 2


def batch_std(rows: LossRows) -> Float[Array, "N B"]:
    """Return the standard deviation of all rewards of a batch."""
    return np.broadcast_to(rows.rewards.std(axis=1, ddof=1, keepdims=True), rows.rewards.shape)


def batch_mean(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − mean of the batch."""
    return (rows.rewards - rows.rewards.mean(axis=1, keepdims=True))[:, :, None]


def batch_whitened(epsilon: float) -> Callable[[LossRows], Float[Array, "N B 1"]]:
    """Return the advantages (R − mean of the batch)/(std of the batch + ε)."""
    return lambda rows: batch_mean(rows) / (batch_std(rows)[:, :, None] + epsilon)


def over_batch_std(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R/(std of the batch + ε)."""
    return raw(rows) / (batch_std(rows)[:, :, None] + 1e-8)


def group_range(rows: LossRows) -> Float[Array, "N B"]:
    """Return the largest reward of the group less the smallest."""
    return rows.spread(np.ptp(rows.groups, axis=2)[:, :, None])


def over_group_mean(epsilon: float, absolute: bool) -> Callable[[LossRows], Float[Array, "N B 1"]]:
    """Return the advantages (R − mean of the group)/(mean + ε), or |mean| + ε; 0 where that is 0 (MaxRL)."""

    def weights(rows: LossRows) -> Float[Array, "N B 1"]:
        mean = rows.spread(rows.groups.mean(axis=2, keepdims=True))[:, :, None]
        below = (np.abs(mean) if absolute else mean) + epsilon
        above = own_mean(rows)
        return np.divide(above, below, out=np.zeros_like(above), where=below != 0)

    return weights


def token_whitened(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R less its mean over the tokens of the batch, divided by its standard deviation over them.

    Means and variance weigh a completion by its length; verl divides the squares by n − 1 tokens and adds 1e-8.
    """
    weight = rows.lengths / rows.lengths.sum(axis=1, keepdims=True)
    return _whitened(rows, rows.rewards, weight)


def group_then_token_whitened(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return the same of R − mean of the group: REINFORCE++ with a baseline."""
    weight = rows.lengths / rows.lengths.sum(axis=1, keepdims=True)
    return _whitened(rows, own_mean(rows)[:, :, 0], weight)


def _whitened(rows: LossRows, each: Float[Array, "N B"], weight: Float[Array, "N B"]) -> Float[Array, "N B 1"]:
    tokens = rows.lengths.sum(axis=1, keepdims=True)
    centred = each - (weight * each).sum(axis=1, keepdims=True)
    variance = (weight * centred**2).sum(axis=1, keepdims=True) * tokens / (tokens - 1)
    return (centred / np.sqrt(variance + 1e-8))[:, :, None]


def twice(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return the same of advantages that were divided by their group's standard deviation."""
    weight = rows.lengths / rows.lengths.sum(axis=1, keepdims=True)
    return _whitened(rows, divided(group_std, 1e-6)(rows)[:, :, 0], weight)


def std_of_others(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − mean of the others over their standard deviation; not divided where that is 0.

    Of n others with sum s and sum of squares q it is √((q − s²/n)/(n − 1)).
    """
    n = max(rows.group_size - 1, 2)
    total, squares = rows.groups.sum(axis=2, keepdims=True), (rows.groups**2).sum(axis=2, keepdims=True)
    s, q = rows.spread(total) - rows.rewards, rows.spread(squares) - rows.rewards**2
    variance = np.maximum(q - s * s / n, 0.0) / (n - 1)
    spread = np.where(variance > 1e-12, np.sqrt(variance) + 1e-6, 1.0)
    return leave_one_out(rows) / spread[:, :, None]


def cut_at(bound: float) -> Callable[[LossRows], Float[Array, "N B 1"]]:
    """Return the leave-one-out advantages between ±bound."""
    return lambda rows: np.clip(leave_one_out(rows), -bound, bound)


def length_weighted(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − ΣLR/ΣL of the group, its own sample included (OPO)."""
    lengths = rows.by_group(rows.lengths)
    mean = (lengths * rows.groups).sum(axis=2, keepdims=True) / lengths.sum(axis=2, keepdims=True)
    return (rows.rewards - rows.spread(mean))[:, :, None]


def best_of_group(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − max of the group."""
    return (rows.rewards - rows.spread(rows.groups.max(axis=2, keepdims=True)))[:, :, None]


def median_of_group(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − median of the group."""
    return (rows.rewards - rows.spread(np.median(rows.groups, axis=2, keepdims=True)))[:, :, None]


def lower_median_of_group(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − the lower of the two in the middle of the group, as torch's median is."""
    middle = np.sort(rows.groups, axis=2)[:, :, [(rows.group_size - 1) // 2]]
    return (rows.rewards - rows.spread(middle))[:, :, None]


def worst_of_group(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − min of the group."""
    return (rows.rewards - rows.spread(rows.groups.min(axis=2, keepdims=True)))[:, :, None]


def positive_only(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return max(R − mean of the group, 0)."""
    return np.maximum(own_mean(rows), 0.0)


def sign_only(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return the sign of R − mean of the group."""
    above = own_mean(rows)
    return np.sign(np.where(np.abs(above) < 1e-12, 0.0, above))


def per_nonzero_reward(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return (R − mean of the group) · B / number of rewards that are not zero: GPG as verl computes it."""
    count = np.maximum((rows.rewards != 0).sum(axis=1), 1)[:, None, None]
    return own_mean(rows) * rows.rewards.shape[1] / count


def per_mixed_group(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return (R − mean of the group) · P / number of groups that are not all alike: GPG as the paper has it."""
    mixed = (np.ptp(rows.groups, axis=2) > 0).sum(axis=1)
    return own_mean(rows) * (rows.groups.shape[1] / np.maximum(mixed, 1))[:, None, None]


def all_mixed_leave_one_out(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return the leave-one-out advantage over the share of groups that are not all alike."""
    return per_mixed_group(rows) * rows.group_size / max(rows.group_size - 1, 1)


def neighbour_mean(rows: LossRows) -> Float[Array, "N B 1"]:
    """Return R − mean of the next group."""
    mean = np.roll(rows.groups.mean(axis=2, keepdims=True), -1, axis=1)
    return (rows.rewards - rows.spread(mean))[:, :, None]
