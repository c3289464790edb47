"""Faults of the recursion of advantages: γ and λ left out or taken twice, rewards of other steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pgverify.agents import Window
from pgverify.checking.agents.window_estimates import (
    Collected,
    accumulated,
    advantages,
    collected,
    mean_update,
    surrogate,
)
from pgverify.checking.agents.window_faults import WindowFault
from pgverify.problem import Problem

Powers = tuple[int, int, int]
"""Powers of γ in front of V, and of γ and λ in the sum."""


def _by_powers(powers: Powers) -> Callable[[Problem, Window], np.ndarray]:
    bootstrap, carry, trace = powers

    def weights(given: Collected) -> np.ndarray:
        w = given.windows
        value = np.where(w.terminated, 0.0, given.critic[w.following])
        errors = w.rewards + given.discount**bootstrap * value - given.critic[w.states]
        return accumulated(errors, ~w.ended * given.discount**carry * given.trace_decay**trace, given.n_step)

    return _by(weights)


def _by(weights: Callable[[Collected], np.ndarray]) -> Callable[[Problem, Window], np.ndarray]:
    def update(problem: Problem, window: Window) -> np.ndarray:
        given = collected(problem, window)
        return mean_update(problem, given.windows, surrogate(given, weights(given)), window.entropy)

    return update


def _shifted(later: bool) -> Callable[[Problem, Window], np.ndarray]:
    """Return the update with the rewards of the next row, or of the one before, and none at the end of the window."""

    def weights(given: Collected) -> np.ndarray:
        rewards = np.zeros_like(given.windows.rewards)
        if later:
            rewards[:, :-1] = given.windows.rewards[:, 1:]
        else:
            rewards[:, 1:] = given.windows.rewards[:, :-1]
        return advantages(replace(given, windows=replace(given.windows, rewards=rewards)))

    return _by(weights)


def _without_the_last(given: Collected) -> np.ndarray:
    w = given.windows
    return advantages(replace(given, windows=replace(w, rewards=np.where(w.ended, 0.0, w.rewards))))


RECURSION_FAULTS: tuple[WindowFault, ...] = (
    WindowFault(
        "lambda-missing", "λ is left out: advantages are summed as with λ = 1", "carry γ λ", _by_powers((1, 1, 0))
    ),
    WindowFault("lambda-twice", "λ is applied twice a step", "apply it once", _by_powers((1, 1, 2))),
    WindowFault(
        "discount-missing-in-bootstrap", "V of the next state is not discounted", "take γ V", _by_powers((0, 1, 1))
    ),
    WindowFault(
        "discount-twice-in-bootstrap", "V of the next state is discounted twice", "take γ V", _by_powers((2, 1, 1))
    ),
    WindowFault("discount-missing-in-the-sum", "advantages are carried by λ alone", "carry γ λ", _by_powers((1, 0, 1))),
    WindowFault("discount-missing", "γ is left out altogether", "apply it", _by_powers((0, 0, 1))),
    WindowFault("reward-one-late", "a step gets the reward of the one before", "shift rewards back", _shifted(False)),
    WindowFault("reward-one-early", "a step gets the reward of the one after", "shift rewards on", _shifted(True)),
    WindowFault(
        "last-reward-lost",
        "the reward of a step that ends an episode is left out",
        "mask the value of the next state alone",
        _by(_without_the_last),
    ),
)
"""Faults whose expected update is known by listing."""
