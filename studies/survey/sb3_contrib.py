"""sb3-contrib: the rollout buffers of its masked and recurrent agents, and the objective whose gradient TRPO follows.

Buffers are filled as `collect_rollouts` does it: step after step, `episode_starts` at the first ones; at a cut it adds
γV of the state reached to the reward, and calls the step after it the start of an episode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few, problems
from pgverify.survey.own_step import left_behind, times_steps, weighted


def made(name: str, count: int, gamma: float) -> Any:
    """Return an empty buffer for so many steps of one environment."""
    import gymnasium
    from sb3_contrib.common.maskable.buffers import MaskableRolloutBuffer
    from sb3_contrib.common.recurrent.buffers import RecurrentRolloutBuffer

    space = gymnasium.spaces.Discrete(2)
    how: dict[str, Any] = {"device": "cpu", "gae_lambda": 0.9, "gamma": gamma}
    if name == "masked":
        return MaskableRolloutBuffer(count, space, space, **how)
    return RecurrentRolloutBuffer(count, space, space, (count, 1, 1, 1), **how)


def weights(
    name: str, cut: int | None = None, added: bool = True, starts: bool = True
) -> Callable[[Trajectories], Any]:
    """Return a function from batches to advantages; `added`: γV of the state reached at a cut, as the loop has it."""

    def function(batch: Trajectories) -> Any:
        import torch

        steps = batch.steps(cut=cut)
        count = len(steps)
        buffer = made(name, count, batch.discount)
        rewards = steps.rewards + batch.discount * steps.next_values * steps.truncated * added
        empty = torch.zeros(1, 1, 1)
        more = {} if name == "masked" else {"lstm_states": SimpleNamespace(pi=(empty, empty), vf=(empty, empty))}
        for t in range(count):
            buffer.add(
                np.zeros(1),
                np.zeros(1),
                rewards[t : t + 1],
                steps.episode_start[t : t + 1] & starts,
                torch.as_tensor(steps.values[t : t + 1]),
                torch.zeros(1),
                **more,
            )
        ended = (steps.terminated | steps.truncated)[-1:]
        buffer.compute_returns_and_advantage(torch.as_tensor(steps.reset_values[-1:]), dones=ended)
        return steps.padded(buffer.advantages[:, 0]).astype(np.float32)

    return function


def judged(name: str, *names: str, **how: Any) -> Callable[[], Report]:
    chosen = problems(*names) if names else few()
    return lambda: asked(weights(name, **how), kind="weights", target="discount_dropped", problems=chosen)


class Followed(Exception):
    """The gradient of the objective is there: the search along it is not asked about."""


def objective(whole: bool = False, powers: bool = True, normalise: bool = False) -> Any:
    """Return the estimator of the gradient of TRPO's surrogate objective, as `TRPO.train` computes it."""

    def update(logits: Any, batch: Any) -> None:
        import torch
        from sb3_contrib import TRPO

        flat = logits[batch.mask]
        advantages = weighted(batch, powers)[batch.mask]
        if whole:
            advantages = advantages * times_steps(batch)
        data = SimpleNamespace(
            observations=None,
            actions=batch.actions[batch.mask],
            old_log_prob=batch.log_probs[batch.mask],
            advantages=advantages,
        )

        def actor_gradient(_: Any, surrogate: Any) -> None:
            (-surrogate).backward()
            raise Followed

        agent = SimpleNamespace(
            policy=SimpleNamespace(
                set_training_mode=lambda _: None,
                optimizer=SimpleNamespace(zero_grad=lambda: None),
                get_distribution=lambda _: torch.distributions.Categorical(logits=flat),
            ),
            _update_learning_rate=lambda _: None,
            rollout_buffer=SimpleNamespace(get=lambda **_: [data]),
            sub_sampling_factor=1,
            action_space=None,
            normalize_advantage=normalise,
            _compute_actor_grad=actor_gradient,
        )
        with without_kl():
            TRPO.train(agent)

    return left_behind(update)


