"""A loop whose policy sees the last two states, as stacked frames are seen, and its policy with a memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pgverify.policies.sequence_policy import SequencePolicy
from pgverify.problem import Problem

NONE_BEFORE = -1
"""The state before the first: its table is the last one."""


@dataclass(frozen=True)
class LastTwo:
    """Logits θ[s_{t−1}, s_t, a], one table for each state before, and one for none."""

    states: int
    num_actions: int

    def logits(self, theta: Any, states: Any, actions: Any) -> Any:  # noqa: ARG002
        """Return z(·|h_t) [n, T, A]."""
        table = theta.reshape(self.states + 1, self.states, self.num_actions)
        return table[before(states), states]

    def pulled_back(self, theta: Any, states: Any, actions: Any, weights: Any) -> Any:  # noqa: ARG002
        """Return Σ w ∂z/∂θ [m, d]."""
        found = np.zeros((len(weights), self.states + 1, self.states, self.num_actions))
        for t, (last, state) in enumerate(zip(before(states[None])[0], states, strict=True)):
            found[:, last, state] += weights[:, t]
        return found.reshape(len(weights), -1)


def before(states: Any) -> Any:
    """Return s_{t−1} [n, T]."""
    return np.concatenate([np.full((len(states), 1), NONE_BEFORE), states[:, :-1]], axis=1)


def stacked_policy(problem: Problem, scale: float = 1.0) -> SequencePolicy:
    """Return a policy that is another one after each state."""
    states, actions = problem.mdp.num_states, problem.mdp.num_actions
    theta = scale * np.sin(1.0 + np.arange((states + 1) * states * actions))
    return SequencePolicy(LastTwo(states, actions), theta)


def forgetful_policy(problem: Problem, logits: Any) -> SequencePolicy:
    """Return a policy with a memory that makes no use of it: π(a|h_t) = softmax(logits)[s_t, a]."""
    states, actions = problem.mdp.num_states, problem.mdp.num_actions
    return SequencePolicy(LastTwo(states, actions), np.tile(np.asarray(logits), (states + 1, 1, 1)).ravel())


def critic(problem: Problem) -> Any:
    """Return V [S] of a critic that is far from right."""
    return 0.4 * np.cos(1.0 + np.arange(problem.mdp.num_states))


class StackedLoop:
    """A window of steps: `cleared` says whether the frames of an episode are dropped at its end."""

    def __init__(self, steps: int, trace_decay: float, cleared: bool = True, acting: float = 1.0) -> None:
        self.steps, self.trace_decay, self.cleared, self.acting = steps, trace_decay, cleared, acting

    def __call__(self, world: Any) -> Any:
        """Return the mean of ρ_t ψ_t Â_t."""
        problem = world.problem
        shape = problem.mdp.num_states + 1, problem.mdp.num_states, problem.mdp.num_actions
        table = stacked_policy(problem).parameters.reshape(shape)
        acted = stacked_policy(problem, self.acting).parameters.reshape(shape)
        values, gamma, env = critic(problem), problem.objective.discount, world.env
        state, last, rows = env.reset()[0], NONE_BEFORE, []
        for _ in range(self.steps):
            collected = softmax(acted[last, state])
            action = world.choose(collected)
            following, reward, done, _, _ = env.step(action)
            rows.append((last, state, action, reward, done, following, collected[action]))
            last = state
            state = following
            if done:
                state = env.reset()[0]
                last = NONE_BEFORE if self.cleared else last
        gradient, total = np.zeros(shape), 0.0
        for past, state, action, reward, done, following, chance in reversed(rows):
            alive = 0.0 if done else 1.0
            delta = reward + gamma * alive * values[following] - values[state]
            total = delta + gamma * self.trace_decay * alive * total
            pi = softmax(table[past, state])
            weight = total * pi[action] / chance
            gradient[past, state] -= weight * pi
            gradient[past, state, action] += weight
        return gradient.ravel() / self.steps


def softmax(logits: Any) -> Any:
    """Return π."""
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()
