"""agilerl: `RolloutBuffer.compute_returns_and_advantages` on steps as `collect_rollouts` stores them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Literal, TypeAlias

import numpy as np

from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few

Autoreset: TypeAlias = Literal["same-step", "next-step"]


def weights(
    *, gae: bool, shifted: bool = False, running_on: bool = False, autoreset: Autoreset = "same-step"
) -> Callable[[Trajectories], Any]:
    """Return a function from batches to advantages; `shifted`: done of the step before, which its recursion reads.

    `autoreset`: with "next-step" the buffer holds the steps on which the environment only resets itself, too.
    """

    def function(batch: Trajectories) -> Any:
        import torch
        from agilerl.components.rollout_buffer import RolloutBuffer

        steps = batch.steps(autoreset=autoreset)
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
NEXT = "RolloutBuffer.compute_returns_and_advantages, use_gae=True, steps of AutoresetMode.NEXT_STEP"
NEXT_RETURNS = "RolloutBuffer.compute_returns_and_advantages, use_gae=False, steps of AutoresetMode.NEXT_STEP"
VECTOR = (
    "collect_rollouts adds every step of make_vect_envs, an AsyncVectorEnv as Gymnasium has it by default: “the step "
    "after a termination/truncation resets the environment” (vector/dummy_vec_env.py)"
)
KEPT = (
    "on the steps that were taken; those on which the environment only resets itself are in the buffer and learned "
    "from: noise for the policy, and γ times what the next episode earns as the critic's target"
)
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
        SurveyRow(
            NEXT,
            CLAIM,
            VECTOR,
            judged(gae=True, autoreset="next-step"),
            Outcome.BIASED,
            remark="as without: it stops one step before each end, and runs on into the next episode",
        ),
        SurveyRow(
            "use_gae=True, steps of AutoresetMode.NEXT_STEP, done of the step before",
            CLAIM,
            "mended",
            judged(gae=True, shifted=True, autoreset="next-step"),
            Outcome.CORRECT,
            Role.RIGHT,
            NEXT,
            remark=KEPT,
        ),
        SurveyRow(
            NEXT_RETURNS,
            CLAIM,
            VECTOR,
            judged(gae=False, autoreset="next-step"),
            Outcome.CORRECT,
            remark=KEPT,
        ),
        SurveyRow(
            "use_gae=False, steps of AutoresetMode.NEXT_STEP, ends not said",
            CLAIM,
            "not so",
            judged(gae=False, running_on=True, autoreset="next-step"),
            Outcome.BIASED,
            Role.PLANTED,
            NEXT_RETURNS,
        ),
    ),
    "its two branches read done in two ways",
)
