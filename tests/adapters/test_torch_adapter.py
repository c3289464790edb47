"""A PyTorch loss as an estimator: the gradient is the one our own estimator has, and misuse is told in a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify import Outcome, Trajectories
from pgverify.checking import standard_suite
from pgverify.errors import InvalidInput

torch = pytest.importorskip("torch", reason="PyTorch is not installed here: make test-thirdparty")

SUITE = {entry.name: entry.problem for entry in standard_suite()}
SOME = [SUITE[name] for name in ("coin", "early-stop", "shared-features", "coin-door")]

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # thousands of calls, as users make them


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def to_go(logits: Any, batch: Any) -> Any:
    """Return −mean_i Σ_t γ^t G_t log π(a_t|s_t)."""
    chosen = torch.log_softmax(logits, dim=-1).gather(-1, batch.actions[..., None])[..., 0]
    paid = batch.rewards * batch.discount ** torch.arange(chosen.shape[1])
    return -(chosen * paid.flip(1).cumsum(1).flip(1) * batch.mask).sum(1).mean()


def batch_of(name: str = "coin-door") -> Trajectories:
    return pgv.sample(SUITE[name], 5, seed=0)


@pytest.mark.parametrize("name", ["many-states", "shared-features", "coin-door"])
def test_the_gradient_is_that_of_our_own_estimator(name: str) -> None:
    # A second route: reward-to-go by the policy's own score, tabular and with shared features.
    batch = batch_of(name)
    found = pgv.adapters.torch.from_loss(to_go)(batch)
    assert found == pytest.approx(pgv.estimators.RewardToGo()(batch).mean(axis=0), rel=1e-12, abs=1e-14)


def test_the_gradient_is_that_by_theta() -> None:
    # A third: the whole of it in torch, from a parameter tensor.
    batch = batch_of("shared-features")
    theta = torch.tensor(batch.policy.parameters, requires_grad=True)
    features = torch.tensor(batch.policy.features)
    seen: list[Any] = []

    def keep(logits: Any, given: Any) -> Any:
        seen.append(given)
        return (logits**2).sum()  # depends on the logits beyond their softmax

    found = pgv.adapters.torch.from_loss(keep)(batch)
    ((features @ theta)[seen[0].states[:, :-1]] ** 2).sum().backward()
    assert found == pytest.approx(-theta.grad.numpy(), rel=1e-12)


def test_a_right_loss_is_correct_and_a_sum_is_scaled_by_n() -> None:
    assert pgv.check(pgv.adapters.torch.from_loss(to_go), problems=SOME).outcome is Outcome.CORRECT
    summed = pgv.adapters.torch.from_loss(lambda logits, batch: to_go(logits, batch) * len(logits))
    report = pgv.check(summed, problems=[SUITE["coin"], SUITE["bandit"]])
    assert report.outcome is Outcome.SCALED
    assert "n (the batch size)" in report.explanation


@pytest.mark.parametrize("dtype", ["float32", torch.float32])
def test_single_precision_is_recognised(dtype: Any) -> None:
    function = pgv.adapters.torch.from_loss(to_go, dtype=dtype)
    for name in ("many-states", "shared-features"):
        assert function(batch_of(name)).dtype == np.float32
    report = pgv.check(function, problems=SOME)
    assert report.outcome is Outcome.CORRECT
    assert "to single precision" in report.explanation


def test_the_batch_is_constant_and_in_the_dtype_asked_for() -> None:
    seen: list[Any] = []

    def keep(logits: Any, batch: Any) -> Any:
        seen.append((logits, batch))
        return logits.sum()

    pgv.adapters.torch.from_loss(keep, "float32")(batch_of())
    logits, batch = seen[0]
    assert logits.dtype == batch.rewards.dtype == batch.discount.dtype == torch.float32
    assert batch.actions.dtype == torch.int64
    assert batch.mask.dtype == batch.terminated.dtype == torch.bool
    assert logits.requires_grad
    assert not any(tensor.requires_grad for tensor in batch)
    assert logits.shape == (5, 3, 2)


def test_a_detached_loss_has_no_signal() -> None:
    for loss in (lambda z, b: to_go(z.detach(), b), lambda z, b: to_go(z, b) * 0.0):
        assert pgv.check(pgv.adapters.torch.from_loss(loss), problems=SOME[:2]).outcome is Outcome.NO_SIGNAL


def test_a_loss_of_other_parameters_alone_is_zero() -> None:
    critic = torch.ones(1, dtype=torch.float64, requires_grad=True)
    assert not pgv.adapters.torch.from_loss(lambda _, b: (critic * b.rewards).sum())(batch_of()).any()
    assert critic.grad is None  # and theirs are not accumulated


def test_a_loss_that_writes_into_its_batch_is_seen() -> None:
    def careless(logits: Any, batch: Any) -> Any:
        logits[~batch.mask] = 0.0  # its own: allowed, as of any layer's output
        batch.rewards *= 2.0
        return to_go(logits, batch)

    report = pgv.check(pgv.adapters.torch.from_loss(careless), problems=SOME[:2])
    assert any("changes its input (rewards)" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (
            lambda z, _: torch.log_softmax(z, -1)[..., 0],
            r"the loss has shape \(5, 3\), must be one number; take its mean",
        ),
        (lambda z, b: to_go(z, b).item(), r"of type float, must be a torch.Tensor with one entry"),
        (lambda z, b: to_go(z, b) + float("nan"), "the loss is nan, must be finite"),
    ],
)
def test_misuse_is_one_sentence(loss: Any, sentence: str) -> None:
    function = pgv.adapters.torch.from_loss(loss)
    with pytest.raises(InvalidInput, match=sentence):
        function(batch_of())
    assert pgv.check(function, problems=SOME[-1:]).outcome is Outcome.INVALID


def test_a_nan_gradient_reaches_the_oracle() -> None:
    function = pgv.adapters.torch.from_loss(lambda z, b: to_go(z, b) + 0.0 * torch.sqrt(0.0 * z).sum())
    assert np.isnan(function(batch_of())).any()
    assert pgv.check(function, problems=SOME[:1]).outcome is Outcome.INVALID


def test_a_policy_without_logits_is_taken() -> None:
    """z = log π stands for its logits, and the score is their derivative: the same gradient."""

    class Other:
        def __init__(self, policy: Any) -> None:
            self.parameters, self.with_parameters = policy.parameters, policy.with_parameters
            self.probabilities, self.score_vjp = policy.probabilities, policy.score_vjp

    problem = SUITE["coin"]
    other = pgv.Problem(problem.mdp, Other(problem.policy), problem.objective)
    function = pgv.adapters.torch.from_loss(to_go)
    expected = function(pgv.sample(problem, 5, seed=0))
    assert function(pgv.sample(other, 5, seed=0)) == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_a_wrong_dtype_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"dtype is torch\.float16, must be float32 or float64"):
        pgv.adapters.torch.from_loss(to_go, torch.float16)
