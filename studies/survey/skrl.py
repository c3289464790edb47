"""skrl: `compute_gae` of PPO on the steps of one environment, with and without episodes that are cut.

Steps lie one after another in the memory, as `record_transition` puts them there; advantages are read off the returns,
for those that it hands out are normalised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few


def weights(*, cut: int | None, bootstrap: bool = False, early: bool = False) -> Callable[[Trajectories], Any]:
    """Return a function from batches to advantages; `bootstrap`: as with time_limit_bootstrap=True."""

    def function(batch: Trajectories) -> Any:
        import numpy as np
        import torch
        from skrl.agents.torch.ppo.ppo import compute_gae

        steps = batch.steps(cut=cut)
        rewards = steps.rewards
        if bootstrap:  # record_transition: the value of the next observation, where the episode was cut
            rewards = rewards + batch.discount * steps.next_values * steps.truncated
        ends = np.roll(steps.terminated, -1) if early else steps.terminated
        column = {
            name: torch.tensor(array)[:, None]
            for name, array in {
                "rewards": rewards,
                "terminated": ends,
                "truncated": steps.truncated,
                "values": steps.values,
            }.items()
        }
        returns, _ = compute_gae(
            **column,
            last_values=torch.tensor(steps.reset_values[-1:])[:, None],
            discount_factor=batch.discount,
            lambda_coefficient=0.9,
            time_limit_bootstrap=bootstrap,
        )
        return steps.padded((returns - column["values"])[:, 0].numpy())

    return function


def judged(**how: Any) -> Callable[[], Report]:
    return lambda: asked(weights(**how), kind="weights", target="discount_dropped", problems=few())


WHOLE = "PPO compute_gae, λ = 0.9, episodes that end"
CUT = "PPO compute_gae, λ = 0.9, cut episodes, default configuration"
CLAIM = "“Compute the Generalized Advantage Estimator (GAE)” (agents/torch/ppo/ppo.py)"
LOOP = "PPO.update calls it on the memory, where steps of an environment follow each other"

SURVEY = Survey(
    "skrl",
    ("skrl==2.1.1", "torch==2.13.0"),
    ("skrl.agents.torch.ppo.ppo",),
    (
        SurveyRow(WHOLE, CLAIM, LOOP, judged(cut=None), Outcome.CORRECT),
        SurveyRow(
            "compute_gae, terminated one step early",
            CLAIM,
            "not so",
            judged(cut=None, early=True),
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
            remark="time_limit_bootstrap is False: it runs on across the cut into the next episode (skrl#449)",
        ),
        SurveyRow(
            "PPO compute_gae, cut episodes, time_limit_bootstrap=True",
            CLAIM,
            "with the setting on, as record_transition then adds γV of the next observation",
            judged(cut=2, bootstrap=True),
            Outcome.CORRECT,
            Role.RIGHT,
            CUT,
        ),
    ),
    "the advantages that it hands out are normalised",
)
