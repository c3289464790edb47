"""pfrl: its REINFORCE agent, whole: `act` and `observe` are called as its training loop does, with actions dictated.

The log-probability of each step is a leaf of the graph: what the agent's own backward pass leaves in its gradient is
minus the weight of that step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few


class Dictated:
    """What the agent reads of a distribution over actions."""

    def __init__(self, action: int, leaf: Any) -> None:
        self.action, self.leaf = action, leaf

    def sample(self) -> Any:
        """Return the action that is dictated."""
        import torch

        return torch.tensor([self.action])

    def log_prob(self, _: Any) -> Any:
        """Return the leaf of the graph."""
        return self.leaf

    def entropy(self) -> Any:
        """Return nothing: its bonus is off."""
        return 0.0 * self.leaf.detach()


def mended(agent: Any) -> Any:
    """Return the agent with the rewards of every episode as the environment paid them."""
    own = agent.accumulate_grad

    def accumulate_grad() -> None:
        agent.reward_sequences = [[0.0, *rewards[:-1]] for rewards in agent.reward_sequences]
        own()

    agent.accumulate_grad = accumulate_grad
    return agent


def weights(mend: bool = False, late: bool = False) -> Callable[[Trajectories], Any]:
    """Return a function from batches to the agent's weights; `late`: rewards are handed over one step too late."""

    def function(batch: Trajectories) -> Any:
        import torch
        from pfrl.agents import REINFORCE

        found = np.zeros(batch.mask.shape)
        for row, length in enumerate(batch.lengths):
            leaves = [torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in range(length)]
            script = iter(zip(batch.actions[row], leaves, strict=False))
            optimizer = torch.optim.SGD(leaves, lr=0.0)
            agent = REINFORCE(lambda _, script=script: Dictated(*next(script)), optimizer, batchsize=1)
            agent = mended(agent) if mend else agent
            rewards = np.roll(batch.rewards[row, :length], 1) if late else batch.rewards[row]
            observation = np.zeros(1, dtype=np.float32)
            for t in range(length):
                agent.act(observation)
                agent.observe(observation, rewards[t], t == length - 1, False)
            found[row, :length] = [-float(leaf.grad) for leaf in leaves]
        return found

    # A model is called with a batch of observations and is no module here: nothing of it is trained.
    return function


def judged(**how: bool) -> Callable[[], Report]:
    target = "undiscounted_policy_gradient"
    return lambda: asked(weights(**how), kind="weights", target=target, problems=few())


AGENT = "agents.REINFORCE, whole"
CLAIM = "“William's episodic REINFORCE” (agents/reinforce.py), “returns (=sum of future rewards)”"
LOOP = "experiments.train_agent: act, step, observe(obs, reward, done, reset)"

SURVEY = Survey(
    "pfrl",
    ("pfrl==0.4.0", "torch==2.13.0"),
    ("pfrl.agents",),
    (
        SurveyRow(
            AGENT,
            CLAIM,
            LOOP,
            judged(),
            Outcome.BIASED,
            remark="the last reward is stored twice and the first then dropped: rewards 1, 10, 100 give 210, 200, 100",
        ),
        SurveyRow(
            "REINFORCE with the rewards as they were paid",
            CLAIM,
            "mended",
            judged(mend=True),
            Outcome.CORRECT,
            Role.RIGHT,
            AGENT,
        ),
        SurveyRow(
            "REINFORCE, mended, rewards one step late",
            CLAIM,
            "not so",
            judged(mend=True, late=True),
            Outcome.BIASED,
            Role.PLANTED,
            AGENT,
        ),
    ),
    "rewards have no discount in it",
)
