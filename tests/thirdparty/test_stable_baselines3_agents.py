"""stable-baselines3: A2C and PPO as they run, against the exact gradient of their own networks, and a fault in each."""

from __future__ import annotations

import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from thirdparty_loading import load

import pgverify as pgv
from pgverify import Outcome
from pgverify.adapters import stable_baselines3 as ours
from pgverify.errors import InvalidInput

torch = load("torch")
library = load("stable_baselines3")

SUITE = {entry.name: entry for entry in pgv.suites.get("standard")}
SMALL = [SUITE["early-stop"], SUITE["coin-door"]]
SEVERAL = [SUITE["bandit"], SUITE["early-stop"], SUITE["random-end"]]
NET = {"net_arch": [8]}


def judged(update: Any, problems: Any = SMALL) -> Any:
    return pgv.check(update, kind="agent", problems=problems, time_limit=60.0)


def test_a2c_follows_the_gradient_of_its_window() -> None:
    report = judged(ours.update(library.A2C), SEVERAL)
    assert report.outcome is Outcome.CORRECT, report
    assert all(finding.deviation < 1e-5 for finding in report.findings)
    assert report.scope.critic == "other"
    assert not report.scope.ratios


RIGHT: dict[str, dict[str, Any]] = {
    "A2C, entropy, a time limit": {"algorithm": "A2C", "ent_coef": 0.1, "gae_lambda": 0.9, "truncates": True},
    "PPO, one full batch": {"algorithm": "PPO", "normalize_advantage": False},
    "PPO, the first minibatch": {"algorithm": "PPO", "normalize_advantage": False, "batch_size": 2},
    "PPO, a later epoch": {"algorithm": "PPO", "normalize_advantage": False, "moved": 0.2, "clip_range": 0.05},
}


@pytest.mark.parametrize("name", RIGHT)
def test_they_follow_it_however_they_are_set(name: str) -> None:
    report = judged(ours.update(policy_kwargs=NET, **RIGHT[name]))
    assert report.outcome is Outcome.CORRECT, report
    assert report.scope.ratios is ("later" in name)


def test_two_environments_side_by_side() -> None:
    report = judged(ours.update("A2C", n_steps=2, environments=2, policy_kwargs=NET), [SUITE["early-stop"]])
    assert report.outcome is Outcome.CORRECT, report


def test_both_sides_of_the_clip_are_met_in_a_later_epoch() -> None:
    """Negative control: with the clip left out of what it should follow, it is not followed."""
    update = ours.update(
        "PPO", policy_kwargs=NET, **{k: v for k, v in RIGHT["PPO, a later epoch"].items() if k != "algorithm"}
    )
    update.window = replace(update.window, clip=None)
    assert judged(update).outcome is Outcome.BIASED


def test_normalised_advantages_have_their_name() -> None:
    report = judged(ours.update("PPO", policy_kwargs=NET))
    assert report.diagnosis == "normalised-in-the-batch-unbiased", report
    assert any("cosine" in warning for warning in report.warnings)


class NoBootstrap(library.A2C):  # type: ignore[name-defined,misc]
    """A2C whose rollouts end with a value of zero."""

    def collect_rollouts(self, env: Any, callback: Any, rollout_buffer: Any, n_rollout_steps: int) -> bool:
        compute = rollout_buffer.compute_returns_and_advantage
        rollout_buffer.compute_returns_and_advantage = lambda last_values, dones: compute(0.0 * last_values, dones)
        try:
            return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)
        finally:
            del rollout_buffer.compute_returns_and_advantage


def test_a_fault_in_it_has_its_name() -> None:
    report = judged(ours.update(NoBootstrap, policy_kwargs=NET), [SUITE["coin-door"], SUITE["random-end"]])
    assert report.diagnosis == "bootstrap-missing", report


@pytest.mark.slow
def test_the_gain_of_the_last_layer_is_said_and_decides_nothing() -> None:
    """As the library makes it, all actions are nearly alike: the verdicts are the same, and so are the names."""
    right = judged(ours.update("A2C", policy_kwargs=NET, policy_gain=1.0, ent_coef=0.1))
    assert right.outcome is Outcome.CORRECT, right
    assert not any("last layer" in note for note in right.notes)
    problems = [SUITE["coin-door"], SUITE["random-end"]]
    wrong = judged(ours.update(NoBootstrap, policy_kwargs=NET, policy_gain=1.0), problems)
    assert wrong.diagnosis == "bootstrap-missing", wrong
    larger = judged(ours.update("A2C", n_steps=1, policy_kwargs=NET), [SUITE["coin"]])
    assert any("100 times larger" in note for note in larger.notes)


def test_no_folders_are_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    judged(ours.update("A2C", n_steps=1, policy_kwargs=NET), [SUITE["coin"]])
    assert list(tmp_path.iterdir()) == []


def test_making_an_agent_leaves_the_generators_as_they_were() -> None:
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    ours.update("A2C", policy_kwargs=NET).prepare(SMALL[0].problem)
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[2])


def test_clipping_is_put_back() -> None:
    clip = torch.nn.utils.clip_grad_norm_
    judged(ours.update("A2C", n_steps=1, policy_kwargs=NET), [SUITE["coin"]])
    assert torch.nn.utils.clip_grad_norm_ is clip


REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "another": ("DQN", {}, "must be stable_baselines3.A2C"),
    "discount": ("A2C", {"gamma": 0.9}, "gamma is 0.9, must be left out"),
    "no argument": ("A2C", {"clip_range": 0.2}, "clip_range is 0.2, which is no argument of A2C"),
    "steps": ("A2C", {"n_steps": 0}, "n_steps is 0"),
    "moved": ("PPO", {"moved": -1.0}, "moved is -1.0"),
    "gain": ("A2C", {"policy_gain": -1.0}, "policy_gain is -1.0"),
    "noise": ("A2C", {"use_sde": True}, "use_sde is True"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_it_is_not_made_for_is_refused(name: str) -> None:
    algorithm, arguments, said = REFUSED[name]
    with pytest.raises(InvalidInput, match=said):
        ours.update(algorithm, **arguments)


def test_more_minibatches_than_there_are_is_invalid() -> None:
    report = judged(ours.update("A2C", minibatches=2, policy_kwargs=NET))
    assert report.outcome is Outcome.INVALID
    assert "stepped its optimiser 1 times" in report.explanation


@pytest.mark.slow
def test_thirty_thousand_runs_as_rows() -> None:
    """Some forty runs of 512 environments, and a dozen alone; the target knows nothing of rows."""
    report = judged(ours.update(library.A2C, n_steps=4), [SUITE["many-states"]])
    assert report.outcome is Outcome.CORRECT, report
    assert "32,000 runs" in str(report)


def test_rows_of_an_agent_are_its_runs() -> None:
    from pgverify.checking.agents.agent_run import AgentRun
    from pgverify.choices.by_rows import expectation_by_rows

    problem = SUITE["early-stop"].problem
    update = ours.update("A2C", policy_kwargs=NET)
    update.prepare(problem)
    run = AgentRun(update, problem, False, update.reset)
    found = expectation_by_rows(run, update.rows(problem), 1000)
    assert found is not None
    assert found.mean == pytest.approx(pgv.choices.expectation(run).mean, rel=1e-4, abs=1e-6)
    normalised = ours.update("PPO", policy_kwargs=NET)
    normalised.prepare(problem)
    alone = AgentRun(normalised, problem, False, normalised.reset)
    assert expectation_by_rows(alone, normalised.rows(problem), 1000) is None  # not linear in rows
