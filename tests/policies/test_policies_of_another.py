"""Mixed, tempered, masked, top-k and top-p policies, and any callable: by hand, by complex step, and on problems."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from random_problems import random_problem
from reference import relative_error

import pgverify as pgv
from pgverify import Problem, exact
from pgverify.errors import InvalidInput
from pgverify.estimators import RewardToGo
from pgverify.policies import Policy, dense_score
from pgverify.policies.jacobians import jacobian

LOGITS = np.log([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])
BASE = pgv.SoftmaxPolicy(LOGITS)


def softmax(theta: Any) -> Any:
    powers = np.exp(theta.reshape(2, 3))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (pgv.MixedPolicy(BASE, 0.3), [[0.45, 0.31, 0.24], [0.17, 0.52, 0.31]]),
        (
            pgv.TemperedPolicy(BASE, 0.5),
            [[0.25 / 0.38, 0.09 / 0.38, 0.04 / 0.38], [0.01 / 0.46, 0.36 / 0.46, 0.09 / 0.46]],
        ),
        (pgv.MaskedPolicy(BASE, [[True, False, True], [True, True, True]]), [[5 / 7, 0, 2 / 7], [0.1, 0.6, 0.3]]),
        (pgv.TopKPolicy(BASE, 2), [[5 / 8, 3 / 8, 0], [0, 2 / 3, 1 / 3]]),
        (pgv.TopPPolicy(BASE, 0.55), [[5 / 8, 3 / 8, 0], [0, 1, 0]]),
        (pgv.CallablePolicy(softmax, LOGITS.ravel()), [[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]]),
    ],
)
def test_probabilities_by_hand(policy: Policy, expected: list[list[float]]) -> None:
    assert policy.probabilities() == pytest.approx(np.array(expected), rel=1e-12)
    assert isinstance(policy, Policy)


def made_of(base: Policy, rng: np.random.Generator) -> Policy:
    """Return one of the policies, made of a random one."""
    states, actions = base.probabilities().shape
    mask = rng.random((states, actions)) < 0.6
    mask[np.arange(states), rng.integers(actions, size=states)] = True
    chosen: list[Callable[[], Policy]] = [
        lambda: pgv.MixedPolicy(base, rng.random()),
        lambda: pgv.TemperedPolicy(base, float(rng.uniform(0.3, 3.0))),
        lambda: pgv.MaskedPolicy(base, mask),
        lambda: pgv.TopKPolicy(base, int(rng.integers(1, actions + 1))),
        lambda: pgv.TopPPolicy(base, float(rng.uniform(0.2, 1.0))),
        lambda: pgv.CallablePolicy(lambda theta: base.with_parameters(theta).probabilities(), base.parameters),
        lambda: pgv.MixedPolicy(pgv.TemperedPolicy(pgv.MaskedPolicy(base, mask), 2.0), 0.1),
    ]
    return chosen[rng.integers(len(chosen))]()


def errors(seed: int) -> tuple[float, float, float]:
    """Return how far ∇J is from complex steps of J, the score from those of log π, and the mean score from zero."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, "finite", logit_scales=(0.0, 1.0, 2.0))
    policy = made_of(problem.policy, rng)
    other = Problem(problem.mdp, policy, problem.objective)
    law, score = policy.probabilities(), dense_score(policy)
    slope = jacobian(lambda theta: policy.with_parameters(theta).probabilities(), policy.parameters).table
    truth = np.divide(slope, law[:, :, None], out=np.zeros_like(slope), where=law[:, :, None] > 0)
    mean = np.abs(np.einsum("sa,sad->sd", law, score)).max()
    return (
        relative_error(exact.gradient(other), exact.gradient_by_complex_step(other)),
        relative_error(score, truth),
        float(mean) / max(1.0, float(np.abs(score).max())),
    )


@pytest.mark.parametrize("seed", range(10))
def test_random_problems_by_complex_step(seed: int) -> None:
    assert max(errors(seed)) <= 1e-9


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked_shapes")
def test_two_hundred_random_problems_by_complex_step() -> None:
    assert max(max(errors(seed)) for seed in range(500, 700)) <= 1e-9


