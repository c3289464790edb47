"""A JAX loss as an estimator: the same as for PyTorch, with compilation and 64-bit mode on top."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify import Outcome, Trajectories
from pgverify.checking import standard_suite
from pgverify.errors import InvalidInput

jax = pytest.importorskip("jax", reason="JAX is not installed here: make test-thirdparty")
jnp = jax.numpy

SUITE = {entry.name: entry.problem for entry in standard_suite()}

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # as users run it


def to_go(logits: Any, batch: Any) -> Any:
    """Return −mean_i Σ_t γ^t G_t log π(a_t|s_t)."""
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), batch.actions[..., None], axis=-1)[..., 0]
    paid = batch.rewards * batch.discount ** jnp.arange(chosen.shape[1])
    return -(chosen * jnp.cumsum(paid[:, ::-1], axis=1)[:, ::-1] * batch.mask).sum(1).mean()


def batch_of(name: str = "coin-door") -> Trajectories:
    return pgv.sample(SUITE[name], 5, seed=0)


@pytest.mark.parametrize("name", ["many-states", "shared-features", "coin-door"])
@pytest.mark.parametrize("compiled", [False, True])
def test_the_gradient_is_that_of_our_own_estimator(name: str, compiled: bool) -> None:
    batch = batch_of(name)
    found = pgv.adapters.jax.from_loss(jax.jit(to_go) if compiled else to_go)(batch)
    assert found == pytest.approx(pgv.estimators.RewardToGo()(batch).mean(axis=0), rel=1e-12, abs=1e-14)


def test_a_right_loss_is_correct() -> None:
    report = pgv.check(pgv.adapters.jax.from_loss(jax.jit(to_go)), problems=[SUITE["early-stop"]])
    assert report.outcome is Outcome.CORRECT
    assert "single" not in report.explanation


@pytest.mark.parametrize("dtype", ["float32", jnp.float32])
def test_single_precision_is_recognised_and_the_mode_is_left_as_it_was(dtype: Any) -> None:
    for name in ("many-states", "shared-features"):
        assert pgv.adapters.jax.from_loss(to_go, dtype)(batch_of(name)).dtype == np.float32
    assert pgv.adapters.jax.from_loss(to_go)(batch_of()).dtype == np.float64
    assert jnp.zeros(1).dtype == jnp.float32


def test_a_loss_without_the_parameters_is_zero() -> None:
    for loss in (lambda z, b: to_go(jax.lax.stop_gradient(z), b), lambda *_: jnp.float64(1.0)):
        assert not pgv.adapters.jax.from_loss(loss)(batch_of()).any()


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (lambda z, _: z[..., 0], r"the loss has shape \(5, 3\), must be one number; take its mean or its sum"),
        (lambda *_: 1.0, r"the loss is 1.0 of type float, must be a jax.Array with one entry"),
        (lambda z, b: to_go(z, b) + jnp.nan, "the loss is nan, must be finite"),
    ],
)
def test_misuse_is_one_sentence(loss: Any, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        pgv.adapters.jax.from_loss(loss)(batch_of())


def test_a_nan_gradient_reaches_the_oracle() -> None:
    function = pgv.adapters.jax.from_loss(lambda z, b: to_go(z, b) + 0.0 * jnp.sqrt(0.0 * z).sum())
    assert np.isnan(function(batch_of())).any()
    assert pgv.check(function, problems=[SUITE["coin"]]).outcome is Outcome.INVALID


def test_a_wrong_dtype_is_refused() -> None:
    with pytest.raises(InvalidInput, match="dtype is 'half', must be float32 or float64"):
        pgv.adapters.jax.from_loss(to_go, "half")
