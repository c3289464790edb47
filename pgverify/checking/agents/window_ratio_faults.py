"""Faults of the ratio and of its clip, and of what is done with advantages, in agents that learn from windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pgverify.agents import Window
from pgverify.checking.agents.window_estimates import Collected, advantages, collected, mean_update, surrogate
from pgverify.checking.agents.window_faults import WindowFault
from pgverify.problem import Problem

Held = Callable[[Collected, np.ndarray, float], np.ndarray]
"""(what was collected, Â, ε) -> whether a step does not count [n, T, E]."""


def _clipped(held: Held) -> Callable[[Problem, Window], np.ndarray]:
    def update(problem: Problem, window: Window) -> np.ndarray:
        given = collected(problem, window)
        found = advantages(given)
        clip = np.inf if given.clip is None else given.clip
        counts = ~held(given, found, clip) & ~given.windows.only_reset
        return mean_update(problem, given.windows, np.where(counts, given.ratio * found, 0.0), window.entropy)

    return update


def _changed(change: Callable[[Collected, np.ndarray], np.ndarray]) -> Callable[[Problem, Window], np.ndarray]:
    """Return the update whose advantages are changed before the surrogate is made of them."""

    def update(problem: Problem, window: Window) -> np.ndarray:
        given = collected(problem, window)
        return mean_update(problem, given.windows, surrogate(given, change(given, advantages(given))), window.entropy)

    return update


def _weighted(weights: Callable[[Collected, np.ndarray], np.ndarray]) -> Callable[[Problem, Window], np.ndarray]:
    """Return the update whose factor of Â is another one than the ratio, with the clip by the ratio."""

    def update(problem: Problem, window: Window) -> np.ndarray:
        given = collected(problem, window)
        found = advantages(given)
        kept = surrogate(given, found) != 0.0
        return mean_update(problem, given.windows, np.where(kept, weights(given, found), 0.0), window.entropy)

    return update


def _in_place_of_the_ratio(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Problem, Window], np.ndarray]:
    """Return the update with another number in place of the ratio, which is clipped itself."""

    def update(problem: Problem, window: Window) -> np.ndarray:
        given = collected(problem, window)
        other = replace(given, ratio=change(given.ratio))
        return mean_update(problem, given.windows, surrogate(other, advantages(other)), window.entropy)

    return update


def _reversed(problem: Problem, window: Window) -> np.ndarray:
    given = collected(problem, window)
    return -mean_update(problem, given.windows, surrogate(given, advantages(given)), window.entropy)


def _inverted_and_differentiated(problem: Problem, window: Window) -> np.ndarray:
    """Return the gradient of the surrogate of 1/ρ: that of 1/ρ itself is −ψ/ρ."""
    given = collected(problem, window)
    other = replace(given, ratio=1.0 / given.ratio)
    return mean_update(problem, given.windows, -surrogate(other, advantages(other)), window.entropy)


def _squared_by_broadcasting(problem: Problem, window: Window) -> np.ndarray:
    """Return the update of ratios [N, 1] beside advantages [N]: the mean over all pairs of them."""
    given = collected(problem, window)
    found = advantages(given)
    each = [
        surrogate(given, np.broadcast_to(found[:, t : t + 1, e : e + 1], found.shape))
        for t, e in np.ndindex(found.shape[1:])
    ]
    return mean_update(problem, given.windows, np.mean(each, axis=0), window.entropy)


def _without_mean(_: Collected, found: np.ndarray) -> np.ndarray:
    axes = (1, 2)
    return found / (found.std(axis=axes, keepdims=True) + 1e-8)


RATIO_FAULTS: tuple[WindowFault, ...] = (
    WindowFault("window-sign-reversed", "the update goes down the gradient", "reverse the sign", _reversed),
    WindowFault(
        "clip-above-only",
        "the clip holds for ρ > 1 + ε alone",
        "clip below 1 − ε, too",
        _clipped(lambda given, found, clip: (found > 0.0) & (given.ratio > 1.0 + clip)),
    ),
    WindowFault(
        "clip-below-only",
        "the clip holds for ρ < 1 − ε alone",
        "clip above 1 + ε, too",
        _clipped(lambda given, found, clip: (found < 0.0) & (given.ratio < 1.0 - clip)),
    ),
    WindowFault(
        "clip-whatever-the-sign",
        "the clipped surrogate alone is used, without the minimum with the plain one: no ratio outside counts",
        "take the minimum of both",
        _clipped(lambda given, _, clip: (given.ratio > 1.0 + clip) | (given.ratio < 1.0 - clip)),
    ),
    WindowFault(
        "ratio-inverted",
        "the weight is that of the old policy over the new",
        "take new over old",
        _in_place_of_the_ratio(lambda ratio: 1.0 / ratio),
    ),
    WindowFault(
        "ratio-inverted-and-differentiated",
        "the surrogate is that of the old policy over the new, whose gradient goes down",
        "take new over old",
        _inverted_and_differentiated,
    ),
    WindowFault(
        "broadcast-to-all-pairs",
        "every ratio meets every advantage, as [N, 1] beside [N] does",
        "give both one shape",
        _squared_by_broadcasting,
    ),
    WindowFault(
        "ratio-squared", "the ratio enters twice", "take it once", _in_place_of_the_ratio(lambda ratio: ratio**2)
    ),
    WindowFault(
        "ratio-detached",
        "the ratio decides on the clip, and is no weight",
        "weigh by ρ Â",
        _weighted(lambda _, found: found),
    ),
    WindowFault(
        "advantage-of-another-environment",
        "a step gets the advantage of the environment beside it",
        "keep the order of the axes",
        _changed(lambda _, found: found[:, :, ::-1]),
    ),
    WindowFault(
        "advantage-unsigned", "only the size of an advantage is kept", "keep its sign", _changed(lambda _, a: np.abs(a))
    ),
    WindowFault(
        "only-better-actions",
        "steps with a negative advantage do not count",
        "keep them",
        _changed(lambda _, found: np.maximum(found, 0.0)),
    ),
    WindowFault(
        "centred-in-the-batch",
        "the mean of the batch, own step included, is subtracted from advantages",
        "judge without, or accept it",
        _changed(lambda _, found: found - found.mean(axis=(1, 2), keepdims=True)),
    ),
    WindowFault(
        "scaled-in-the-batch",
        "advantages are divided by the deviation of the batch",
        "judge without, or accept it",
        _changed(_without_mean),
    ),
)
"""Faults whose expected update is known by listing."""
