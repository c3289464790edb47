"""xuance: paths of the on-policy buffer as its agents finish them, and the updates of three learners.

Steps of one environment are stored one after another, and `finish_path` is called at every end, with 0 where the
episode terminated and else with what the agent's `get_terminated_values` says of the state reached. The updates are
unbound, with an optimiser that takes no step.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few, problems
from pgverify.survey.own_step import idle, left_behind, times_steps, weighted


def weights(gae: bool, *, cut: int | None = None, goes_on: str = "value", ends_said: bool = True) -> Any:
    """Return a function from batches to advantages (`gae`), or to returns.

    `goes_on`: with what a path that was cut goes on, the "value" of the state reached, or what PG_Agent says of it.
    """

    def function(batch: Trajectories) -> Any:
        import gymnasium
        from xuance.common.memory_tools import DummyOnPolicyBuffer
        from xuance.torch.agents.policy_gradient.pg_agent import PG_Agent

        steps = batch.steps(cut=cut)
        count = len(steps)
        space = gymnasium.spaces.Discrete(2)
        buffer = DummyOnPolicyBuffer(space, space, {}, 1, count, gae, False, batch.discount, 0.9)
        agent = SimpleNamespace(_process_reward=lambda rewards: rewards)
        for t in range(count):
            value = steps.values[t : t + 1] if gae else np.zeros(1)
            terminal = steps.terminated[t : t + 1] & ends_said
            buffer.store(np.zeros(1), np.zeros(1), steps.rewards[t : t + 1], value, terminal)
            if goes_on == "value":
                reached = np.where(steps.terminated, steps.reset_values, steps.next_values)[t : t + 1]
            else:
                reached = PG_Agent.get_terminated_values(agent, None, steps.rewards[t : t + 1])
            if buffer.full or steps.terminated[t] or steps.truncated[t]:
                buffer.finish_path(0.0 if terminal[0] else reached[0], 0)
        return steps.padded((buffer.advantages if gae else buffer.returns)[0].astype(np.float32))

    return function


def judged(gae: bool, *names: str, **how: Any) -> Callable[[], Report]:
    chosen = problems(*names) if names else few()
    return lambda: asked(weights(gae, **how), kind="weights", target="discount_dropped", problems=chosen)


def loss_of(name: str, whole: bool = False, powers: bool = True) -> Any:
    """Return the estimator of the update of "PG", "A2C" or "PPO"; `whole`: times T, so that it is no mean."""

    def update(logits: Any, batch: Any) -> None:
        import torch
        from xuance.torch.learners.policy_gradient import a2c_learner, pg_learner, ppo_learner

        learners = {"PG": pg_learner.PG_Learner, "A2C": a2c_learner.A2C_Learner, "PPO": ppo_learner.PPO_Learner}
        flat = logits[batch.mask]
        advantages = weighted(batch, powers)[batch.mask]
        if whole:
            advantages = advantages * times_steps(batch)
        distribution = torch.distributions.Categorical(logits=flat)
        callback = SimpleNamespace(on_update_start=lambda *_, **__: {}, on_update_end=lambda *_, **__: {})
        learner = SimpleNamespace(
            iterations=0,
            device="cpu",
            callback=callback,
            policy=lambda _: (None, distribution, torch.zeros(len(flat), dtype=flat.dtype)),
            optimizer=idle(),
            scheduler=None,
            use_grad_clip=False,
            distributed_training=False,
            mse_loss=torch.nn.MSELoss(),
            ent_coef=0.0,
            vf_coef=0.25,
            clip_range=0.2,
        )
        samples = {
            "obs": np.zeros(len(flat)),
            "actions": batch.actions[batch.mask],
            "returns": advantages,
            "advantages": advantages,
            "aux_batch": {"old_logp": batch.log_probs[batch.mask]},
        }
        learners[name].update(learner, **samples)

    return left_behind(update)


def stepped(name: str, *names: str, **how: Any) -> Callable[[], Report]:
    return lambda: asked(loss_of(name, **how), problems=problems(*names))


GAE, GAE_CUT = "DummyOnPolicyBuffer.finish_path, λ = 0.9", "DummyOnPolicyBuffer.finish_path, λ = 0.9, cut episodes"
RETURNS = "PG_Agent's returns: finish_path, use_gae=False"
RETURNS_CUT = "PG_Agent's returns: finish_path, use_gae=False, cut episodes"
CLAIM = "“use_gae: if use GAE trick”, “gae_lam: gae lambda” (common/memory_tools.py)"
VALUES = "“Compute value estimates for terminal/terminated states … used for bootstrapping” (agents/core/on_policy.py)"
LOOP = "OnPolicyAgent.train: store() a step; at an end finish_path(0), at a cut finish_path(get_terminated_values)"
LOSS_LOOP = "OnPolicyAgent.train_epochs: update(**memory.sample(indices)), a mean over the steps of a minibatch"
LEARNERS = {
    "PG": "“Policy Gradient (PG)” (learners/policy_gradient/pg_learner.py)",
    "A2C": "“Advantage Actor-Critic (A2C)” (learners/policy_gradient/a2c_learner.py)",
    "PPO": "“ppo-clip core implementations” (learners/policy_gradient/ppo_learner.py)",
}

SURVEY = Survey(
    "xuance",
    (
        "xuance==1.4.4",
        "torch==2.13.0",
        "gymnasium==1.4.0",
        "opencv-python-headless==5.0.0.93",
        "pyglet==1.5.15",
        "PyYAML==6.0.3",
        "tensorboard==2.21.0",
        "tqdm==4.70.1",
        "wandb==0.31.0",
    ),
    ("xuance.torch.agents.policy_gradient.pg_agent", "xuance.torch.learners.policy_gradient.ppo_learner"),
    (
        SurveyRow(GAE, CLAIM, LOOP, judged(True), Outcome.CORRECT),
        SurveyRow(GAE_CUT, CLAIM, LOOP, judged(True, cut=2), Outcome.CORRECT),
        *(
            SurveyRow(
                f"{of}, ends not said",
                CLAIM,
                "not so",
                judged(gae, "early-stop", "coin-door", cut=cut, ends_said=False),
                Outcome.BIASED,
                Role.PLANTED,
                of,
            )
            for of, gae, cut in ((GAE, True, None), (GAE_CUT, True, 2), (RETURNS, False, None))
        ),
        SurveyRow(RETURNS, CLAIM, LOOP, judged(False), Outcome.CORRECT),
        SurveyRow(
            RETURNS_CUT,
            VALUES,
            LOOP,
            judged(False, cut=2, goes_on="PG_Agent"),
            Outcome.BIASED,
            remark="PG_Agent.get_terminated_values returns the last reward for the value of the state reached: it is "
            "counted twice, rewards 1, 10, 100 give 211, 210, 200",
        ),
        SurveyRow(
            "finish_path, use_gae=False, cut episodes, V of the state reached",
            VALUES,
            "as OnPolicyAgent.get_terminated_values has it, for agents with a critic",
            judged(False, cut=2),
            Outcome.CORRECT,
            Role.RIGHT,
            RETURNS_CUT,
        ),
        *(
            SurveyRow(
                f"{name}_Learner.update",
                claim,
                LOSS_LOOP,
                stepped(name, "coin", "delayed-reward"),
                Outcome.SCALED,
                remark="a mean over the steps of the minibatch: 1/T",
            )
            for name, claim in LEARNERS.items()
        ),
        *(
            SurveyRow(
                f"{name}_Learner.update, without γ^t",
                claim,
                "not so",
                stepped(name, "delayed-reward", powers=False, whole=True),
                Outcome.OTHER_TARGET,
                Role.PLANTED,
                f"{name}_Learner.update",
            )
            for name, claim in LEARNERS.items()
        ),
    ),
    "a path has to be finished with the value of the state reached, before the reset",
    complete=True,  # it asks for NumPy 1
)
