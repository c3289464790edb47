"""torchrl: returns and advantages judged as step weights, `ReinforceLoss` as a loss.

Tensors are [n, T, 1], as torchrl wants them. Padded steps carry reward 0, value 0 and `done`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pgverify as pgv
from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few, problems

MODULES = "the value estimator modules (GAE, TDLambdaEstimator) call it on a collected batch [n, T, 1]"


def column(array: Any) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array))[..., None]


def done(batch: Trajectories, early: int = 0) -> Any:
    """Return where the episode has ended after step t; `early` sets the flag that many steps too soon."""
    return np.arange(1 + early, batch.num_steps + 1 + early) >= batch.lengths[:, None]


def weights(
    name: str, *, powers: bool = False, early: int = 0, gamma: float | None = None, single: bool = False
) -> Any:
    """Return a function from batches to the weights that a function of torchrl computes."""

    def function(batch: Trajectories) -> Any:
        import torch
        from torchrl.objectives.value import functional

        discount = batch.discount if gamma is None else gamma
        factor = discount if single else torch.tensor(discount, dtype=torch.float64)
        ends, rewards = column(done(batch, early)), column(batch.rewards)
        value, following = column(batch.values[:, :-1]), column(batch.values[:, 1:])
        if name == "reward2go":
            found = functional.reward2go(rewards, ends, discount)
        elif name == "td_lambda":
            found = functional.vec_td_lambda_return_estimate(factor, 0.9, following, rewards, ends) - value
        elif name == "vtrace":
            zero = torch.zeros_like(rewards)
            found = functional.vtrace_advantage_estimate(factor, zero, zero, value, following, rewards, ends)[0]
        else:
            found = getattr(functional, name)(factor, 0.9, value, following, rewards, ends)[0]
        result = np.asarray(found[..., 0])
        return batch.discount_powers * result if powers else result

    return function


def as_weights(name: str, target: str = "discount_dropped", **how: Any) -> Callable[[], Report]:
    return lambda: asked(weights(name, **how), kind="weights", target=target, problems=few())


def loss_of(reduction: str, frames: bool = False, powers: bool = True) -> Any:
    """Return the estimator of `ReinforceLoss`; `frames`: on the steps taken, in one row, as a collector has them."""
    import tensordict
    import torch
    from torchrl import modules, objectives

    actor = modules.ProbabilisticActor(
        tensordict.nn.TensorDictModule(torch.nn.Identity(), in_keys=["observation"], out_keys=["logits"]),
        in_keys=["logits"],
        distribution_class=torch.distributions.Categorical,
    )
    critic = modules.ValueOperator(torch.nn.Linear(1, 1), in_keys=["nothing"])
    module = objectives.ReinforceLoss(actor, critic, reduction=reduction)

    def loss_fn(logits: Any, batch: Any) -> Any:
        steps = torch.arange(batch.rewards.shape[1])
        paid = batch.rewards * batch.discount**steps
        weight = paid.flip(1).cumsum(1).flip(1)
        if not powers:
            weight = weight / batch.discount**steps
        data = {"observation": logits, "action": batch.actions, "advantage": weight[..., None]}
        if frames:
            data = {name: value[batch.mask] for name, value in data.items()}
        size = tuple(data["action"].shape)
        empty = torch.zeros(*size, 1, dtype=torch.float32)
        loss = module(tensordict.TensorDict({**data, "nothing": empty, "value_target": empty}, batch_size=size))
        # A sum has to be divided by the number of trajectories, which torchrl does not know.
        return loss["loss_actor"] / (len(logits) if reduction == "sum" else 1)

    return pgv.adapters.torch.from_loss(loss_fn)


def whole_agent(trainer: str) -> Callable[[], Report]:
    """Return the question whether a trainer as it runs follows the gradient of its window, whatever it draws."""

    def judge() -> Report:
        from pgverify.adapters import torchrl

        update = torchrl.update(trainer, n_steps=2, average_gae=False)
        return asked(update, kind="agent", problems=problems("early-stop"))

    return judge


def as_loss(reduction: str, names: tuple[str, ...] = (), **how: Any) -> Callable[[], Report]:
    return lambda: asked(loss_of(reduction, **how), problems=problems(*names) if names else few())


GAE = "generalized_advantage_estimate, λ = 0.9"
TO_GO = "reward2go"
SUM, FRAMES = "ReinforceLoss, reduction='sum'", "ReinforceLoss, reduction='mean', on the frames of a batch"
DOCUMENTED = "“Reinforce loss module”, reduction “mean” by default (objectives/reinforce.py)"

SURVEY = Survey(
    "torchrl",
    ("torchrl==0.14.1", "torch==2.13.0", "gymnasium==1.4.0"),  # of gymnasium are the environments of agents
    ("torchrl.objectives.value.functional", "torchrl.modules"),
    (
        SurveyRow(
            GAE,
            "“Generalized advantage estimate of a trajectory”",
            MODULES,
            as_weights(GAE.partition(",")[0]),
            Outcome.CORRECT,
        ),
        SurveyRow(
            "vec_generalized_advantage_estimate, λ = 0.9",
            "“Vectorized generalized advantage estimate of a trajectory”",
            MODULES,
            as_weights("vec_generalized_advantage_estimate"),
            Outcome.CORRECT,
        ),
        SurveyRow(
            "generalized_advantage_estimate, γ a Python float",
            "the same",
            "with the float of a configuration file",
            as_weights("generalized_advantage_estimate", single=True),
            Outcome.CORRECT,
            remark="gamma * (~done).int() is in single precision, whatever the input is",
        ),
        SurveyRow(
            "generalized_advantage_estimate, done one step early",
            "the same",
            "not so",
            as_weights("generalized_advantage_estimate", early=1),
            Outcome.BIASED,
            Role.PLANTED,
            GAE,
        ),
        SurveyRow(
            TO_GO,
            "“Compute the discounted cumulative sum of rewards”",
            MODULES,
            as_weights("reward2go"),
            Outcome.CORRECT,
        ),
        SurveyRow(
            "reward2go, times γ^t",
            "the policy gradient",
            "with the factor that the theorem has",
            as_weights("reward2go", "policy_gradient", powers=True),
            Outcome.CORRECT,
        ),
        SurveyRow(
            "reward2go with γ = 1",
            "the same",
            "not so",
            as_weights("reward2go", "policy_gradient", gamma=1.0),
            Outcome.OTHER_TARGET,
            Role.PLANTED,
            TO_GO,
        ),
        SurveyRow(
            "vec_td_lambda_return_estimate, λ = 0.9, less V",
            "“TD(λ) return estimate”",
            MODULES,
            as_weights("td_lambda"),
            Outcome.CORRECT,
        ),
        SurveyRow(
            "vtrace_advantage_estimate, ratios 1",
            "“V-Trace off-policy actor critic targets”",
            MODULES,
            as_weights("vtrace"),
            Outcome.CORRECT,
        ),
        SurveyRow(
            SUM,
            DOCUMENTED,
            "summed, divided by the number of trajectories; γ^t G_t as advantage",
            as_loss("sum"),
            Outcome.CORRECT,
            remark="the sum divided by n, which torchrl does not know",
        ),
        SurveyRow(
            "ReinforceLoss, reduction='mean', on [n, T]",
            DOCUMENTED,
            "γ^t G_t, 0 on padding",
            as_loss("mean"),
            Outcome.SCALED,
            remark="a mean over n·T entries, as documented: 1/T",
        ),
        SurveyRow(
            FRAMES,
            DOCUMENTED,
            "the frames that a collector delivers, in one row",
            as_loss("mean", ("early-stop",), frames=True),
            Outcome.BIASED,
            remark="the number of frames depends on the actions; the mean is documented",
        ),
        SurveyRow(
            "ReinforceLoss, reduction='sum', on the frames of a batch",
            DOCUMENTED,
            "mended",
            lambda: asked(loss_of("sum"), problems=problems("early-stop")),
            Outcome.CORRECT,
            Role.RIGHT,
            FRAMES,
        ),
        SurveyRow(
            "ReinforceLoss, reduction='sum', without γ^t",
            DOCUMENTED,
            "not so",
            as_loss("sum", powers=False),
            Outcome.OTHER_TARGET,
            Role.PLANTED,
            SUM,
        ),
        *(
            SurveyRow(
                f"{trainer}Trainer.train, average_gae=False, the whole agent",
                f"{words} (trainers/algorithms/{trainer.lower()}.py)",
                "train: one batch of its collector and its loss as they are, every draw dictated",
                whole_agent(trainer),
                Outcome.CORRECT,
            )
            for trainer, words in (
                ("A2C", "“A2C (Advantage Actor-Critic) trainer implementation”"),
                ("PPO", "“PPO (Proximal Policy Optimization) trainer implementation”"),
            )
        ),
    ),
    "a float for γ gives single precision in double input",
)
