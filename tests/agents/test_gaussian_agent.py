"""An agent with real actions: normal numbers as nodes, judged within the error that two rules show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking import Outcome

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def _transition(state: int, actions: np.ndarray) -> np.ndarray:
    stays = 0.5 + 0.3 * np.tanh(0.4 * actions[:, 0] + 0.2 * state)
    return np.stack([stays, 1.0 - stays], axis=1)


def _reward(state: int, actions: np.ndarray) -> np.ndarray:
    return np.sin(0.7 * actions[:, 0] + state) - 0.1 * actions[:, 0] ** 2


PROBLEM = pgv.Problem(
    pgv.ContinuousMDP([0.6, 0.4], _transition, _reward, nodes=20),
    pgv.GaussianPolicy(np.eye(2), [[0.3], [-0.2]], [-0.5]),
    pgv.FiniteHorizon(2, 0.9),
)


def agent(nodes: int, gain: float = 1.0) -> Any:
    def update(world: Any) -> np.ndarray:
        policy = world.problem.policy
        means, std = policy.mean_weights[:, 0], np.exp(policy.log_std[0])
        state, _ = world.env.reset()
        steps, done = [], False
        while not done:
            noise = world.normal(nodes)
            following, reward, done, _, _ = world.env.step([means[state] + std * noise])
            steps.append((state, noise, reward))
            state = following
        gradient, to_go = np.zeros(3), 0.0
        for t, (s, x, reward) in reversed(list(enumerate(steps))):
            to_go = reward + 0.9 * to_go
            weight = 0.9**t * to_go
            gradient[s] += weight * x / std
            gradient[2] += gain * weight * (x * x - 1.0)
        return gradient

    return update


def judged(update: Any, horizon: int = 2) -> Any:
    problem = pgv.Problem(PROBLEM.mdp, PROBLEM.policy, pgv.FiniteHorizon(horizon, 0.9))
    return pgv.check(update, kind="agent", policy=lambda world: world.problem.policy, problems=problem)


def test_one_step_with_nine_nodes() -> None:
    assert judged(agent(9), 1).outcome is Outcome.CORRECT
    assert judged(agent(9, gain=1.001), 1).outcome is not Outcome.CORRECT


@pytest.mark.slow
def test_nine_nodes_a_draw_are_within_a_millionth() -> None:
    report = judged(agent(9))
    assert report.outcome is Outcome.CORRECT, report
    expected, found = report.findings[0].expected, report.findings[0].found
    assert np.abs(np.subtract(expected, found)).max() < 1e-6


@pytest.mark.slow
def test_a_fault_is_found_with_them() -> None:
    assert judged(agent(9, gain=1.001)).outcome is not Outcome.CORRECT


@pytest.mark.slow
def test_too_few_nodes_are_no_verdict() -> None:
    assert judged(agent(3)).outcome is not Outcome.CORRECT
