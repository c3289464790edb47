"""Controls made of baselines that each parameter has for itself, fitted to other trajectories."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.folds import folds_of, inside_folds
from pgverify.validation import Array

NOTHING = 1e-12
"""Relative to the largest weight: where the weights of the others add up to less there is no baseline."""


def controls_by_coordinate(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    """Return controls of mean zero: the mean of b_ij ψ_ij, b_ij fitted to other trajectories for each parameter j.

    b_ij = Σ R ψ_j² / Σ ψ_j²                      the best constant baseline, as far as E ψ_j = 0
    b_ij = Cov(R ψ_j, ψ_j) / Var ψ_j              that of least squares
    b_ijt = Σ r_t Z_tj² / Σ Z_tj², Z_t = Σ_{s≤t} ψ_s, beside Z_tj: that of each reward (Peters & Schaal 2008)

    Others are all but i, and all outside of its fold.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches, two trajectories or more in each.
    """
    times = controls.times(rows, np.ones(rows.shape))
    score, total = controls.rows[5], controls.totals[0][:, None]
    sums = np.stack([np.ones_like(score), score, score**2, total * score, total * score**2])  # [5, K, d]
    found = [
        np.einsum("mk,mkd,kd->md", times, each, score)
        for each in _baselines(np.einsum("mk,rkd->rmd", times, sums)[:, :, None] - sums[:, None], score)
    ]
    found.append(_of_rewards(controls, times))
    for folds in folds_of(rows.shape[1]):
        inside = inside_folds(rows, folds, len(score))
        apart = np.einsum("mk,rkd->rmd", times, sums)[:, :, None] - np.einsum("mfk,rkd->rmfd", inside, sums)
        found += [np.einsum("mfk,mfd,kd->md", inside, each, score) for each in _baselines(apart, score)]
    return np.stack(found, axis=1) / rows.shape[1]


def _baselines(sums: Float[Array, "five m b d"], score: Float[Array, "K d"]) -> Iterator[Float[Array, "m b d"]]:
    number, first, second, mixed, weighted = sums
    least = NOTHING * (score**2).max(initial=0.0)
    yield _ratio(weighted, second, least)
    count = np.maximum(number, 1.0)
    yield _ratio(weighted / count - mixed * first / count**2, second / count - (first / count) ** 2, least)


def _of_rewards(controls: Controls, times: Float[Array, "m K"]) -> Float[Array, "m d"]:
    reward = controls.to_go - np.concatenate([controls.to_go[1:], np.zeros_like(controls.to_go[:1])])
    past = np.cumsum(controls.steps, axis=0)
    found = np.zeros((len(times), past.shape[2]))
    for at, paid in zip(past, reward, strict=True):
        weights, weighted = at**2, paid[:, None] * at**2
        least = NOTHING * weights.max(initial=0.0)
        others = (times @ weighted)[:, None] - weighted, (times @ weights)[:, None] - weights
        found += np.einsum("mk,mkd,kd->md", times, _ratio(*others, least), at)
    return found


def _ratio(top: Float[Array, "*b"], bottom: Float[Array, "*b"], least: float) -> Float[Array, "*b"]:
    some = bottom > least
    return np.asarray(np.where(some, top / np.where(some, bottom, 1.0), 0.0))
