"""RLlib: advantages of both API stacks, V-trace, and the loss of `PPOTorchLearner`.

Episodes are handed over piece by piece, as `SampleBatch` and `SingleAgentEpisode` have them: with the value of the
state that a piece has reached, which is 0 where the episode has terminated.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np

import pgverify as pgv
from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few, problems


def old_stack(steps: Any, piece: slice, gamma: float, gae: bool = True, last: bool = True) -> Any:
    """Return the advantages of `compute_advantages`; without `last` the value of the state reached is left out."""
    from ray.rllib.evaluation.postprocessing import compute_advantages

    reached = steps.next_values[piece][-1] if last else 0.0
    rollout = {"rewards": steps.rewards[piece], "vf_preds": steps.values[piece]}
    return compute_advantages(rollout, reached, gamma, 0.9, use_gae=gae)["advantages"]


def new_stack(steps: Any, piece: slice, gamma: float, apart: bool = True) -> Any:
    """Return the targets less V of `compute_value_targets`, with the timestep that the connector adds."""
    from ray.rllib.utils.postprocessing.value_predictions import compute_value_targets

    count = len(steps.rewards[piece])
    flags = np.zeros((2, 2 * (count + 1)), dtype=bool)
    flags[:, count - 1] = steps.terminated[piece][-1], not steps.terminated[piece][-1]
    flags = flags if apart else np.zeros_like(flags)
    values, rewards = np.append(steps.values[piece], steps.next_values[piece][-1]), np.append(steps.rewards[piece], 0.0)
    # A second episode follows in the batch: nothing of it may be seen in the first.
    values, rewards = np.append(values, values + 1.0), np.append(rewards, rewards + 1.0)
    targets = compute_value_targets(values, rewards, *flags, gamma=gamma, lambda_=0.9)
    return (targets - values.astype(np.float32))[:count]


def vtrace(steps: Any, piece: slice, gamma: float) -> Any:
    """Return the policy-gradient advantages of `vtrace_torch`, on-policy."""
    import torch
    from ray.rllib.algorithms.impala.torch.vtrace_torch_v2 import vtrace_torch

    column = {
        "rewards": steps.rewards[piece],
        "values": steps.values[piece],
        "discounts": gamma * ~steps.terminated[piece],
        "target_action_log_probs": steps.log_probs[piece],
        "behaviour_action_log_probs": steps.log_probs[piece],
    }
    tensors = {name: torch.tensor(array)[:, None] for name, array in column.items()}
    return vtrace_torch(**tensors, bootstrap_values=torch.tensor(steps.next_values[piece][-1:]))[1][:, 0].numpy()


def judged(function: Callable[..., Any], cut: int | None = None, **how: Any) -> Callable[[], Report]:
    """Return the question whether advantages, computed piece by piece, are right."""

    def weights(batch: Trajectories) -> Any:
        steps = batch.steps(cut=cut)
        starts = [*np.flatnonzero(steps.episode_start), len(steps)]
        found = np.zeros(len(steps), dtype=np.float64 if function is vtrace else np.float32)
        for first, end in pairwise(starts):
            found[first:end] = function(steps, slice(first, end), batch.discount, **how)
        return steps.padded(found).astype(found.dtype)

    return lambda: asked(weights, kind="weights", target="discount_dropped", problems=few())


def loss(summed: bool = False, powers: bool = True) -> Any:
    """Return the estimator of `compute_loss_for_module` without critic and penalties; `summed`: times the steps."""
    import torch
    from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner

    class Categorical(torch.distributions.Categorical):
        @classmethod
        def from_logits(cls, logits: Any) -> Any:
            return cls(logits=logits)

        logp = torch.distributions.Categorical.log_prob

    one = SimpleNamespace(
        get_train_action_dist_cls=lambda: Categorical, get_exploration_action_dist_cls=lambda: Categorical
    )
    still = SimpleNamespace(get_current_value=lambda: 0.0)
    learner = SimpleNamespace(
        module={"": SimpleNamespace(unwrapped=lambda: one)},
        entropy_coeff_schedulers_per_module={"": still},
        metrics=SimpleNamespace(log_dict=lambda *_, **__: None),
    )
    settings = SimpleNamespace(use_kl_loss=False, use_critic=False, clip_param=0.3, vf_loss_coeff=1.0)

    def loss_fn(logits: Any, batch: Any) -> Any:
        factor = batch.discount ** torch.arange(batch.rewards.shape[1])
        to_go = (batch.rewards * factor).flip(1).cumsum(1).flip(1)
        given = {
            "loss_mask": batch.mask,
            "action_dist_inputs": logits.detach(),
            "actions": batch.actions,
            "action_logp": batch.log_probs,
            "advantages": to_go if powers else to_go / factor,
            "value_targets": to_go,
        }
        found = PPOTorchLearner.compute_loss_for_module(
            learner, module_id="", config=settings, batch=given, fwd_out={"action_dist_inputs": logits}
        )
        return found * batch.mask.sum() / len(logits) if summed else found

    return pgv.adapters.torch.from_loss(loss_fn)


def of_loss(**how: bool) -> Callable[[], Report]:
    return lambda: asked(loss(**how), problems=problems("early-stop", "delayed-reward"))


OLD, OLD_RETURNS = "compute_advantages, λ = 0.9", "compute_advantages, use_gae=False"
NEW, LOSS = "compute_value_targets less V, λ = 0.9", "PPOTorchLearner.compute_loss_for_module, a mean"
SUMMED = "PPOTorchLearner.compute_loss_for_module, times the steps of a trajectory"
FRAGMENT = "compute_gae_for_sample_batch: one fragment of an episode, last_r of compute_bootstrap_value"
CONNECTOR = "GeneralAdvantageEstimation: on episodes that AddOneTsToEpisodesAndTruncate made one timestep longer"
LEARNER = "IMPALATorchLearner.compute_loss_for_module: time-major, discounts 0 where terminated"
CLAIM = "“adds the policy … advantages to the batch, using GAE … or not” (rllib/evaluation/postprocessing.py)"
TARGETS = "“Computes GAE value targets given vf predictions and rewards” (utils/postprocessing/value_predictions.py)"
TRACE = "“Calculates V-trace actor critic targets” (impala/torch/vtrace_torch_v2.py)"
PPO = "“Implements torch-specific PPO loss logic” (ppo/torch/ppo_torch_learner.py)"
UPDATE = "Learner.update: on each minibatch, LOSS_MASK without the added timesteps"

SURVEY = Survey(
    "ray",
    ("ray[rllib]==2.60.0", "torch==2.13.0"),
    (
        "ray.rllib.evaluation.postprocessing",
        "ray.rllib.algorithms.ppo.torch.ppo_torch_learner",
        "ray.rllib.algorithms.impala.torch.vtrace_torch_v2",
    ),
    (
        SurveyRow(OLD, CLAIM, FRAGMENT, judged(old_stack), Outcome.CORRECT),
        SurveyRow(f"{OLD}, truncated fragments", CLAIM, FRAGMENT, judged(old_stack, 2), Outcome.CORRECT),
        SurveyRow(
            "compute_advantages, truncated fragments without last_r",
            CLAIM,
            "not so",
            judged(old_stack, 2, last=False),
            Outcome.BIASED,
            Role.PLANTED,
            f"{OLD}, truncated fragments",
        ),
        SurveyRow(OLD_RETURNS, CLAIM, FRAGMENT, judged(old_stack, gae=False), Outcome.CORRECT),
        SurveyRow(
            f"{OLD_RETURNS}, truncated fragments", CLAIM, FRAGMENT, judged(old_stack, 2, gae=False), Outcome.CORRECT
        ),
        SurveyRow(NEW, TARGETS, CONNECTOR, judged(new_stack), Outcome.CORRECT),
        SurveyRow(f"{NEW}, episodes cut", TARGETS, CONNECTOR, judged(new_stack, 2), Outcome.CORRECT),
        SurveyRow(
            "compute_value_targets less V, ends not said",
            TARGETS,
            "not so",
            judged(new_stack, apart=False),
            Outcome.BIASED,
            Role.PLANTED,
            NEW,
        ),
        SurveyRow("vtrace_torch, on-policy", TRACE, LEARNER, judged(vtrace), Outcome.CORRECT),
        SurveyRow("vtrace_torch, on-policy, pieces cut", TRACE, LEARNER, judged(vtrace, 2), Outcome.CORRECT),
        SurveyRow(
            LOSS,
            PPO,
            UPDATE,
            of_loss(),
            Outcome.BIASED,
            remark="a mean over the valid steps of a minibatch, whose number the actions decide: the usual choice",
        ),
        SurveyRow(
            "compute_loss_for_module, summed, for the mean",
            PPO,
            "mended: times the steps of a trajectory",
            of_loss(summed=True),
            Outcome.CORRECT,
            Role.RIGHT,
            LOSS,
        ),
        SurveyRow(SUMMED, PPO, f"{UPDATE}; here times the steps", of_loss(summed=True), Outcome.CORRECT),
        SurveyRow(
            "compute_loss_for_module, without γ^t",
            PPO,
            "not so",
            of_loss(summed=True, powers=False),
            Outcome.OTHER_TARGET,
            Role.PLANTED,
            SUMMED,
        ),
    ),
    "the new stack hands over one timestep more than an episode has",
)
