"""verl: its advantages, its policy losses and its ways of averaging, in the signatures that they have.

Completions are trajectories and tokens are steps; the expectation is exact, over every group of completions of small
token trees. Where verl hands advantages to a loss with its own way of averaging, the plain sum over tokens stands for
it, so that the advantages alone are judged; and a loss is given advantages that are right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pgverify as pgv
from pgverify import Outcome
from pgverify.language.loss_report import LossReport
from pgverify.survey import Role, Survey, SurveyRow, asked_lm

GROUP = 4
DUAL = pgv.targets.Surrogate(clip=0.2, dual=3.0)


class Settings(SimpleNamespace):
    """What a loss reads of an actor's configuration: attributes, and `get`."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting."""
        return getattr(self, name, default)


@contextmanager
def unwhitened(leave: bool) -> Iterator[None]:
    """Leave out the whitening over the tokens of the batch."""
    from verl.utils import torch_functional

    own = torch_functional.masked_whiten
    torch_functional.masked_whiten = (lambda values, *_, **__: values) if leave else own
    try:
        yield
    finally:
        torch_functional.masked_whiten = own


def advantages_of(name: str, plain: bool = False, scale: float = 1.0, **options: Any) -> Callable[..., Any]:
    """Return an advantage function of verl's registry; `plain`: without whitening, times a constant."""
    from verl.trainer.ppo import core_algos

    own = core_algos.get_adv_estimator_fn(name)

    def function(token_level_rewards: Any, response_mask: Any, index: Any) -> Any:
        import torch

        given = {"index": index} if name not in ("gae", "remax", "reinforce_plus_plus") else {}
        if name == "gae":  # a critic that knows the position and nothing else
            given["values"] = 0.3 + 0.1 * torch.arange(response_mask.shape[1]) * response_mask
        if name == "remax":  # the reward of one more completion of each prompt, drawn elsewhere
            given["reward_baselines"] = torch.as_tensor(0.4 + 0.2 * index).to(token_level_rewards.dtype)
        with unwhitened(plain):
            return own(token_level_rewards.clone(), response_mask=response_mask, **given, **options)[0] * scale

    return function


def judged(function: Callable[..., Callable[..., Any]]) -> Callable[[], LossReport]:
    """Return the question whether advantages give the policy gradient, summed over tokens."""
    adapt = pgv.adapters.token_losses
    return lambda: asked_lm(adapt.from_advantages(function()), group_size=GROUP)


def advantages(name: str, **how: Any) -> Callable[[], LossReport]:
    return judged(lambda: advantages_of(name, **how))


def of_equal_length(name: str) -> Callable[..., Any]:
    """Return advantages for which every completion counts as one token long, as of the others of its group."""
    own = advantages_of(name, scale=GROUP / (GROUP - 1))

    def function(token_level_rewards: Any, response_mask: Any, index: Any) -> Any:
        return own(token_level_rewards.sum(1, keepdim=True), response_mask[:, :1], index) * response_mask

    return function


def with_alpha_one() -> Callable[..., Any]:
    """Return GPG's advantages without its factor, as of the others of the group."""
    own = advantages_of("gpg", scale=GROUP / (GROUP - 1))

    def function(token_level_rewards: Any, response_mask: Any, index: Any) -> Any:
        nonzero = (token_level_rewards.sum(1) != 0).sum().clamp(min=1)
        return own(token_level_rewards, response_mask, index) * nonzero / len(index)

    return function


def others(batch: Any) -> Any:
    """Return rewards less the mean of the others of the group: advantages that are right."""
    rewards = batch.rewards.view(-1, GROUP)
    return ((rewards - rewards.mean(1, keepdim=True)) * GROUP / (GROUP - 1)).view(-1, 1)


def loss(
    name: str, averaged: str, target: Any = DUAL, sampler: Any = "old", **settings: Any
) -> Callable[[], LossReport]:
    """Return the question whether a policy loss, averaged in one of verl's ways, has the gradient of its surrogate."""

    def judge() -> LossReport:
        from verl.trainer.ppo import core_algos

        usual = {"clip_ratio": 0.2, "clip_ratio_low": 0.2, "clip_ratio_high": 0.2, "clip_ratio_c": 3.0}
        actor = Settings(global_batch_info={}, **{**usual, **settings})
        function = core_algos.get_policy_loss_fn(name)
        asked_loss = pgv.adapters.token_losses.from_policy_loss(function, others, loss_agg_mode=averaged, config=actor)
        return asked_lm(asked_loss, group_size=GROUP, sampler=sampler, target=target)

    return judge