@contextmanager
def without_kl() -> Iterator[None]:
    """Let TRPO's divergence of distributions of torch be zero: it is no part of the objective's gradient."""
    from sb3_contrib.trpo import trpo

    own = trpo.kl_divergence
    trpo.kl_divergence = lambda new, _: 0.0 * new.logits.detach().sum(-1)
    try:
        yield
    except Followed:
        pass
    finally:
        trpo.kl_divergence = own


def followed(*names: str, **how: Any) -> Callable[[], Report]:
    return lambda: asked(objective(**how), problems=problems(*names))


LOOP = "{} collect_rollouts adds step after step, and calls it with the values and dones of the last"
LOOPS = {"masked": LOOP.format("MaskablePPO."), "recurrent": LOOP.format("RecurrentPPO.")}
CLAIM = "“Rollout buffer that also stores the invalid action masks” (common/maskable/buffers.py)"
RECURRENT = "“Rollout buffer that also stores the LSTM cell and hidden states” (common/recurrent/buffers.py)"
BUFFERS = {"masked": ("MaskableRolloutBuffer", CLAIM), "recurrent": ("RecurrentRolloutBuffer", RECURRENT)}
TRPO = "TRPO.train, the gradient of its objective, normalize_advantage=False"
NORMALISED = "TRPO.train, the gradient of its objective, as by default"
TRPO_CLAIM = "“surrogate policy objective” (trpo/trpo.py)"
TRPO_LOOP = "TRPO.train takes the whole rollout at once, and follows the natural gradient of this mean over its steps"

SURVEY = Survey(
    "sb3-contrib",
    ("sb3-contrib==2.9.2", "stable-baselines3==2.9.2", "torch==2.13.0"),
    ("sb3_contrib",),
    (
        *(
            SurveyRow(
                f"{buffer}.compute_returns_and_advantage, λ = 0.9", claim, LOOPS[name], judged(name), Outcome.CORRECT
            )
            for name, (buffer, claim) in BUFFERS.items()
        ),
        *(
            SurveyRow(
                f"{buffer}.compute_returns_and_advantage, λ = 0.9, cut episodes",
                claim,
                LOOPS[name] + "; at a time limit it adds γV(terminal_observation) to the reward",
                judged(name, cut=2),
                Outcome.CORRECT,
            )
            for name, (buffer, claim) in BUFFERS.items()
        ),
        *(
            SurveyRow(
                f"{buffer}, cut episodes, nothing added at the cut",
                claim,
                "not so",
                judged(name, "early-stop", "coin-door", "random-end", cut=2, added=False),
                Outcome.BIASED,
                Role.PLANTED,
                f"{buffer}.compute_returns_and_advantage, λ = 0.9, cut episodes",
            )
            for name, (buffer, claim) in BUFFERS.items()
        ),
        *(
            SurveyRow(
                f"{buffer}, episode_starts left out",
                claim,
                "not so",
                judged(name, "early-stop", "coin-door", starts=False),
                Outcome.BIASED,
                Role.PLANTED,
                f"{buffer}.compute_returns_and_advantage, λ = 0.9",
            )
            for name, (buffer, claim) in BUFFERS.items()
        ),
        SurveyRow(
            TRPO,
            TRPO_CLAIM,
            TRPO_LOOP,
            followed("coin", "delayed-reward"),
            Outcome.SCALED,
            remark="a mean over the steps of the rollout: 1/T",
        ),
        SurveyRow(
            "TRPO.train, without γ^t",
            TRPO_CLAIM,
            "not so",
            followed("delayed-reward", powers=False, whole=True),
            Outcome.OTHER_TARGET,
            Role.PLANTED,
            TRPO,
        ),
        SurveyRow(
            NORMALISED,
            "“normalize_advantage: Whether to normalize or not the advantage” (trpo/trpo.py)",
            TRPO_LOOP,
            followed("delayed-reward", normalise=True),
            Outcome.BIASED,
            remark="divided by the deviation of its own batch; documented, and the default",
        ),
        SurveyRow(
            "TRPO.train, not normalised, times T",
            TRPO_CLAIM,
            "mended",
            followed("delayed-reward", "early-stop", whole=True),
            Outcome.CORRECT,
            Role.RIGHT,
            NORMALISED,
        ),
    ),
    "a cut is right only where the caller has added γV to the reward, as collect_rollouts does",
)
