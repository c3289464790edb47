"""sample-factory: `Learner._prepare_batch` and `Learner._calculate_losses`, on a stand-in for the learner.

The steps of the batch lie one after another in one rollout, as an environment's sampler stores them: `dones` at every
end, `time_outs` at those that are cut. Both methods are the library's own, unbound; the networks are stood in for by
what they would answer.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np

import pgverify as pgv
from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few, problems


class Critic(SimpleNamespace):
    """What is called to ask for the value after the last step."""

    def __call__(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Return it."""
        return {"values": self.after}


def learner(values: Any, discount: float, vtrace: bool, count: int) -> Any:
    """Return what the two methods read of a learner; `values` [N + 1]: what its critic answers."""
    import torch
    from sample_factory.algo.learning.learner import Learner

    settings = SimpleNamespace(
        max_policy_lag=1,
        normalize_returns=False,
        value_bootstrap=True,
        with_vtrace=vtrace,
        gamma=discount,
        gae_lambda=0.9,
        recurrence=count,
        ppo_clip_ratio=0.1,
        ppo_clip_value=1.0,
        use_rnn=False,
        vtrace_rho=1.0,
        vtrace_c=1.0,
    )
    critic = Critic(
        after=torch.tensor(values[-1:]),
        training=True,
        action_space=None,
        forward_head=lambda observations: observations,
        forward_core=lambda head, states: (head, states),
        forward_tail=lambda *_, **__: {"values": torch.tensor(values[:-1])},
        action_distribution=lambda: SimpleNamespace(log_prob=lambda actions: torch.zeros(len(actions))),
    )
    zero = torch.zeros(())
    return SimpleNamespace(
        cfg=settings,
        policy_id=0,
        train_step=0,
        device="cpu",
        timing=Timing(),
        actor_critic=critic,
        _prepare_and_normalize_obs=lambda observations: observations,
        _policy_loss=Learner._policy_loss,
        exploration_loss_func=lambda *_: zero,
        kl_loss_func=lambda *_: (zero, zero),
        _value_loss=lambda *_: zero,
    )


class Timing:
    """A clock that keeps no time."""

    def add_time(self, _: str) -> Any:
        """Return a context in which nothing is measured."""
        return nullcontext()


def weights(
    *, cut: int | None, vtrace: bool = False, reached: bool = False, further: bool = False, early: bool = False
) -> Callable[[Trajectories], Any]:
    """Return a function from batches to advantages.

    `reached`: a time-out adds the value of the state reached, not of its own. `early`: ends are said one step too soon.
    With V-trace a cut is no time-out but the end of a rollout; `further`: rollouts are one step longer than what is
    read of them.
    """

    def function(batch: Trajectories) -> Any:
        steps = batch.steps(cut=cut)
        starts = [*np.flatnonzero(steps.episode_start), len(steps)] if vtrace and cut else [0, len(steps)]
        found = np.zeros(len(steps))
        for first, end in pairwise(starts):
            piece = slice(first, end)
            rewards, truncated = steps.rewards[piece].copy(), steps.truncated[piece]
            if reached:
                rewards += batch.discount * (steps.next_values - steps.values)[piece] * truncated
            ends = steps.terminated[piece] | (truncated & (not vtrace))
            ends = np.roll(ends, -1) if early else ends
            values = np.append(steps.values[piece], (steps.next_values if vtrace else steps.reset_values)[end - 1])
            if further:
                rewards, ends, values = (np.append(array, 0) for array in (rewards, ends, values))
                truncated = np.append(truncated, False)
            before = 1 if vtrace else 0  # a step of an earlier episode: V-trace asks for rollouts of more than one
            rewards, values, truncated = (np.pad(array, (before, 0)) for array in (rewards, values, truncated))
            ends = np.pad(ends, (before, 0), constant_values=True)
            each = _advantages(rewards, values, ends, truncated & ends, batch.discount, vtrace)
            found[piece] = each[before : before + end - first]
        return steps.padded(found.astype(np.float32) if vtrace else found)

    return function


def _advantages(rewards: Any, values: Any, ends: Any, time_outs: Any, discount: float, vtrace: bool) -> Any:
    """Return the advantages of a rollout of N steps, with the values of N + 1 states."""
    import torch
    from sample_factory.algo.learning.learner import Learner
    from sample_factory.algo.utils.tensor_dict import TensorDict
    from sample_factory.utils.attr_dict import AttrDict

    count = len(rewards)
    row = {
        "rewards": torch.tensor(rewards),
        "dones": torch.tensor(ends, dtype=torch.float64),
        "time_outs": torch.tensor(time_outs, dtype=torch.float64),
        **{name: torch.zeros(count) for name in ("actions", "log_prob_actions", "action_logits")},
        **{name: torch.zeros(count) for name in ("policy_id", "policy_version")},
        "values": torch.tensor(values),
        "valids": torch.ones(count + 1, dtype=torch.bool),
        "rnn_states": torch.zeros(count + 1, 1),
    }
    batch: dict[str, Any] = {name: tensor[None] for name, tensor in row.items()}
    batch["obs"] = TensorDict(obs=torch.zeros(1, count + 1, 1))
    own = learner(values, discount, vtrace, count)
    prepared, size, invalid = Learner._prepare_batch(own, batch)
    if not vtrace:
        return prepared["advantages"].numpy()
    *_, told = Learner._calculate_losses(own, AttrDict({**prepared, "normalized_obs": torch.zeros(size)}), invalid)
    # They are handed out normalised, with the mean and the deviation that undo it; one step has no deviation.
    spread = told["adv_std"].nan_to_num(0.0).clamp_min(1e-7)
    return (told["adv"].nan_to_num(0.0) * spread + told["adv_mean"]).numpy()