def penalty(kind: str) -> Callable[[], LossReport]:
    """Return the question whether a penalty that is added to a loss has the gradient of a KL divergence."""

    def with_penalty(batch: Any) -> Any:
        from verl.trainer.ppo import core_algos

        kl = core_algos.kl_penalty(batch.log_probs, batch.ref_log_probs, kind)
        return -((others(batch) * batch.log_probs - 0.1 * kl) * batch.mask).sum(1).mean()

    target = "policy_gradient + state_kl(0.1)"
    return lambda: asked_lm(with_penalty, group_size=GROUP, prompts=1, target=target)


PLACE = "(trainer/ppo/core_algos.py)"
TRAINER = "RayPPOTrainer.fit: compute_advantage hands it token_level_rewards, response_mask and index of a batch"
ACTOR = "ppo_loss (workers/utils/losses.py): (old_log_prob, log_prob, advantages, response_mask, loss_agg_mode, config)"
MEANS = f"“loss_agg_mode: method to aggregate the loss matrix into a scalar” {PLACE}"
CLIPPED = f"“the clipped policy objective … for PPO”, with a dual clip {PLACE}"
WHITENED = "whitened over the tokens of the batch, whose number the actions decide; documented as masked_whiten"
OPO, GPG, GAE = "opo advantages", "gpg advantages", "gae advantages, γ = λ = 1"
PLUS, PLUS_GROUP = "reinforce_plus_plus advantages", "reinforce_plus_plus_baseline advantages"
ONE = {"config": SimpleNamespace(gamma=1.0)}


def _mean(averaged: str, recorded: Outcome, remark: str = "") -> SurveyRow:
    function = f"compute_policy_loss_vanilla, {averaged}"
    return SurveyRow(function, f"{CLIPPED}; {MEANS}", ACTOR, loss("vanilla", averaged), recorded, remark=remark)


def _whitening(of: str, judge: Callable[[], LossReport]) -> SurveyRow:
    return SurveyRow(f"{of}, not whitened", "the policy gradient", "mended", judge, Outcome.CORRECT, Role.RIGHT, of)


def _kl(kind: str, recorded: Outcome, remark: str = "") -> SurveyRow:
    claim = f"“Compute KL divergence given logprob and ref_logprob” {PLACE}"
    called = "use_kl_loss: ppo_loss (workers/utils/losses.py) adds kl_loss_coef times its aggregate to the loss"
    return SurveyRow(f"kl_penalty {kind}, as a loss", claim, called, penalty(kind), recorded, remark=remark)


