"""Faults at time limits and at ends of episodes, in agents that learn from windows."""

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


def _by(weights: Callable[[Collected], np.ndarray]) -> Callable[[Problem, Window], np.ndarray]:
    def update(problem: Problem, window: Window) -> np.ndarray:
        given = collected(problem, window)
        return mean_update(problem, given.windows, surrogate(given, weights(given)), window.entropy)

    return update


def _summed(given: Collected, value: np.ndarray, carried: np.ndarray) -> np.ndarray:
    """Return Â from the value that is bootstrapped after each step, and from where the sum goes on."""
    errors = given.windows.rewards + given.discount * value - given.critic[given.windows.states]
    return accumulated(errors, carried * given.discount * given.trace_decay, given.n_step)


def _limit_is_an_end(given: Collected) -> np.ndarray:
    w = given.windows
    return _summed(given, np.where(w.ended, 0.0, given.critic[w.following]), ~w.ended)


def _value_of_the_reset(given: Collected) -> np.ndarray:
    w = given.windows
    row = given.critic[np.concatenate([w.states[:, 1:], w.last[:, None]], axis=1)]
    return _summed(given, np.where(w.terminated, 0.0, row), ~w.ended)


def _sum_across_limits(given: Collected) -> np.ndarray:
    w = given.windows
    return _summed(given, np.where(w.terminated, 0.0, given.critic[w.following]), ~w.terminated)


def _value_of_the_reset_and_sum(given: Collected) -> np.ndarray:
    w = given.windows
    row = given.critic[np.concatenate([w.states[:, 1:], w.last[:, None]], axis=1)]
    return _summed(given, np.where(w.terminated, 0.0, row), ~w.terminated)


def _only_going_on(problem: Problem, window: Window) -> np.ndarray:
    given = collected(problem, window)
    weights = np.where(given.windows.ended, 0.0, surrogate(given, advantages(given)))
    return mean_update(problem, given.windows, weights, window.entropy)


def _over_learned_steps(problem: Problem, window: Window) -> np.ndarray:
    """Return the update whose mean is over the steps that are learned from, of which there are more or fewer."""
    given = collected(problem, window)
    learned = 1.0 - given.windows.only_reset
    size = learned[0].size
    share = learned * size / np.maximum(learned.sum(axis=(1, 2), keepdims=True), 1.0)
    return mean_update(problem, given.windows, surrogate(given, advantages(given)) * share, window.entropy, share)


def _one_step(given: Collected) -> np.ndarray:
    return advantages(replace(given, trace_decay=0.0))


def _returns_without_critic(given: Collected) -> np.ndarray:
    return advantages(replace(given, critic=np.zeros_like(given.critic), trace_decay=1.0))


LIMIT_FAULTS: tuple[WindowFault, ...] = (
    WindowFault(
        "limit-as-end",
        "a time limit is taken for an end: V is not bootstrapped there",
        "bootstrap V of the last state, and mask ends alone",
        _by(_limit_is_an_end),
    ),
    WindowFault(
        "limit-value-of-reset",
        "after a time limit, V of the next episode's first state is bootstrapped",
        "bootstrap V of the state before the reset, as in final_obs",
        _by(_value_of_the_reset),
    ),
    WindowFault(
        "sum-across-limits",
        "the sum of advantages runs on over a time limit into the next episode",
        "stop it there",
        _by(_sum_across_limits),
    ),
    WindowFault(
        "limit-ignored",
        "a time limit is ignored: V and the sum go on in the next episode",
        "bootstrap V of the state before the reset, and stop the sum there",
        _by(_value_of_the_reset_and_sum),
    ),
    WindowFault(
        "ending-steps-dropped",
        "the step that ends an episode is not learned from",
        "mask the value after it alone",
        _only_going_on,
    ),
    WindowFault(
        "mean-over-learned-steps",
        "the sum is divided by the number of steps that are learned from, which is another one in each window",
        "divide by the number of all steps, or accept it",
        _over_learned_steps,
    ),
    WindowFault("one-step-advantages", "advantages are those of λ = 0", "sum them by γ λ", _by(_one_step)),
    WindowFault(
        "critic-ignored",
        "steps are weighted by the rewards of the window alone: the critic is not used",
        "subtract V, and bootstrap it at the cut",
        _by(_returns_without_critic),
    ),
)
"""Faults whose expected update is known by listing."""
