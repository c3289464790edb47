"""stable-baselines3: the rollout buffer's advantages and returns, judged as step weights.

The buffer is filled as `collect_rollouts` does it: one environment, the episodes of the batch one after another,
`episode_starts` at their first steps, and `dones` for the last.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from thirdparty_loading import few, load, problems

import pgverify as pgv
from pgverify import Outcome, Trajectories

torch = load("torch")
buffers = load("stable_baselines3.common.buffers")
gymnasium = load("gymnasium")

SOME = few()


def filled(batch: Trajectories, gae_lambda: float, critic: bool, resets: bool, gamma: float | None) -> Any:
    """Return a buffer that holds the steps of all trajectories, with its advantages computed."""
    mask = batch.mask
    starts = np.broadcast_to(np.arange(batch.num_steps) == 0, mask.shape)
    steps = {
        "reward": batch.rewards[mask],
        "episode_start": starts[mask] & resets,
        "value": batch.values[:, :-1][mask] * critic,
    }
    count = int(mask.sum())
    space = gymnasium.spaces.Discrete(1)
    gamma = batch.discount if gamma is None else gamma
    buffer = buffers.RolloutBuffer(count, space, space, device="cpu", gae_lambda=gae_lambda, gamma=gamma)
    for t in range(count):
        step = {name: values[t : t + 1] for name, values in steps.items()}
        value = torch.as_tensor(step.pop("value"))
        buffer.add(np.zeros(1), np.zeros(1), value=value, log_prob=torch.zeros(1), **step)
    buffer.compute_returns_and_advantage(torch.zeros(1), dones=np.array([True]))
    return buffer


def weights(
    batch: Trajectories,
    gae_lambda: float = 0.9,
    critic: bool = True,
    resets: bool = True,
    gamma: float | None = None,
    powers: bool = False,
) -> np.ndarray:
    """Return the buffer's advantages, laid out as [n, T]."""
    found = np.zeros(batch.mask.shape, dtype=np.float32)
    found[batch.mask] = filled(batch, gae_lambda, critic, resets, gamma).advantages[:, 0]
    return (found * batch.discount_powers).astype(np.float32) if powers else found


def test_advantages_are_gae_without_the_factor_gamma_to_the_t() -> None:
    # A perfect critic makes E[A_t | s_t, a_t] = Q_t − V_t for every λ; without γ^t that is the dropped-discount target.
    report = pgv.check(weights, kind="weights", problems=SOME)
    assert report.outcome is Outcome.OTHER_TARGET
    assert "discount_dropped" in report.explanation
    assert report.weights == ("GAE(λ = 0.9), without γ^t",)


def test_against_the_target_they_claim_they_are_right() -> None:
    report = pgv.check(weights, kind="weights", target="discount_dropped", problems=SOME)
    assert report.outcome is Outcome.CORRECT
    assert "single precision" in report.explanation  # the buffer is float32


def test_with_the_factor_they_estimate_the_policy_gradient() -> None:
    report = pgv.check(lambda batch: weights(batch, powers=True), kind="weights", problems=SOME)
    assert report.outcome is Outcome.CORRECT
    assert report.weights == ("GAE(λ = 0.9), with γ^t",)


def test_control_episode_starts_left_out() -> None:
    # λ = 1 and no critic: the advantages are returns, which now run on into the episode stored before.
    report = pgv.check(
        lambda batch: weights(batch, 1.0, critic=False, resets=False, powers=True),
        kind="weights",
        problems=problems("early-stop"),
    )
    assert report.outcome is Outcome.BIASED
    assert report.diagnosis == "return-crosses-episodes"


def test_control_discount_of_one() -> None:
    # Returns without a discount, summed without γ^t: the gradient of the undiscounted return, exactly.
    report = pgv.check(lambda batch: weights(batch, 1.0, critic=False, gamma=1.0), kind="weights", problems=SOME)
    assert report.outcome is Outcome.OTHER_TARGET
    assert "undiscounted_policy_gradient" in report.explanation