SURVEY = Survey(
    "verl",
    ("verl==0.9.1", "torch==2.13.0"),
    ("verl.trainer.ppo.core_algos",),
    (
        SurveyRow("rloo advantages", f"“RLOO” {PLACE}", TRAINER, advantages("rloo"), Outcome.CORRECT),
        SurveyRow(
            "rloo_vectorized advantages", f"the same {PLACE}", TRAINER, advantages("rloo_vectorized"), Outcome.CORRECT
        ),
        SurveyRow(
            "rloo advantages, less than a half of them",
            "the policy gradient",
            "not so: times 0.4",
            advantages("rloo", scale=0.4),
            Outcome.SCALED,
            Role.PLANTED,
            "rloo advantages",
        ),
        SurveyRow(
            "remax advantages",
            f"“ReMax, operating only on Outcome reward” {PLACE}",
            f"{TRAINER}; reward_baselines of one greedy completion a prompt",
            advantages("remax"),
            Outcome.CORRECT,
        ),
        SurveyRow(
            "grpo advantages",
            f"“the advantage is scaled by the std, as in the original GRPO” {PLACE}",
            TRAINER,
            advantages("grpo"),
            Outcome.OTHER_TARGET,
            remark="divided by the standard deviation of the group, as documented",
        ),
        SurveyRow(
            "grpo advantages, norm_adv_by_std_in_grpo=False",
            f"“not scaled, as in Dr.GRPO” {PLACE}",
            TRAINER,
            advantages("grpo", norm_adv_by_std_in_grpo=False),
            Outcome.SCALED,
            remark="the mean of the group includes one's own reward: (G − 1)/G, as in the paper",
        ),
        SurveyRow(
            OPO,
            f"“Compute advantage for OPO based on …2505.23585” {PLACE}",
            TRAINER,
            advantages("opo"),
            Outcome.BIASED,
            remark="the length-weighted mean of the group includes one's own reward and length; as in the paper",
        ),
        SurveyRow(
            "opo advantages, all lengths taken as one, times G/(G − 1)",
            "the policy gradient",
            "mended",
            judged(lambda: of_equal_length("opo")),
            Outcome.CORRECT,
            Role.RIGHT,
            OPO,
        ),
        SurveyRow(
            GPG,
            f"“alpha: (float)”, of “GPG, operating only on Outcome reward” {PLACE}",
            TRAINER,
            advantages("gpg"),
            Outcome.BIASED,
            remark="α is overwritten by rows / rewards that are not 0: the batch decides it, as it does the paper's",
        ),
        SurveyRow(
            "gpg advantages with α = 1, times G/(G − 1)",
            "the policy gradient",
            "mended",
            judged(with_alpha_one),
            Outcome.CORRECT,
            Role.RIGHT,
            GPG,
        ),
        SurveyRow(
            PLUS,
            f"“REINFORCE++” {PLACE}",
            TRAINER,
            advantages("reinforce_plus_plus", **ONE),
            Outcome.BIASED,
            remark=WHITENED,
        ),
        _whitening(PLUS, advantages("reinforce_plus_plus", plain=True, **ONE)),
        SurveyRow(
            PLUS_GROUP,
            f"“RF++-baseline” {PLACE}",
            TRAINER,
            advantages("reinforce_plus_plus_baseline"),
            Outcome.BIASED,
            remark=WHITENED,
        ),
        _whitening(PLUS_GROUP, advantages("reinforce_plus_plus_baseline", plain=True, scale=GROUP / (GROUP - 1))),
        SurveyRow(
            GAE,
            f"“lambda value when computing Generalized Advantage Estimation” {PLACE}",
            TRAINER,
            advantages("gae", gamma=1.0, lam=1.0),
            Outcome.BIASED,
            remark=WHITENED,
        ),
        _whitening(GAE, advantages("gae", plain=True, gamma=1.0, lam=1.0)),
        _mean("seq-mean-token-sum", Outcome.CORRECT),
        _mean("seq-mean-token-sum-norm", Outcome.SCALED, "divided by the padded width T of the batch, as documented"),
        _mean("token-sum", Outcome.SCALED, "a sum over the B rows, as its name says"),
        _mean("token-mean", Outcome.BIASED, "divided by the tokens of the batch, which the actions decide; documented"),
        _mean("seq-mean-token-mean", Outcome.BIASED, "each row is divided by its own length; documented"),
        *(
            SurveyRow(
                f"the sum over tokens in place of {averaged}",
                CLIPPED,
                "mended",
                loss("vanilla", "seq-mean-token-sum"),
                Outcome.CORRECT,
                Role.RIGHT,
                f"compute_policy_loss_vanilla, {averaged}",
            )
            for averaged in ("token-mean", "seq-mean-token-mean")
        ),
        SurveyRow(
            "compute_policy_loss_gpg, seq-mean-token-sum",
            f"“policy gradient loss computed via GPG” {PLACE}",
            ACTOR,
            loss("gpg", "seq-mean-token-sum", "policy_gradient", "same"),
            Outcome.CORRECT,
        ),
        _kl("k1", Outcome.OTHER_TARGET, "the gradient of its mean is none: E ∇log π = 0; documented as k1"),
        _kl("k2", Outcome.CORRECT),
        _kl("k3", Outcome.OTHER_TARGET, "the gradient of the other divergence; documented as k3"),
        _kl("k3+", Outcome.CORRECT, "with the gradient of k2, straight through, as documented"),
    ),
    "advantages in the batch are handed over by name, and functions take different ones",
)
