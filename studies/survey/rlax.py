"""rlax: the policy-gradient loss, and its returns and advantages judged as step weights.

Its functions take one trajectory [T]: weights are computed one by one, compiled once for every T; the loss is mapped
over the batch with `jax.vmap`. `discount_t` is γ where the episode goes on after step t, and 0 where it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import pgverify as pgv
from pgverify import Outcome, Trajectories
from pgverify.checking import Report
from pgverify.survey import Role, Survey, SurveyRow, asked, few, problems

TRACES = "policy_gradients and multistep modules: one sequence [T]; examples/online_q_learning.py maps over a batch"


@cache
def compiled(name: str) -> Callable[..., Any]:
    """Return a function (rewards [T], discounts [T], values [T+1]) → weights [T]."""
    import jax
    import rlax

    return {
        "gae": jax.jit(lambda r, d, v: rlax.truncated_generalized_advantage_estimation(r, d, 0.9, v)),
        "returns": jax.jit(lambda r, d, v: rlax.discounted_returns(r, d, v[1:])),
        "lambda": jax.jit(lambda r, d, v: rlax.lambda_returns(r, d, v[1:], 0.9) - v[:-1]),
        "n-step": jax.jit(lambda r, d, v: rlax.n_step_bootstrapped_returns(r, d, v[1:], 2) - v[:-1]),
        "vtrace": jax.jit(
            lambda r, d, v: rlax.vtrace_td_error_and_advantage(v[:-1], v[1:], r, d, 0 * r + 1, 0.9).pg_advantage
        ),
    }[name]


def weights(name: str, early: int = 0, powers: bool = True) -> Callable[[Trajectories], Any]:
    """Return the weights of a batch, row by row, in double precision."""

    def by_row(batch: Trajectories) -> Any:
        import jax
        import jax.numpy as jnp

        goes_on = np.arange(1 + early, batch.num_steps + 1 + early) < batch.lengths[:, None]
        with jax.enable_x64(True):
            rows = zip(batch.rewards, batch.discount * goes_on, batch.values, strict=True)
            found = np.array([compiled(name)(*map(jnp.asarray, row)) for row in rows])
        return batch.discount_powers * found if powers else found

    return by_row


def as_weights(name: str, target: str = "policy_gradient", **how: Any) -> Callable[[], Report]:
    return lambda: asked(weights(name, **how), kind="weights", target=target, problems=few())


def loss(powers: bool = True, times_steps: bool = False, own_length: bool = False) -> Any:
    """Return the estimator of the mean over trajectories of rlax's own loss, fed γ^t G_t and the mask."""
    import jax
    import jax.numpy as jnp
    import rlax

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


GAE = "truncated_generalized_advantage_estimation, λ = 0.9"
LOSS = "policy_gradient_loss, mapped over the batch"
CLAIM = "“Computes truncated generalized advantage estimates for a sequence length k” (multistep.py)"
LOSS_CLAIM = "“Loss whose gradient corresponds to a policy gradient update” (policy_gradients.py)"

SURVEY = Survey(
    "rlax",
    ("rlax==0.1.9", "jax==0.10.2"),
    ("jax", "rlax"),
    (
        SurveyRow(GAE, CLAIM, TRACES, as_weights("gae", "discount_dropped", powers=False), Outcome.CORRECT),
        SurveyRow(
            "GAE with the discount of the next step",
            CLAIM,
            "not so",
            as_weights("gae", "discount_dropped", powers=False, early=1),
            Outcome.BIASED,
            Role.PLANTED,
            GAE,
            "the end of the episode one step early",
        ),
        SurveyRow("discounted_returns", "returns, times γ^t", TRACES, as_weights("returns"), Outcome.CORRECT),
        SurveyRow("lambda_returns, λ = 0.9, less V", "λ-returns", TRACES, as_weights("lambda"), Outcome.CORRECT),
        SurveyRow(
            "n_step_bootstrapped_returns, n = 2, less V",
            "n-step returns",
            TRACES,
            as_weights("n-step"),
            Outcome.CORRECT,
        ),
        SurveyRow(
            "vtrace_td_error_and_advantage, ratios 1, λ = 0.9",
            "“pg_advantage” of IMPALA (vtrace.py)",
            TRACES,
            as_weights("vtrace"),
            Outcome.CORRECT,
        ),
        SurveyRow(
            LOSS,
            LOSS_CLAIM,
            "one sequence, w_t = 0 on padding",
            lambda: asked(loss(), problems=problems("coin", "delayed-reward")),
            Outcome.SCALED,
            remark="a mean over the T steps given, as documented: 1/T",
        ),
        SurveyRow(
            "policy_gradient_loss on trajectories without their padding",
            LOSS_CLAIM,
            "one sequence of the length that the episode had",
            lambda: asked(loss(own_length=True), problems=problems("early-stop")),
            Outcome.BIASED,
            remark="divided by the length of the trajectory, which the actions decide: a constant where all are alike",
        ),
        SurveyRow(
            "policy_gradient_loss, times T",
            LOSS_CLAIM,
            "mended",
            lambda: asked(loss(times_steps=True), problems=problems("early-stop")),
            Outcome.CORRECT,
            Role.RIGHT,
            "policy_gradient_loss on trajectories without their padding",
        ),
        SurveyRow(
            "policy_gradient_loss, times T, without γ^t",
            LOSS_CLAIM,
            "not so",
            lambda: asked(loss(powers=False, times_steps=True), problems=problems("delayed-reward")),
            Outcome.OTHER_TARGET,
            Role.PLANTED,
            LOSS,
        ),
    ),
    "a zero weight does not shrink the T that the loss divides by",
)
