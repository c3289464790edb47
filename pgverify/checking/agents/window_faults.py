"""Faults of agents that learn from windows, each as the advantages, or the update, that it makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.agents import Window
from pgverify.checking.agents.window_estimates import (
    Collected,
    WindowAdvantages,
    accumulated,
    advantages,
    collected,
    mean_update,
    surrogate,
)
from pgverify.problem import Problem
from pgverify.validation import Array


@dataclass(frozen=True)
class WindowFault:
    """A fault, what makes it, and what cures it.

    Attributes
    ----------
    slug, cause, cure : str
    update : (problem, window) -> [d]
        The expected update with it.
    """

    slug: str
    cause: str
    cure: str
    update: Callable[[Problem, Window], Float[Array, "d"]]


def _by(weights: WindowAdvantages) -> Callable[[Problem, Window], Float[Array, "d"]]:
    def update(problem: Problem, window: Window) -> Float[Array, "d"]:
        given = collected(problem, window)
        return mean_update(problem, given.windows, surrogate(given, weights(given)), window.entropy)

    return update


def _gae(
    given: Collected, following: np.ndarray, kept: np.ndarray, carried: np.ndarray, discount: float | None = None
) -> np.ndarray:
    gamma = given.discount if discount is None else discount
    errors = given.windows.rewards + gamma * kept * following - given.critic[given.windows.states]
    return accumulated(errors, carried * gamma * given.trace_decay, given.n_step)


def _no_bootstrap(given: Collected) -> np.ndarray:
    w = given.windows
    kept = ~w.terminated
    kept[:, -1] = False
    return _gae(given, given.critic[w.following], kept, ~w.ended)


def _next_row(given: Collected) -> np.ndarray:
    """Return V at the state of the next row of the buffer: that of another episode after an end."""
    w = given.windows
    return given.critic[np.concatenate([w.states[:, 1:], w.last[:, None]], axis=1)]


def _done_off_by_one(given: Collected) -> np.ndarray:
    w = given.windows
    ended = np.concatenate([np.zeros_like(w.ended[:, :1]), w.ended[:, :-1]], axis=1)
    return _gae(given, _next_row(given), ~ended, ~ended)


def _done_early(given: Collected) -> np.ndarray:
    w = given.windows
    ended = np.concatenate([w.ended[:, 1:], np.zeros_like(w.ended[:, :1])], axis=1)
    return _gae(given, _next_row(given), ~ended, ~ended)


def _across(given: Collected) -> np.ndarray:
    w = given.windows
    return _gae(given, given.critic[w.following], ~w.terminated, np.ones_like(w.ended))


def _done_ignored(given: Collected) -> np.ndarray:
    one = np.ones_like(given.windows.ended)
    return _gae(given, _next_row(given), one, one)


def _value_at_reset(given: Collected) -> np.ndarray:
    return _gae(given, _next_row(given), np.ones_like(given.windows.ended), ~given.windows.ended)


def _value_of_terminal(given: Collected) -> np.ndarray:
    w = given.windows
    return _gae(given, given.critic[w.following], np.ones_like(w.ended), ~w.ended)


def _with_rewards(change: Callable[[np.ndarray], np.ndarray]) -> WindowAdvantages:
    return lambda given: advantages(
        replace(given, windows=replace(given.windows, rewards=change(given.windows.rewards)))
    )


def _discount_twice(given: Collected) -> np.ndarray:
    return advantages(replace(given, discount=given.discount**2))


def _discount_in_weights(given: Collected) -> np.ndarray:
    steps = given.windows.states.shape[1]
    return advantages(given) * given.discount ** np.arange(steps)[None, :, None]


def _no_baseline(given: Collected) -> np.ndarray:
    return advantages(given) + given.critic[given.windows.states]


def _normalised(axis: tuple[int, ...], ddof: int, scaled: bool = True) -> WindowAdvantages:
    def weights(given: Collected) -> np.ndarray:
        found = advantages(given)
        off = found - found.mean(axis=axis, keepdims=True)
        if not scaled:
            return off
        count = int(np.prod([found.shape[i] for i in axis]))
        spread = found.std(axis=axis, keepdims=True, ddof=min(ddof, count - 1))
        return off / (spread + 1e-8)

    return weights


def _entropy(factor: float) -> Callable[[Problem, Window], Float[Array, "d"]]:
    def update(problem: Problem, window: Window) -> Float[Array, "d"]:
        given = collected(problem, window)
        return mean_update(problem, given.windows, surrogate(given, advantages(given)), factor * window.entropy)

    return update


def _rows(kept: slice) -> Callable[[Problem, Window], Float[Array, "d"]]:
    def update(problem: Problem, window: Window) -> Float[Array, "d"]:
        given = collected(problem, window)
        mask = np.zeros(given.windows.states.shape[1])
        mask[kept] = 1.0
        learned = np.broadcast_to(mask[None, :, None], given.ratio.shape)
        return mean_update(
            problem, given.windows, surrogate(given, advantages(given)) * learned, window.entropy, learned
        )

    return update


def _halves(second: bool) -> Callable[[Problem, Window], Float[Array, "d"]]:
    def update(problem: Problem, window: Window) -> Float[Array, "d"]:
        half = window.steps // 2
        return _rows(slice(half, None) if second else slice(0, window.steps - half))(problem, window)

    return update


def _weighted(weights: Callable[[Collected, np.ndarray], np.ndarray]) -> Callable[[Problem, Window], Float[Array, "d"]]:
    """Return the update whose weights of ψ_t are made of the advantages, in place of the surrogate's."""

    def update(problem: Problem, window: Window) -> Float[Array, "d"]:
        given = collected(problem, window)
        return mean_update(problem, given.windows, weights(given, advantages(given)), window.entropy)

    return update


