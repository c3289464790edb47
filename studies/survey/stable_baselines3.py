"""stable-baselines3: the rollout buffer's advantages and returns, judged as step weights.

The buffer is filled as `collect_rollouts` does it: one environment, the episodes of the batch one after another,
`episode_starts` at their first steps, and `dones` for the last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few, problems


def filled(batch: Trajectories, gae_lambda: float, critic: bool, resets: bool, gamma: float | None) -> Any:
    """Return a buffer that holds the steps of all trajectories, with its advantages computed."""
    import gymnasium
    import torch
    from stable_baselines3.common.buffers import RolloutBuffer

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
    buffer = RolloutBuffer(count, space, space, device="cpu", gae_lambda=gae_lambda, gamma=gamma)
    for t in range(count):
        step = {name: values[t : t + 1] for name, values in steps.items()}
        value = torch.as_tensor(step.pop("value"))
        buffer.add(np.zeros(1), np.zeros(1), value=value, log_prob=torch.zeros(1), **step)
    buffer.compute_returns_and_advantage(torch.zeros(1), dones=np.array([True]))
    return buffer


def weights(
    gae_lambda: float = 0.9,
    critic: bool = True,
    resets: bool = True,
    gamma: float | None = None,
    powers: bool = False,
    returns: bool = False,
) -> Callable[[Trajectories], Any]:
    """Return a function from batches to the buffer's advantages (`returns`: its returns less V), laid out as [n, T]."""

    def function(batch: Trajectories) -> Any:
        buffer = filled(batch, gae_lambda, critic, resets, gamma)
        found = np.zeros(batch.mask.shape, dtype=np.float32)
        steps = buffer.returns - buffer.values if returns else buffer.advantages
        found[batch.mask] = steps[:, 0]
        return (found * batch.discount_powers).astype(np.float32) if powers else found

    return function


def judged(target: str = "discount_dropped", names: tuple[str, ...] = (), **how: Any) -> Callable[[], Report]:
    chosen = problems(*names) if names else few()
    return lambda: asked(weights(**how), kind="weights", target=target, problems=chosen)


LOOP = "OnPolicyAlgorithm.collect_rollouts adds step after step, and calls it with the values and dones of the last"


def whole_agent(algorithm: str, **settings: Any) -> Callable[[], Report]:
    """Return the question whether an algorithm as it runs follows the gradient of its window, whatever it draws."""

    def judge() -> Report:
        from pgverify.adapters import stable_baselines3

        update = stable_baselines3.update(algorithm, policy_kwargs={"net_arch": [8]}, **settings)
        return asked(update, kind="agent", problems=problems("early-stop"))

    return judge


LEARN = (
    "learn: collect_rollouts and train as they are, every draw dictated; the gradient where the optimiser would step"
)
CLAIM = "“Compute the lambda-return … and GAE(λ) advantage” (common/buffers.py)"
GAE = "RolloutBuffer.compute_returns_and_advantage, λ = 0.9"

SURVEY = Survey(
    "stable-baselines3",
    ("stable-baselines3==2.9.2", "torch==2.13.0"),
    ("stable_baselines3.common.buffers",),
    (
        SurveyRow(GAE, CLAIM, LOOP, judged(), Outcome.CORRECT, remark="in single precision, as the buffer is"),
        SurveyRow(
            "RolloutBuffer.returns, less V",
            CLAIM,
            LOOP,
            judged(returns=True),
            Outcome.CORRECT,
        ),
        SurveyRow(
            "RolloutBuffer.compute_returns_and_advantage, λ = 1, no critic",
            "“To obtain Monte-Carlo advantage estimate … set gae_lambda=1.0”",
            LOOP,
            judged(gae_lambda=1.0, critic=False),
            Outcome.CORRECT,
        ),
        SurveyRow(
            "the same as an estimate of ∇J",
            "none: the advantage carries no γ^t",
            LOOP,
            judged("policy_gradient"),
            Outcome.OTHER_TARGET,
            remark="the usual choice: the discount dropped",
        ),
        SurveyRow(
            "the same, times γ^t",
            "the policy gradient",
            "with the factor that the theorem has",
            judged("policy_gradient", powers=True),
            Outcome.CORRECT,
            Role.RIGHT,
            "the same as an estimate of ∇J",
        ),
        SurveyRow(
            "episode_starts left out",
            CLAIM,
            "not so",
            judged("policy_gradient", ("early-stop",), gae_lambda=1.0, critic=False, resets=False, powers=True),
            Outcome.BIASED,
            Role.PLANTED,
            GAE,
        ),
        SurveyRow(
            "γ = 1",
            CLAIM,
            "not so",
            judged("policy_gradient", gae_lambda=1.0, critic=False, gamma=1.0),
            Outcome.OTHER_TARGET,
            Role.PLANTED,
            GAE,
        ),
        SurveyRow(
            "A2C.learn, one rollout, the whole agent",
            "“Advantage Actor Critic (A2C)” (a2c/a2c.py)",
            LEARN,
            whole_agent("A2C", n_steps=2),
            Outcome.CORRECT,
        ),
        SurveyRow(
            "PPO.learn, normalize_advantage=False, one full batch, the whole agent",
            "“Proximal Policy Optimization algorithm (PPO) (clip version)” (ppo/ppo.py)",
            LEARN,
            whole_agent("PPO", n_steps=2, normalize_advantage=False),
            Outcome.CORRECT,
        ),
    ),
    "a cut is right only where the caller has added γV to the reward, as collect_rollouts does",
)
