"""skrl: `compute_gae` of PPO on the steps of one environment, with and without episodes that are cut.

Steps lie one after another in the memory, as `record_transition` puts them there; advantages are read off the returns,
for those that it hands out are normalised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few

Autoreset: TypeAlias = Literal["same-step", "next-step"]


def weights(
    *, cut: int | None, bootstrap: bool = False, early: bool = False, autoreset: Autoreset | None = None
) -> Callable[[Trajectories], Any]:
    """Return a function from batches to advantages; `bootstrap`: as with time_limit_bootstrap=True.

    `autoreset`: the steps as a vectorised environment of Gymnasium hands them out, every one of which the trainer
    records, with the observation that is returned, whatever stands in `infos`; without it the last observation of an
    episode is returned, and no step is one on which the environment only resets itself.
    """

    def function(batch: Trajectories) -> Any:
        import numpy as np
        import torch
        from skrl.agents.torch.ppo.ppo import compute_gae

        steps = batch.steps(cut=cut, autoreset=autoreset or "same-step")
        rewards = steps.rewards
        if bootstrap:  # record_transition: the value of the next observation, where the episode was cut
            returned = steps.reset_values if autoreset == "same-step" else steps.next_values
            rewards = rewards + batch.discount * returned * steps.truncated
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
SAME_STEP = "PPO compute_gae, cut episodes, time_limit_bootstrap=True, a vector environment of AutoresetMode.SAME_STEP"
BOOTSTRAP = (
    "time_limit_bootstrap: “Whether to bootstrap at timeout termination (episode truncation)” "
    "(agents/torch/ppo/ppo_cfg.py)"
)
VECTOR = "SequentialTrainer.train hands record_transition every step of the wrapped environment; infos are not read"
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
        SurveyRow(
            SAME_STEP,
            BOOTSTRAP,
            VECTOR,
            judged(cut=2, bootstrap=True, autoreset="same-step"),
            Outcome.BIASED,
            remark="γV of the observation after the reset is added: the last one of the episode stands in "
            'infos["final_obs"], which the wrapper does not read',
        ),
        SurveyRow(
            "the same, of AutoresetMode.NEXT_STEP, as by default",
            BOOTSTRAP,
            VECTOR,
            judged(cut=2, bootstrap=True, autoreset="next-step"),
            Outcome.CORRECT,
            Role.RIGHT,
            SAME_STEP,
            remark="on the steps that were taken; those on which the environment only resets itself are recorded and "
            "learned from: noise for the policy, and γV of another episode as the critic's target",
        ),
        SurveyRow(
            "the same, of AutoresetMode.NEXT_STEP, time_limit_bootstrap=False",
            BOOTSTRAP,
            "not so",
            judged(cut=2, bootstrap=False, autoreset="next-step"),
            Outcome.BIASED,
            Role.PLANTED,
            SAME_STEP,
        ),
    ),
    "the advantages that it hands out are normalised",
)
