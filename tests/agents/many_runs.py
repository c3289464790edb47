"""REINFORCE with some hundred runs on a problem, at the top of a module: other processes find it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

import pgverify as pgv

PROBLEM = pgv.Problem(
    pgv.TabularMDP(
        [0.5, 0.5],
        [[[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]], [[0.3, 0.7], [0.75, 0.25], [1.0, 0.0]]],
        [[1.0, 2.0, -0.3], [-1.0, 0.5, 0.2]],
    ),
    pgv.SoftmaxPolicy([[0.5, 0.25, 0.0], [-0.5, 1.0, 0.3]]),
    pgv.FiniteHorizon(3, 0.5),
)
"""2 · 5³ = 250 runs: five ways to take a step, each a choice of the action and, of two actions, of where it leads."""


class Loop:
    """The agent, which may be ended after some runs."""

    def __init__(self, sign: float = 1.0, after: int | None = None) -> None:
        self.sign, self.after, self.runs, self.fresh = sign, after, 0, False

    def __call__(self, world: Any) -> np.ndarray:
        if not self.fresh:
            raise RuntimeError("reset was not called")
        self.fresh = False
        self.runs += 1
        if self.after is not None and self.runs > self.after:
            raise KeyboardInterrupt
        return self.sign * self._gradient(world)

    def reset(self, _: Any) -> None:
        """Be ready for a run."""
        self.fresh = True

    @staticmethod
    def policy(world: Any) -> Any:
        """Return the problem's own."""
        return world.problem.policy

    @staticmethod
    def _gradient(world: Any) -> np.ndarray:
        pi = world.problem.policy.probabilities()
        state, _ = world.env.reset()
        steps, done = [], False
        while not done:
            action = world.choose(pi[state])
            following, reward, done, _, _ = world.env.step(action)
            steps.append((state, action, reward))
            state = following
        total, to_go = np.zeros(pi.shape), 0.0
        for t, (s, a, reward) in reversed(list(enumerate(steps))):
            to_go = reward + 0.5 * to_go
            total[s] -= 0.5**t * to_go * pi[s]
            total[s, a] += 0.5**t * to_go
        return total.ravel()


def elsewhere(world: Any) -> np.ndarray:
    """Return what it should, in a process of its own alone: in that of the check, the opposite."""
    return (-1.0 if str(os.getpid()) == os.environ.get("MANY_RUNS_HOME") else 1.0) * Loop._gradient(world)


elsewhere.policy = Loop.policy  # type: ignore[attr-defined]
