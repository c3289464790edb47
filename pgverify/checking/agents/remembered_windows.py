"""Windows of a policy with a memory: what was seen since its episode began decides, so scores are those of episodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from pgverify.checking.agents.listed_windows import Windows
from pgverify.policies import Policy
from pgverify.policies.steps import Prefix, log_prob, next_probabilities, score_sum
from pgverify.validation import Array

EpisodeSoFar = tuple[tuple[int, ...], tuple[int, ...]]
"""The states and the actions of an episode so far, as many of both."""


def remembered_update(
    policy: Policy, windows: Windows, weights: Float[Array, "n T E"], visits: Float[Array, "n T E"]
) -> Float[Array, "d"]:
    """Return Σ w_t ∇ log π(a_t|h_t) + Σ v_t ∇H(π(·|h_t)), h_t the episode so far; a window begins with one.

    Parameters
    ----------
    policy : Policy
    windows : Windows
    weights : [n, T, E]
        With the probability of each window in them.
    visits : [n, T, E]
        What the entropy at a step counts, likewise.
    """
    zero = np.zeros(weights.shape[1])
    scored: dict[EpisodeSoFar, Float[Array, "T"]] = {}
    met: dict[EpisodeSoFar, float] = {}
    for row, environment, first, stop in _episodes(windows):
        history = _history(windows, row, environment, first, stop)
        total = scored.setdefault(history, zero.copy())
        total[: stop - first] += weights[row, first:stop, environment]
        for t in range(first, stop):
            if visits[row, t, environment] != 0.0:
                so_far = history[0][: t - first + 1], history[1][: t - first]
                met[so_far] = met.get(so_far, 0.0) + float(visits[row, t, environment])
    for (states, actions), mass in met.items():
        now = Prefix(np.array([states]), np.array([actions], dtype=np.int64), np.ones((1, len(actions)), dtype=bool))
        pi = next_probabilities(policy, now)[0]
        for action in np.flatnonzero(pi > 0.0):  # ∇H = −Σ_a π log π ∇ log π
            total = scored.setdefault((states, (*actions, int(action))), zero.copy())
            total[len(actions)] -= mass * pi[action] * np.log(pi[action])
    return np.asarray(score_sum(policy, _steps(list(scored), len(zero)), np.stack(list(scored.values()))).sum(axis=0))


def remembered_log_probs(policy: Policy, windows: Windows) -> Float[Array, "n T E"]:
    """Return log π(a_t|h_t) at every step, and 0 where it only resets."""
    where = list(_episodes(windows))
    histories = list(dict.fromkeys(_history(windows, *one) for one in where))
    table = log_prob(policy, _steps(histories, windows.states.shape[1]))
    known: Mapping[EpisodeSoFar, Float[Array, "T"]] = dict(zip(histories, table, strict=True))
    found = np.zeros(windows.states.shape)
    for row, environment, first, stop in where:
        found[row, first:stop, environment] = known[_history(windows, row, environment, first, stop)][: stop - first]
    return found


def _episodes(windows: Windows) -> Iterator[tuple[int, int, int, int]]:
    """Yield window, environment, first step and the one after the last, of all episodes or parts of such."""
    rows, steps, environments = windows.states.shape
    ended, only_reset = windows.ended, windows.only_reset
    for row, environment in np.ndindex(rows, environments):
        first = 0
        for t in range(steps):
            if only_reset[row, t, environment]:
                first = t + 1
            elif ended[row, t, environment] or t == steps - 1:
                yield row, environment, first, t + 1
                first = t + 1


def _history(windows: Windows, row: int, environment: int, first: int, stop: int) -> EpisodeSoFar:
    here = row, slice(first, stop), environment
    return tuple(windows.states[here].tolist()), tuple(windows.actions[here].tolist())


def _steps(histories: Sequence[EpisodeSoFar], longest: int) -> Prefix:
    """Return episodes as rows of one length; a state that follows is not looked at."""
    lengths = np.array([len(actions) for _, actions in histories])
    states = np.array([(*states, *(0,) * (longest + 1 - len(states))) for states, _ in histories])
    actions = np.array([(*actions, *(0,) * (longest - len(actions))) for _, actions in histories])
    return Prefix(states, actions, np.arange(longest)[None, :] < lengths[:, None])
