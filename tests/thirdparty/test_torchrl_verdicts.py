"""torchrl: reward-to-go and GAE judged as step weights, `ReinforceLoss` as a loss.

Tensors are [n, T, 1], as torchrl wants them. Padded steps carry reward 0, value 0 and `done`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from thirdparty_loading import few, load, problems

import pgverify as pgv
from pgverify import Outcome, Trajectories

torch = load("torch")
functional = load("torchrl.objectives.value.functional")
objectives = load("torchrl.objectives")
modules = load("torchrl.modules")
tensordict = load("tensordict")

SOME = few()


def column(array: np.ndarray) -> Any:
    return torch.from_numpy(np.ascontiguousarray(array))[..., None]


def done(batch: Trajectories, early: int = 0) -> np.ndarray:
    """Return where the episode has ended after step t; `early` sets the flag that many steps too soon."""
    return np.arange(1 + early, batch.num_steps + 1 + early) >= batch.lengths[:, None]


def reward_to_go(batch: Trajectories, gamma: float | None = None, early: int = 0) -> np.ndarray:
    found = functional.reward2go(
        column(batch.rewards), column(done(batch, early)), batch.discount if gamma is None else gamma
    )
    return np.asarray(found[..., 0])


def advantages(batch: Trajectories, double: bool = True, trace_decay: float = 0.9, early: int = 0) -> np.ndarray:
    gamma = torch.tensor(batch.discount, dtype=torch.float64) if double else batch.discount
    found, _ = functional.generalized_advantage_estimate(
        gamma,
        trace_decay,
        column(batch.values[:, :-1]),
        column(batch.values[:, 1:]),
        column(batch.rewards),
        column(done(batch, early)),
    )
    return np.asarray(found[..., 0])


def test_reward2go_with_the_factor_is_the_policy_gradient() -> None:
    report = pgv.check(lambda batch: batch.discount_powers * reward_to_go(batch), kind="weights")
    assert report.outcome is Outcome.CORRECT
    assert report.weights == ("reward-to-go, with γ^t",)


def test_reward2go_alone_drops_the_factor() -> None:
    report = pgv.check(reward_to_go, kind="weights", target="discount_dropped")
    assert report.outcome is Outcome.CORRECT
    assert report.weights == ("reward-to-go, without γ^t",)


def test_control_reward2go_with_a_discount_of_one() -> None:
    report = pgv.check(lambda batch: reward_to_go(batch, gamma=1.0), kind="weights", problems=SOME)
    assert report.outcome is Outcome.OTHER_TARGET
    assert "undiscounted_policy_gradient" in report.explanation


def test_control_reward2go_with_done_one_step_early() -> None:
    # The last reward is then credited to the last action alone: no returns of any known kind.
    report = pgv.check(
        lambda batch: batch.discount_powers * reward_to_go(batch, early=1), kind="weights", problems=SOME
    )
    assert report.outcome is Outcome.BIASED
    assert report.weights == ()
    assert report.smallest_failure is not None
    assert report.smallest_failure.problem == "problems[1]"  # early-stop; coin has one step


def test_gae_is_right_and_its_lambda_is_recovered() -> None:
    report = pgv.check(advantages, kind="weights", target="discount_dropped")
    assert report.outcome is Outcome.CORRECT
    assert "single precision" not in report.explanation
    assert report.weights == ("GAE(λ = 0.9), without γ^t",)


def test_gae_with_a_float_for_gamma_computes_in_single_precision() -> None:
    # gamma * (~done).int() is float32 where gamma is a Python float, whatever the precision of the input.
    report = pgv.check(
        lambda batch: advantages(batch, double=False), kind="weights", target="discount_dropped", problems=SOME
    )
    assert report.outcome is Outcome.CORRECT
    assert "single precision somewhere inside" in report.explanation


def test_control_gae_with_done_one_step_early() -> None:
    report = pgv.check(
        lambda batch: advantages(batch, early=1), kind="weights", target="discount_dropped", problems=SOME
    )
    assert report.outcome is Outcome.BIASED
    assert report.weights == ()


def reinforce(reduction: str) -> Any:
    """Return a `ReinforceLoss` whose actor's logits are the observation itself."""
    actor = modules.ProbabilisticActor(
        tensordict.nn.TensorDictModule(torch.nn.Identity(), in_keys=["observation"], out_keys=["logits"]),
        in_keys=["logits"],
        distribution_class=torch.distributions.Categorical,
    )
    critic = modules.ValueOperator(torch.nn.Linear(1, 1), in_keys=["nothing"])
    return objectives.ReinforceLoss(actor, critic, reduction=reduction)


def loss_of(reduction: str, frames: bool = False, powers: bool = True) -> Any:
    """Return loss_fn(logits, batch); `frames`: on the steps taken, in one row, as a collector delivers them."""
    module = reinforce(reduction)

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


def test_reinforce_loss_summed_is_the_policy_gradient() -> None:
    report = pgv.check(loss_of("sum"), problems=SOME)
    assert report.outcome is Outcome.CORRECT


def test_reinforce_loss_averages_over_padding_too() -> None:
    # reduction="mean", the default, on [n, T]: n·T entries, so 1/T times the target.
    report = pgv.check(loss_of("mean"), problems=SOME)
    assert report.outcome is Outcome.SCALED
    assert "1/T" in report.explanation


def test_reinforce_loss_averaged_over_frames_is_biased() -> None:
    # The number of frames in a batch depends on the actions: the mean of a ratio is not the ratio of means.
    report = pgv.check(loss_of("mean", frames=True), problems=problems("early-stop"))
    assert report.outcome is Outcome.BIASED
    assert report.diagnosis == "length-per-batch"


def test_control_reinforce_loss_without_the_factor() -> None:
    report = pgv.check(loss_of("sum", powers=False), problems=SOME)
    assert report.outcome is Outcome.OTHER_TARGET
    assert "discount_dropped" in report.explanation
