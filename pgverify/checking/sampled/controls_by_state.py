"""Controls made of what others were paid from the same state on: value tables fitted to other trajectories."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.folds import folds_of, inside_folds
from pgverify.validation import Array

PRIOR = (1.0, 2.0, 5.0)
"""As how many visits the mean over all steps counts, or nothing, where it is mixed with that of the state."""


def controls_by_state(controls: Controls, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
    """Return controls of mean zero: the mean of Σ_t b_it ψ_it, b_it a value of s_it fitted to other trajectories.

    The value is the mean of their rewards-to-go from the state, with γ^t each or without and once for all; from the
    state at that time; mixed with that over all steps; and that over all steps alone. Others are all but i, and all
    outside of its fold. Nothing depends on a_it once s_it is known.

    What a trajectory of the list is compared with depends on how often each is in the batch and its folds.

    Parameters
    ----------
    controls : Controls
    rows : [m, n]
        Of m batches, two trajectories or more in each.
    """
    by_state, by_time = _Visits.of(controls, controls.states), _Visits.of(controls, _at_times(controls))
    times = controls.times(rows, np.ones(rows.shape))
    found: list[Float[Array, "m d"]] = []
    for visits, more in ((by_state, True), (by_time, False)):
        sums = [times @ each for each in visits.sums]
        others = [total[:, None] - own for total, own in zip(sums, visits.sums, strict=True)]
        found += [np.einsum("mk,mks,skd->md", times, each, score) for each, score in visits.values(others, more)]
    for folds in folds_of(rows.shape[1]):
        inside = inside_folds(rows, folds, len(controls.starts))
        for visits in (by_state, by_time):
            apart = [times[:, None] @ each - inside @ each for each in visits.sums]
            for value, score in visits.values(apart, False):
                found.append(np.einsum("mfk,mfs,skd->md", inside, value, score, optimize=True))
    return np.stack(found, axis=1) / rows.shape[1]


def _at_times(controls: Controls) -> Integer[Array, "T K"]:
    return np.asarray(controls.states + (controls.states.max(initial=0) + 1) * np.arange(len(controls.states))[:, None])


class _Visits:
    """What each trajectory of the list adds to the sums for each key, and its scores there."""

    def __init__(self, sums: tuple[Array, ...], scores: tuple[Array, ...]) -> None:
        self.sums, self._scores = sums, scores

    @classmethod
    def of(cls, controls: Controls, keys: Integer[Array, "T K"]) -> _Visits:
        """Return them for keys that steps have."""
        names, place = np.unique(keys, return_inverse=True)
        hot = (place.reshape(keys.shape)[..., None] == np.arange(len(names))) * controls.under_way[..., None]
        kinds = controls.to_go, controls.ahead, np.ones_like(controls.to_go)
        sums = tuple(np.einsum("tks,tk->ks", hot, kind) for kind in kinds)
        plain = np.einsum("tks,tkd->skd", hot, controls.steps)
        later = np.einsum("tks,tkd,t->skd", hot, controls.steps, controls.powers)
        return cls(sums, (plain, later))

    def values(
        self, sums: list[Float[Array, "*b s"]], more: bool
    ) -> Iterator[tuple[Float[Array, "*b s"], Float[Array, "s K d"]]]:
        """Yield values by key, each with the scores that it is a baseline of; more of them where they are wanted."""
        to_go, ahead, visits = sums
        visits = np.maximum(visits, 0.0)  # of one that is not in the batch there would be less than none
        for total, score in zip((to_go, ahead), self._scores, strict=True):
            mean = np.where(visits > 0.5, total / np.maximum(visits, 1.0), 0.0)
            yield mean, score
            if not more:
                continue
            number = visits.sum(axis=-1, keepdims=True)
            everywhere = total.sum(axis=-1, keepdims=True) / np.maximum(number, 1.0)
            yield np.broadcast_to(everywhere, visits.shape), score
            for prior in PRIOR:
                yield total / (visits + prior), score
                yield (total + prior * everywhere) / (visits + prior), score