def judged(**how: Any) -> Callable[[], Report]:
    return lambda: asked(weights(**how), kind="weights", target="discount_dropped", problems=few())


def loss(summed: bool = False, powers: bool = True) -> Any:
    """Return the estimator of `_policy_loss` on the steps of a batch; `summed`: times the steps of a trajectory."""
    import torch
    from sample_factory.algo.learning.learner import Learner

    def loss_fn(logits: Any, batch: Any) -> Any:
        factor = batch.discount ** torch.arange(batch.rewards.shape[1])
        to_go = (batch.rewards * factor).flip(1).cumsum(1).flip(1)
        chosen = torch.log_softmax(logits, dim=-1).gather(-1, batch.actions[..., None])[..., 0]
        ratio = torch.exp(chosen - batch.log_probs).clamp(0.05, 20.0)
        weight = to_go if powers else to_go / factor
        padding = int((~batch.mask).sum())
        found = Learner._policy_loss(ratio, weight, 1 / 1.1, 1.1, batch.mask, padding)
        return found * batch.mask.sum() / len(logits) if summed else found

    return pgv.adapters.torch.from_loss(loss_fn)


def of_loss(**how: bool) -> Callable[[], Report]:
    return lambda: asked(loss(**how), problems=problems("early-stop", "delayed-reward"))


WHOLE, CUT = "_prepare_batch, λ = 0.9, episodes that end", "_prepare_batch, value_bootstrap=True, episodes cut"
TRACE, TRACE_CUT = "V-trace, episodes that end within the rollout", "V-trace, rollouts that end within an episode"
LOSS, SUMMED = "Learner._policy_loss, a mean", "Learner._policy_loss, times the steps of a trajectory"
LOOP = "Learner.train: _prepare_batch on the rollouts that the samplers have filled"
STEP = "Learner._train: _calculate_losses on minibatches of whole rollouts, recurrence = rollout"
CLAIM = "“gae_lambda: Generalized Advantage Estimation discounting” (cfg/cfg.py)"
BOOTSTRAP = "“Bootstrap returns from value estimates if episode is terminated by timeout” (cfg/cfg.py)"
VTRACE = "“Enables V-trace off-policy correction. If this is True, then GAE is not used” (cfg/cfg.py)"
POLICY = "“PPO clipping” (algo/learning/learner.py)"


def _control(
    function: str, claim: str, called: str, judge: Callable[[], Report], recorded: Outcome, of: str
) -> SurveyRow:
    role = Role.RIGHT if recorded is Outcome.CORRECT else Role.PLANTED
    return SurveyRow(function, claim, called, judge, recorded, role, of)


REQUIRES = (
    "sample-factory==2.1.1",
    "torch==2.13.0",
    "signal-slot-mp==1.0.5",
    "colorlog==6.12.0",
    "gymnasium==1.4.0",
)

SURVEY = Survey(
    "sample-factory",
    REQUIRES,
    ("sample_factory.algo.learning.learner",),
    (
        SurveyRow(WHOLE, CLAIM, LOOP, judged(cut=None), Outcome.CORRECT),
        _control(
            "_prepare_batch, ends said one step early",
            CLAIM,
            "not so",
            judged(cut=None, early=True),
            Outcome.BIASED,
            WHOLE,
        ),
        SurveyRow(
            CUT,
            BOOTSTRAP,
            LOOP,
            judged(cut=2),
            Outcome.BIASED,
            remark="γV of the state acted in, not of the one reached: “Using v(t) is an approximation” (learner.py)",
        ),
        _control(
            "_prepare_batch, a time-out adds γV of the state reached",
            BOOTSTRAP,
            "mended",
            judged(cut=2, reached=True),
            Outcome.CORRECT,
            CUT,
        ),
        SurveyRow(TRACE, VTRACE, STEP, judged(cut=None, vtrace=True), Outcome.CORRECT, remark="before normalisation"),
        SurveyRow(
            TRACE_CUT,
            VTRACE,
            STEP,
            judged(cut=2, vtrace=True),
            Outcome.BIASED,
            remark="V of the state reached is taken to be (V − r)/γ of the last step, whose advantage is then always 0",
        ),
        _control(
            "V-trace, rollouts one step longer than what is read of them",
            VTRACE,
            "mended: the value of the state reached is that of a step",
            judged(cut=2, vtrace=True, further=True),
            Outcome.CORRECT,
            TRACE_CUT,
        ),
        SurveyRow(
            LOSS,
            POLICY,
            STEP,
            of_loss(),
            Outcome.BIASED,
            remark="a mean over the valid steps of a minibatch, whose number the actions decide: the usual choice",
        ),
        _control("_policy_loss, summed, for the mean", POLICY, "mended", of_loss(summed=True), Outcome.CORRECT, LOSS),
        SurveyRow(SUMMED, POLICY, f"{STEP}; here times the steps", of_loss(summed=True), Outcome.CORRECT),
        _control(
            "_policy_loss, without γ^t",
            POLICY,
            "not so",
            of_loss(summed=True, powers=False),
            Outcome.OTHER_TARGET,
            SUMMED,
        ),
    ),
    "values have one entry more than rewards, and valids too",
    complete=True,  # it asks for numpy < 2
)
