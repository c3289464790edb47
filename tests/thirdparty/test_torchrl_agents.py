"""torchrl: its trainers as they run, against the exact gradient of their own networks, and a fault in each part."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from thirdparty_loading import load

import pgverify as pgv
from pgverify import Outcome
from pgverify.adapters import torchrl as ours
from pgverify.errors import InvalidInput

torch = load("torch")
load("torchrl")
objectives = load("torchrl.objectives")
algorithms = load("torchrl.trainers.algorithms")

SUITE = {entry.name: entry for entry in pgv.suites.get("standard")}
SMALL = [SUITE["early-stop"], SUITE["coin-door"]]
PLAIN = {"average_gae": False}


def judged(update: Any, problems: Any = SMALL) -> Any:
    return pgv.check(update, kind="agent", problems=problems, time_limit=60.0)


def furthest(report: Any) -> float:
    """Return how far expectations are from what they should be, relative to these."""
    pairs = [(np.array(f.found), np.array(f.expected)) for f in report.findings]
    return max(float(np.linalg.norm(found - goal) / np.linalg.norm(goal)) for found, goal in pairs)


def test_ppo_follows_the_gradient_of_its_window() -> None:
    report = judged(ours.update("PPO", n_steps=2, **PLAIN), [SUITE["early-stop"]])
    assert report.outcome is Outcome.CORRECT, report
    assert furthest(report) < 1e-5
    assert report.scope.critic == "other"


RIGHT: dict[str, tuple[str, dict[str, Any]]] = {
    "A2C": ("A2C", {}),
    "A2C, no entropy": ("A2C", {"entropy_bonus": False, "lmbda": 0.5}),
    "REINFORCE, a time limit": ("REINFORCE", {"truncates": True}),
    "PPO, entropy": ("PPO", {"entropy_coeff": 0.3}),
    "PPO, the first minibatch": ("PPO", {"batch_size": 2}),
    "PPO, a later epoch": ("PPO", {"moved": 0.5, "clip_epsilon": 0.05}),
    "PPO, a time limit": ("PPO", {"truncates": True, "lmbda": 0.5}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_they_follow_it_however_they_are_set(name: str) -> None:
    trainer, arguments = RIGHT[name]
    report = judged(ours.update(trainer, **PLAIN, **arguments))
    assert report.outcome is Outcome.CORRECT, report
    assert furthest(report) < 1e-5
    assert report.scope.ratios is ("later" in name)


@pytest.mark.slow
def test_two_environments_side_by_side() -> None:
    report = judged(ours.update("A2C", n_steps=2, environments=2, **PLAIN), [SUITE["early-stop"]])
    assert report.outcome is Outcome.CORRECT, report


@pytest.mark.slow
def test_both_sides_of_the_clip_are_met_in_a_later_epoch() -> None:
    """Negative control: with the clip left out of what it should follow, it is not followed."""
    update = ours.update("PPO", moved=0.5, clip_epsilon=0.05, **PLAIN)
    update.window = replace(update.window, clip=None)
    assert judged(update).outcome is Outcome.BIASED


@pytest.mark.slow
def test_normalised_advantages_have_their_name() -> None:
    report = judged(ours.update("PPO"))
    assert report.diagnosis == "normalised-in-the-batch-unbiased", report


class EntropySign(objectives.A2CLoss):  # type: ignore[name-defined,misc]
    """The entropy is subtracted from what is maximised."""

    def forward(self, tensordict: Any) -> Any:
        found = super().forward(tensordict)
        found["loss_entropy"] = -found["loss_entropy"]
        return found


class NoBootstrap(algorithms.A2CTrainer):  # type: ignore[name-defined,misc]
    """A2C that takes what it collected to end where it is cut."""

    def _process_batch_hook(self, batch: Any) -> Any:
        batch["next", "terminated"][..., -1, :] = True
        batch["next", "done"][..., -1, :] = True
        return super()._process_batch_hook(batch)


def test_a_fault_in_its_loss_has_its_name() -> None:
    report = judged(ours.update("A2C", loss=EntropySign, n_steps=2, entropy_coeff=0.2, **PLAIN), [SUITE["early-stop"]])
    assert report.diagnosis == "entropy-sign", report


@pytest.mark.slow
def test_a_fault_in_its_trainer_has_its_name() -> None:
    report = judged(ours.update(NoBootstrap, **PLAIN), [SUITE["coin-door"], SUITE["random-end"]])
    assert report.diagnosis == "bootstrap-missing", report


def test_it_can_be_sent_to_another_process() -> None:
    update = ours.update("A2C", n_steps=2, **PLAIN)
    update.prepare(SMALL[0].problem)
    again = pickle.loads(pickle.dumps(update))
    assert again.settings == update.settings


def test_making_it_leaves_the_generator_as_it_was() -> None:
    before = torch.get_rng_state()
    ours.update("A2C").prepare(SMALL[0].problem)
    assert torch.equal(torch.get_rng_state(), before)


REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "another": ("DQN", {}, "DQN"),
    "another class": (dict, {}, "trainer is the class dict"),
    "discount": ("A2C", {"gamma": 0.9}, "gamma is 0.9, must be left out"),
    "no argument": ("A2C", {"clip_epsilon": 0.2}, "clip_epsilon is 0.2, which is no argument of A2CLoss"),
    "steps": ("A2C", {"n_steps": 0}, "n_steps is 0"),
    "batch": ("A2C", {"n_steps": 2, "batch_size": 3}, "batch_size is 3"),
    "moved": ("PPO", {"moved": -1.0}, "moved is -1.0"),
    "moved once": ("A2C", {"moved": 0.1}, "which updates once"),
    "two clips": ("PPO", {"clip_epsilon": [0.1, 0.2]}, "clip_epsilon is"),
    "sums": ("PPO", {"reduction": "sum"}, "reduction is 'sum', must be left out"),
    "another loss": ("PPO", {"loss": objectives.A2CLoss}, "must be a class of ClipPPOLoss"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_it_is_not_made_for_is_refused(name: str) -> None:
    trainer, arguments, said = REFUSED[name]
    with pytest.raises(InvalidInput, match=said):
        ours.update(trainer, **arguments)


def test_more_minibatches_than_there_are_is_invalid() -> None:
    report = judged(ours.update("A2C", n_steps=1, minibatches=2, **PLAIN), [SUITE["coin"]])
    assert report.outcome is Outcome.INVALID
    assert "stepped its optimiser 1 times" in report.explanation


def test_real_actions_are_refused() -> None:
    report = judged(ours.update("A2C", n_steps=1, **PLAIN), pgv.suites.get("continuous")[0])
    assert report.outcome is Outcome.INVALID
    assert "real actions" in report.explanation