def _resets_learned(problem: Problem, window: Window) -> Float[Array, "d"]:
    given = collected(problem, window)
    found, every = advantages(given), np.ones_like(given.ratio)
    weights = given.ratio * found
    if window.clip is not None:
        held = np.where(found > 0.0, given.ratio > 1.0 + window.clip, given.ratio < 1.0 - window.clip)
        weights = np.where(held, 0.0, weights)
    return mean_update(problem, given.windows, weights, window.entropy, every)


def _clip_swapped(given: Collected, found: np.ndarray) -> np.ndarray:
    clip = 0.2 if given.clip is None else given.clip
    held = np.where(found < 0.0, given.ratio > 1.0 + clip, given.ratio < 1.0 - clip)
    return np.where(held, 0.0, given.ratio * found)


FAULTS: tuple[WindowFault, ...] = (
    WindowFault(
        "bootstrap-missing", "V is left out where the window cuts an episode", "bootstrap there", _by(_no_bootstrap)
    ),
    WindowFault(
        "done-off-by-one",
        "the flag of the step before is used for the end of this one",
        "shift the flags back",
        _by(_done_off_by_one),
    ),
    WindowFault(
        "done-one-early",
        "the flag of the step after is used for the end of this one",
        "shift the flags on",
        _by(_done_early),
    ),
    WindowFault(
        "gae-across-episodes", "the sum of advantages runs on into the next episode", "stop it at ends", _by(_across)
    ),
    WindowFault("done-ignored", "ends of episodes are ignored altogether", "use the flags", _by(_done_ignored)),
    WindowFault(
        "value-at-reset",
        "after an end, V of the next episode's first state is bootstrapped",
        "mask it",
        _by(_value_at_reset),
    ),
    WindowFault(
        "value-of-terminal", "after an end, V of the terminal state is bootstrapped", "mask it", _by(_value_of_terminal)
    ),
    WindowFault(
        "reward-clipped",
        "rewards are clipped to [−1, 1]",
        "leave them",
        _by(_with_rewards(lambda r: np.clip(r, -1, 1))),
    ),
    WindowFault("reward-sign", "only the sign of a reward is kept", "leave them", _by(_with_rewards(np.sign))),
    WindowFault("discount-twice", "γ is applied twice a step", "apply it once", _by(_discount_twice)),
    WindowFault(
        "discount-in-weights",
        "advantages are multiplied by γ^t of the window's own clock",
        "leave that out",
        _by(_discount_in_weights),
    ),
    WindowFault(
        "baseline-missing",
        "V(s) is not subtracted, and bootstrapped with λ < 1 all the same",
        "subtract it",
        _by(_no_baseline),
    ),
    WindowFault("minibatch-dropped", "the second half of the window is not learned from", "use it", _halves(False)),
    WindowFault("first-half-dropped", "the first half of the window is not learned from", "use it", _halves(True)),
    WindowFault(
        "ratio-missing",
        "steps are weighted by Â alone, though another policy acted",
        "weigh them by ρ Â",
        _weighted(lambda _, found: found),
    ),
    WindowFault(
        "stale-log-probs",
        "the log-probabilities of the acting policy are those of π itself: the ratio is always 1",
        "store them when acting",
        _weighted(lambda _, found: found),
    ),
    WindowFault(
        "clip-missing", "the ratio is not clipped", "clip it", _weighted(lambda given, found: given.ratio * found)
    ),
    WindowFault(
        "clip-swapped", "max is taken for min: the clip holds on the other side", "take min", _weighted(_clip_swapped)
    ),
    WindowFault(
        "reset-step-trained-on",
        "the step that only resets is learned from",
        "mask it",
        _resets_learned,
    ),
    WindowFault("entropy-sign", "the entropy is subtracted instead of added", "add it", _entropy(-1.0)),
    WindowFault("entropy-missing", "the entropy is left out", "add it", _entropy(0.0)),
    WindowFault(
        "normalised-across-environments",
        "advantages are normalised over environments, step by step",
        "normalise over all, or not at all",
        _by(_normalised((2,), 0)),
    ),
    WindowFault(
        "centred-across-environments",
        "the mean over environments is subtracted, step by step",
        "do not",
        _by(_normalised((2,), 0, False)),
    ),
    WindowFault(
        "normalised-over-time",
        "advantages are normalised over each environment's steps",
        "normalise over all, or not at all",
        _by(_normalised((1,), 0)),
    ),
    WindowFault(
        "normalised-in-the-batch",
        "advantages are normalised over the batch, own step included",
        "judge without, or accept it",
        _by(_normalised((1, 2), 0)),
    ),
    WindowFault(
        "normalised-in-the-batch-unbiased",
        "advantages are normalised over the batch, own step included, with n − 1 in the deviation",
        "judge without, or accept it",
        _by(_normalised((1, 2), 1)),
    ),
)
"""Faults whose expected update is known by listing."""