def test_ways_to_differentiate_a_callable() -> None:
    def drops_imaginary_parts(theta: Any) -> Any:
        return softmax(np.asarray(theta, dtype=np.float64))

    def absolute(theta: Any) -> Any:  # |z| is not analytic: a complex step would be wrong, and is not believed
        return softmax(np.abs(theta) ** 2 / 4)

    def by_hand(theta: Any) -> Any:
        law = softmax(theta)
        own = np.eye(3)[None] - law[:, None, :]
        return np.einsum("sa,sab,st->satb", law, own, np.eye(2)).reshape(2, 3, 6)

    analytic = pgv.CallablePolicy(softmax, LOGITS.ravel())
    numeric = pgv.CallablePolicy(drops_imaginary_parts, LOGITS.ravel())
    given = pgv.CallablePolicy(softmax, LOGITS.ravel(), by_hand)
    assert [each.derivative.method for each in (analytic, numeric, given)] == [
        "complex step",
        "differences",
        "autodiff",
    ]
    for each, rounding in ((analytic, 1e-13), (numeric, 1e-10), (given, 1e-13)):
        assert relative_error(dense_score(each), dense_score(BASE)) < rounding
    crooked = pgv.CallablePolicy(absolute, LOGITS.ravel())
    assert crooked.derivative.method == "differences"
    plain = pgv.CallablePolicy(lambda theta: softmax(theta**2 / 4), LOGITS.ravel())
    assert relative_error(dense_score(crooked), dense_score(plain)) < 1e-9


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    "make",
    [
        lambda base: pgv.MixedPolicy(base, 0.2),
        lambda base: pgv.TemperedPolicy(base, 2.0),
        lambda base: pgv.TopKPolicy(base, 2),
    ],
)
def test_the_oracle_takes_them(make: Callable[[Policy], Policy]) -> None:
    problems = [
        Problem(entry.problem.mdp, make(entry.problem.policy), entry.problem.objective)
        for entry in pgv.suites.get("standard")[:4]
    ]
    assert pgv.check(RewardToGo(), problems=problems).outcome is pgv.Outcome.CORRECT


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pgv.MixedPolicy(BASE, 1.5), r"exploration is 1\.5, must be a number in \[0, 1\]"),
        (lambda: pgv.MixedPolicy(LOGITS, 0.5), "policy is ndarray, must be a policy"),
        (lambda: pgv.MixedPolicy(pgv.GaussianPolicy([[1.0]], [[0.0]], [0.0]), 0.5), "real numbers, must have numbered"),
        (lambda: pgv.TemperedPolicy(BASE, 0.0), "temperature is 0.0, must be a number in"),
        (lambda: pgv.TemperedPolicy(BASE, np.nan), "temperature is nan"),
        (lambda: pgv.MaskedPolicy(BASE, [[True, True]]), r"mask has shape \(1, 2\), must be \[S, A\] = \(2, 3\)"),
        (lambda: pgv.MaskedPolicy(BASE, np.ones((2, 3))), "mask has dtype float64, must hold booleans"),
        (lambda: pgv.MaskedPolicy(BASE, [[True] * 3, [False] * 3]), r"mask\[1\] allows no action"),
        (lambda: pgv.TopKPolicy(BASE, 0), "count is 0, must be an integer of at least 1"),
        (lambda: pgv.TopPPolicy(BASE, 0.0), "mass is 0.0, must be a number in"),
        (lambda: pgv.CallablePolicy(LOGITS, [0.0]), "function is a ndarray"),
        (lambda: pgv.CallablePolicy(softmax, LOGITS), r"parameters has shape \(2, 3\), must be \[d\]"),
        (lambda: pgv.CallablePolicy(lambda _: 1 / 0, [0.0]).probabilities(), "raised ZeroDivisionError"),
        (lambda: pgv.CallablePolicy(lambda _: [0.5, 0.5], [0.0]).probabilities(), r"shape \(2,\), must be \[S, A\]"),
        (lambda: pgv.CallablePolicy(lambda _: [[np.nan, 0.5]], [0.0]).probabilities(), r"\[0, 0\] is nan, every entry"),
        (lambda: BASE and pgv.MixedPolicy(BASE, 0.2).score_vjp(np.ones((3, 3))), r"weights has shape \(3, 3\)"),
    ],
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_refuses_what_does_not_fit(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
