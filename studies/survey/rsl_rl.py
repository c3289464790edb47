"""rsl-rl: `PPO.process_env_step` and `PPO.compute_returns`, unbound, on the steps of one environment."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few


class Critic:
    """A critic without a memory, whose value of the last observation is known."""

    def __init__(self, last: Any) -> None:
        self.last = last

    def __call__(self, _: Any) -> Any:
        """Return the value of the last observation."""
        return self.last

    def get_hidden_state(self) -> None:
        """Return that there is none."""

    def reset(self, *_: Any, **__: Any) -> None:
        """Forget nothing."""


def weights(*, cut: int | None, state: str = "its own", running_on: bool = False) -> Callable[[Trajectories], Any]:
    """Return a function from batches to advantages.

    `state`: whose value a time-out adds, "its own" as the library does it, or the one "reached". `running_on`: ends
    are not said.
    """

    def function(batch: Trajectories) -> Any:
        import torch
        from rsl_rl.algorithms import PPO

        steps = batch.steps(cut=cut)
        count = len(steps)
        stored: list[Any] = []
        storage = SimpleNamespace(
            num_transitions_per_env=count,
            add_transition=lambda transition: stored.append((transition.rewards, transition.dones, transition.values)),
        )
        critic = Critic(torch.tensor(steps.reset_values[-1:])[:, None])
        agent = SimpleNamespace(
            storage=storage,
            rnd=None,
            device="cpu",
            gamma=batch.discount,
            lam=0.9,
            actor=critic,
            critic=critic,
            normalize_advantage_per_mini_batch=True,
        )
        ends = (steps.terminated | steps.truncated) & (not running_on)
        kept = []
        for t in range(count):
            added = steps.values if state == "its own" else steps.next_values
            transition = SimpleNamespace(values=torch.tensor(added[t : t + 1])[:, None], clear=lambda: None)
            agent.transition = transition
            PPO.process_env_step(
                agent,
                None,
                torch.tensor(steps.rewards[t : t + 1]),
                torch.tensor(ends[t : t + 1]),
                {"time_outs": torch.tensor(steps.truncated[t : t + 1])},
            )
            kept.append(transition)
        storage.rewards = torch.stack([transition.rewards[:, None] for transition in kept])
        storage.dones = torch.tensor(ends)[:, None, None]
        storage.values = torch.tensor(steps.values)[:, None, None]
        storage.returns = torch.zeros_like(storage.values)
        PPO.compute_returns(agent, None)
        return steps.padded(storage.advantages[:, 0, 0].numpy())

    return function


def judged(**how: Any) -> Callable[[], Report]:
    return lambda: asked(weights(**how), kind="weights", target="discount_dropped", problems=few())


WHOLE = "PPO.compute_returns, λ = 0.9, episodes that end"
CUT = "PPO.compute_returns, episodes cut by a time-out"
CLAIM = "“Compute return and advantage targets from stored transitions” (algorithms/ppo.py)"
LOOP = "OnPolicyRunner.learn: process_env_step(obs, rewards, dones, extras) a step, then compute_returns(obs)"

SURVEY = Survey(
    "rsl-rl-lib",
    ("rsl-rl-lib==5.5.1", "torch==2.13.0"),
    ("rsl_rl.algorithms",),
    (
        SurveyRow(WHOLE, CLAIM, LOOP, judged(cut=None), Outcome.CORRECT),
        SurveyRow(
            "PPO.compute_returns, ends not said",
            CLAIM,
            "not so",
            judged(cut=None, running_on=True),
            Outcome.BIASED,
            Role.PLANTED,
            WHOLE,
        ),
        SurveyRow(
            CUT,
            CLAIM,
            LOOP,
            judged(cut=2),
            Outcome.BIASED,
            remark="a time-out adds γV of the state it acted in, not of the one reached; an approximation (rsl_rl#151)",
        ),
        SurveyRow(
            "PPO.compute_returns, a time-out adds γV of the state reached",
            CLAIM,
            "mended",
            judged(cut=2, state="reached"),
            Outcome.CORRECT,
            Role.RIGHT,
            CUT,
        ),
    ),
    "a time-out must be said in extras as well as in dones",
)
