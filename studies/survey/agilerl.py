"""agilerl: `RolloutBuffer.compute_returns_and_advantages` on steps as `collect_rollouts` stores them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few


def weights(*, gae: bool, shifted: bool = False, running_on: bool = False) -> Callable[[Trajectories], Any]:
    """Return a function from batches to advantages; `shifted`: done of the step before, which its recursion reads."""

    def function(batch: Trajectories) -> Any:
        import torch
        from agilerl.components.rollout_buffer import RolloutBuffer

        steps = batch.steps()
        ends = steps.terminated & (not running_on)
        stored = np.concatenate([[False], ends[:-1]]) if shifted else ends
        arrays = {"rewards": steps.rewards, "dones": stored, "values": steps.values}
        column = {name: torch.tensor(array)[:, None] for name, array in arrays.items()}
        column |= {name: torch.zeros_like(column["values"]) for name in ("advantages", "returns")}
        buffer = SimpleNamespace(
            buffer=column,
            capacity=len(steps),
            pos=len(steps),
            full=True,
            num_envs=1,
            use_gae=gae,
            gamma=batch.discount,
            gae_lambda=0.9,
        )
        RolloutBuffer.compute_returns_and_advantages(buffer, steps.reset_values[-1:], ends[-1:])
        return steps.padded(np.asarray(buffer.buffer["advantages"][:, 0]).astype(np.float32))

    return function


def judged(**how: Any) -> Callable[[], Report]:
    return lambda: asked(weights(**how), kind="weights", target="discount_dropped", problems=few())


GAE = "RolloutBuffer.compute_returns_and_advantages, use_gae=True, λ = 0.9"
RETURNS = "RolloutBuffer.compute_returns_and_advantages, use_gae=False"
CLAIM = "“Compute returns and advantages for the stored experiences using GAE or Monte Carlo” (rollout_buffer.py)"
LOOP = "collect_rollouts: add(done=term or trunc of the step just taken), then this with last_value and last_done"

SURVEY = Survey(
    "agilerl",
    ("agilerl==2.58.0", "torch==2.13.0", "peft==0.21.2"),
    ("agilerl.components.rollout_buffer",),
    (
        SurveyRow(
            GAE,
            CLAIM,
            LOOP,
            judged(gae=True),
            Outcome.BIASED,
            remark="done of step t is stored, done of t + 1 is read: rewards 1, 10, 100 give 11, 10, 111",
        ),
        SurveyRow(
            "use_gae=True, done of the step before",
            CLAIM,
            "mended",
            judged(gae=True, shifted=True),
            Outcome.CORRECT,
            Role.RIGHT,
            GAE,
        ),
        SurveyRow(RETURNS, CLAIM, LOOP, judged(gae=False), Outcome.CORRECT),
        SurveyRow(
            "use_gae=False, ends not said",
            CLAIM,
            "not so",
            judged(gae=False, running_on=True),
            Outcome.BIASED,
            Role.PLANTED,
            RETURNS,
        ),
    ),
    "its two branches read done in two ways",
)
