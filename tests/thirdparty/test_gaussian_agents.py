"""stable-baselines3 with real actions: normal numbers as nodes, against the gradient of its own Gaussian network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from thirdparty_loading import load

import pgverify as pgv
from pgverify import Outcome
from pgverify.adapters import stable_baselines3 as ours
from pgverify.adapters.gaussian_module import GaussianModulePolicy
from pgverify.adapters.gymnasium import ScriptedVectorEnv
from pgverify.errors import InvalidInput

torch = load("torch")
library = load("stable_baselines3")

NET = {"net_arch": [4], "log_std_init": -0.5}


def transition(state: int, actions: np.ndarray) -> np.ndarray:
    stays = 0.5 + 0.3 * np.tanh(0.4 * actions[:, 0] + 0.2 * state)
    return np.stack([stays, 1.0 - stays], axis=1)


def reward(state: int, actions: np.ndarray) -> np.ndarray:
    return np.sin(0.7 * actions[:, 0] + state) - 0.1 * actions[:, 0] ** 2


def smooth(horizon: int) -> Any:
    return pgv.Problem(
        pgv.ContinuousMDP([0.6, 0.4], transition, reward, nodes=12),
        pgv.GaussianPolicy(np.eye(2), [[0.3], [-0.2]], [-0.5]),
        pgv.FiniteHorizon(horizon, 0.9),
    )


def judged(update: Any, problem: Any) -> Any:
    return pgv.check(update, kind="agent", problems=problem, time_limit=60.0)


def furthest(report: Any) -> float:
    expected, found = (np.array(getattr(report.findings[0], name)) for name in ("expected", "found"))
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def test_a2c_follows_the_gradient_of_one_step() -> None:
    report = judged(ours.update("A2C", n_steps=1, policy_kwargs=NET, ent_coef=0.1), smooth(1))
    assert report.outcome is Outcome.CORRECT, report
    assert furthest(report) < 2e-6  # what single precision allows


def test_the_entropy_is_that_of_the_density() -> None:
    """Negative control: the same with a coefficient that is a tenth off."""
    update = ours.update("A2C", n_steps=1, policy_kwargs=NET, ent_coef=0.1)
    update.window = pgv.agents.Window(1, 1.0, update.window.critic, entropy=0.11)
    assert judged(update, smooth(1)).outcome is not Outcome.CORRECT


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["A2C", "PPO"])
def test_windows_of_two_steps(algorithm: str) -> None:
    normalised = {"normalize_advantage": False}
    report = judged(ours.update(algorithm, n_steps=2, policy_kwargs=NET, gae_lambda=0.9, **normalised), smooth(2))
    assert report.outcome is Outcome.CORRECT, report
    assert furthest(report) < 2e-6


class Shrunk(library.A2C):  # type: ignore[name-defined,misc]
    """A2C that learns from actions a little smaller than those it took."""

    def collect_rollouts(self, env: Any, callback: Any, rollout_buffer: Any, n_rollout_steps: int) -> bool:
        found = super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)
        rollout_buffer.actions *= 0.99
        return bool(found)


def test_a_fault_is_found() -> None:
    report = judged(ours.update(Shrunk, n_steps=1, policy_kwargs=NET), smooth(1))
    assert not report.outcome.good, report


def test_a_later_epoch_weighs_by_ratios_of_densities() -> None:
    """Where the clip is not met: a surrogate that jumps is more than a quadrature can take."""
    epoch = {"n_steps": 1, "policy_kwargs": NET, "moved": 0.02, "normalize_advantage": False}
    report = judged(ours.update("PPO", clip_range=20.0, **epoch), smooth(1))
    assert report.outcome is Outcome.CORRECT, report
    assert report.scope.ratios
    assert furthest(report) < 1e-5
    # Of one step, not clipped, E_old ρ ψ Â is E_new ψ Â: what the window without a ratio has, by another route.
    same = ours.update("PPO", clip_range=20.0, **epoch)
    same.window = pgv.agents.Window(1, 0.95, same.window.critic)
    assert judged(same, smooth(1)).outcome is Outcome.CORRECT


def test_vectors_of_scripted_environments_have_lists_of_actions() -> None:
    with pytest.raises(InvalidInput, match="real actions"):
        ScriptedVectorEnv(smooth(1), pgv.choices.World(lambda *_: 0))


def test_the_policy_of_a_module_is_the_gaussian_it_puts_out() -> None:
    class Linear(torch.nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.log_std = torch.nn.Parameter(torch.tensor([-0.5]))
            self.weights = torch.nn.Parameter(torch.tensor([0.3, -0.2]))

        def forward(self, states: Any) -> Any:
            return torch.cat([self.weights[states], self.log_std])

    plain = smooth(2)
    made = pgv.Problem(plain.mdp.continuous, GaussianModulePolicy(Linear(), np.arange(2), 1), plain.objective)
    expected = pgv.exact.gradient(plain)
    assert pgv.exact.gradient(made) == pytest.approx(expected[[2, 0, 1]], rel=1e-6)
    theta, ends = made.policy.parameters, []
    for sign in (1.0, -1.0):
        moved = [made.policy.with_parameters(theta + sign * 1e-6 * e) for e in np.eye(3)]
        ends.append([pgv.exact.expected_return(pgv.Problem(made.mdp, each, made.objective)) for each in moved])
    assert np.subtract(*ends) / 2e-6 == pytest.approx(pgv.exact.gradient(made), abs=1e-7)
