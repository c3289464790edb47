"""An agent with real actions: normal numbers as nodes, judged within the error that two rules show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking import Outcome
from pgverify.checking.agents.window_estimates import window_gradient
from pgverify.errors import InvalidInput

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


@pytest.mark.parametrize("gain", [1.0, 1.01, 1.5])
def test_rewards_that_are_not_smooth_are_no_verdict(gain: float) -> None:
    """Of |a − 0.2| the error is larger than two rules show: a right agent would be biased, a wrong one might not be."""

    def reward(state: int, actions: np.ndarray) -> np.ndarray:
        return state - np.abs(actions[:, 0] - 0.2)

    mdp = pgv.ContinuousMDP([0.6, 0.4], _transition, reward, nodes=20)
    problem = pgv.Problem(mdp, PROBLEM.policy, pgv.FiniteHorizon(1, 0.9))
    report = pgv.check(agent(9, gain), kind="agent", policy=lambda world: world.problem.policy, problems=problem)
    assert report.outcome is Outcome.INCONCLUSIVE, report
    assert "more than 0.001; draw from more nodes" in report.warnings[0]


def test_the_entropy_of_a_window_is_that_of_the_density() -> None:
    """H = log σ + ½ log 2πe in every state: its gradient is 1 for log σ, and 0 for the means."""
    plain, with_entropy = (window_gradient(PROBLEM, pgv.agents.Window(1, entropy=beta)) for beta in (0.0, 0.3))
    assert with_entropy - plain == pytest.approx([0.0, 0.0, 0.3], abs=1e-12)


ACTING = pgv.GaussianPolicy(np.eye(2), [[0.5], [0.0]], [-0.4])


def window_of(weigh: bool, clip: float | None = None) -> Any:
    """Return a window of one step, collected by another Gaussian policy, weighed by the ratio of densities or not."""

    def update(world: Any) -> np.ndarray:
        policy = world.problem.policy
        means, std = policy.mean_weights[:, 0], np.exp(policy.log_std[0])
        acted, spread = ACTING.mean_weights[:, 0], np.exp(ACTING.log_std[0])
        state, _ = world.env.reset()
        noise = world.normal(12)
        action = acted[state] + spread * noise
        reward = world.env.step([action])[1]
        world.env.reset()
        x = (action - means[state]) / std
        ratio = np.exp((noise**2 - x**2) / 2.0) * spread / std if weigh else 1.0
        gradient = np.zeros(3)
        gradient[state] = ratio * reward * x / std
        gradient[2] = ratio * reward * (x * x - 1.0) + 0.3
        return gradient

    update.policy = lambda world: world.problem.policy  # type: ignore[attr-defined]
    update.window = pgv.agents.Window(1, acting=lambda _: ACTING, entropy=0.3, clip=clip)  # type: ignore[attr-defined]
    return update


def test_another_policy_that_acted_is_weighed_by_the_ratio_of_densities() -> None:
    problem = pgv.Problem(PROBLEM.mdp, PROBLEM.policy, pgv.FiniteHorizon(1, 0.9))
    report = pgv.check(window_of(True), kind="agent", problems=problem)
    assert report.outcome is Outcome.CORRECT, report
    report = pgv.check(window_of(False), kind="agent", problems=problem)
    assert report.outcome is Outcome.BIASED
    assert "ratio-missing" in {match.slug for match in report.matches}


def test_its_environment_takes_vectors() -> None:
    gymnasium = pytest.importorskip("gymnasium")
    env = pgv.adapters.gymnasium.ScriptedEnv(PROBLEM, pgv.choices.World(lambda *_: 0))
    assert isinstance(env.action_space, gymnasium.spaces.Box)
    assert env.action_space.shape == (1,)
    state, _ = env.reset()
    _, reward, *_ = env.step(np.array([0.25], dtype=np.float32))
    assert reward == pytest.approx(_reward(state, np.array([[0.25]]))[0])
    with pytest.raises(InvalidInput, match="must be 1 finite numbers"):
        env.step(np.array([0.25, 0.5]))
