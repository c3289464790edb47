"""rlax: the policy-gradient loss, and its returns and advantages judged as step weights.

rlax functions take one trajectory [T]: weights are computed one by one, compiled once for every T; the loss is mapped
over the batch with `jax.vmap`. `discount_t` is γ where the episode goes on after step t, and 0 where it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from thirdparty_loading import few, load, problems

import pgverify as pgv
from pgverify import Outcome, Trajectories

jax = load("jax")
jnp = load("jax.numpy")
rlax = load("rlax")

SOME = few()
FIXED = problems("coin", "delayed-reward")  # one and three steps: a law in T shows
STOPPING = problems("early-stop")  # lengths that the actions decide


def by_row(function: Callable[..., Any], batch: Trajectories, early: int = 0) -> np.ndarray:
    """Return function(rewards [T], discounts [T], values [T+1]) of every trajectory, in double precision."""
    goes_on = np.arange(1 + early, batch.num_steps + 1 + early) < batch.lengths[:, None]
    with jax.enable_x64(True):
        rows = zip(batch.rewards, batch.discount * goes_on, batch.values, strict=True)
        return np.array([function(*map(jnp.asarray, row)) for row in rows])


gae = jax.jit(lambda r, d, v: rlax.truncated_generalized_advantage_estimation(r, d, 0.9, v))
returns = jax.jit(lambda r, d, v: rlax.discounted_returns(r, d, v[1:]))


def test_gae_is_right_and_its_lambda_is_recovered() -> None:
    report = pgv.check(lambda batch: by_row(gae, batch), kind="weights", target="discount_dropped", problems=SOME)
    assert report.outcome is Outcome.CORRECT
    assert report.weights == ("GAE(λ = 0.9), without γ^t",)


def test_gae_with_the_factor_is_the_policy_gradient() -> None:
    report = pgv.check(lambda batch: batch.discount_powers * by_row(gae, batch), kind="weights", problems=SOME)
    assert report.outcome is Outcome.CORRECT
    assert report.weights == ("GAE(λ = 0.9), with γ^t",)


def test_control_gae_with_the_discount_of_the_next_step() -> None:
    report = pgv.check(
        lambda batch: by_row(gae, batch, early=1), kind="weights", target="discount_dropped", problems=SOME
    )
    assert report.outcome is Outcome.BIASED
    assert report.weights == ()


def test_discounted_returns_are_reward_to_go() -> None:
    report = pgv.check(lambda batch: batch.discount_powers * by_row(returns, batch), kind="weights", problems=SOME)
    assert report.outcome is Outcome.CORRECT
    assert report.weights == ("reward-to-go, with γ^t",)


def test_control_returns_without_the_factor() -> None:
    report = pgv.check(lambda batch: by_row(returns, batch), kind="weights", problems=SOME)
    assert report.outcome is Outcome.OTHER_TARGET
    assert "discount_dropped" in report.explanation
    assert report.weights == ("reward-to-go, without γ^t",)


def policy_gradient(powers: bool = True, times_steps: bool = False, own_length: bool = False) -> Any:
    """Return a loss: the mean over trajectories of rlax's own, fed γ^t G_t and the mask."""

    @jax.jit
    def loss_fn(logits: Any, batch: Any) -> Any:
        steps = jnp.arange(batch.rewards.shape[1])
        factor = batch.discount**steps
        weight = jnp.flip(jnp.cumsum(jnp.flip(batch.rewards * factor, 1), 1), 1)
        weight = weight if powers else weight / factor
        losses = jax.vmap(rlax.policy_gradient_loss)(logits, batch.actions, weight, batch.mask.astype(weight.dtype))
        if times_steps:
            losses = losses * len(steps)
        if own_length:  # what rlax returns for the trajectory without its padding
            losses = losses * len(steps) / batch.lengths
        return losses.mean()

    return pgv.adapters.jax.from_loss(loss_fn)


def test_the_loss_divides_by_the_number_of_steps() -> None:
    # jnp.mean over the T steps given: 1/T, also where w_t = 0 on some.
    report = pgv.check(policy_gradient(), problems=FIXED)
    assert report.outcome is Outcome.SCALED
    assert "1/T" in report.explanation


def test_times_the_number_of_steps_it_is_the_policy_gradient() -> None:
    report = pgv.check(policy_gradient(times_steps=True), problems=STOPPING)
    assert report.outcome is Outcome.CORRECT


def test_the_loss_of_unpadded_trajectories_is_biased() -> None:
    # The mean over each trajectory's own steps: short trajectories count for more, whatever made them short.
    report = pgv.check(policy_gradient(own_length=True), problems=STOPPING)
    assert report.outcome is Outcome.BIASED
    assert report.diagnosis == "length-per-trajectory"


def test_control_the_loss_without_the_factor() -> None:
    report = pgv.check(policy_gradient(powers=False, times_steps=True), problems=problems("delayed-reward"))
    assert report.outcome is Outcome.OTHER_TARGET
    assert "discount_dropped" in report.explanation
