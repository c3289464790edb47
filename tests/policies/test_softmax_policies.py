"""The softmax policies: closed forms, derivatives by complex step, and extreme logits in exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from reference import relative_error, score_by_complex_step

from pgverify import LinearSoftmaxPolicy, Policy, SoftmaxPolicy
from pgverify.errors import InvalidPolicy
from pgverify.policies import dense_score
from pgverify.policies.tabular_softmax import uniform_policy


def policies(seed: int) -> list[SoftmaxPolicy | LinearSoftmaxPolicy]:
    rng = np.random.default_rng(seed)
    scale = [0.1, 1.0, 10.0, 40.0][seed % 4]
    return [
        SoftmaxPolicy(scale * rng.normal(size=(3, 4))),
        LinearSoftmaxPolicy(rng.normal(size=(3, 4, 5)), scale * rng.normal(size=5)),
    ]


def test_probabilities_in_closed_form() -> None:
    """exp(ln 1, ln 2, ln 5) = (1, 2, 5), whose sum is 8."""
    logits = np.log([[1.0, 2.0, 5.0], [3.0, 3.0, 2.0]])
    expected = np.array([[1, 2, 5], [3, 3, 2]]) / 8
    assert SoftmaxPolicy(logits).probabilities() == pytest.approx(expected, rel=1e-15)
    assert SoftmaxPolicy(logits + 700.0).probabilities() == pytest.approx(expected, rel=1e-12)
    features = np.stack([logits, np.ones((2, 3))], axis=2)  # a feature common to the actions changes nothing
    assert LinearSoftmaxPolicy(features, [1.0, 9.0]).probabilities() == pytest.approx(expected, rel=1e-14)


def test_score_in_closed_form() -> None:
    """∂ log π(a|s)/∂z(s',b) = 1{s=s'} (1{a=b} − π(b|s)), with π = (1, 2, 5)/8 and (3, 3, 2)/8."""
    policy = SoftmaxPolicy(np.log([[1.0, 2.0, 5.0], [3.0, 3.0, 2.0]]))
    pi = np.array([[1, 2, 5], [3, 3, 2]]) / 8
    expected = np.zeros((2, 3, 2, 3))
    for s in range(2):
        expected[s, :, s, :] = np.eye(3) - pi[s]
    assert policy.score() == pytest.approx(expected.reshape(2, 3, 6), abs=1e-15)


def test_linear_score_in_closed_form() -> None:
    """ψ(s,a) = φ(s,a) − Σ_b π(b|s) φ(s,b)."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(3, 4, 2))
    policy = LinearSoftmaxPolicy(features, rng.normal(size=2))
    mean = np.einsum("sa,sad->sd", policy.probabilities(), features)
    assert policy.score() == pytest.approx(features - mean[:, None, :], rel=1e-12, abs=1e-14)


def test_one_hot_features_make_the_linear_policy_tabular() -> None:
    logits = np.random.default_rng(1).normal(size=(3, 2))
    linear = LinearSoftmaxPolicy(np.eye(6).reshape(3, 2, 6), logits.ravel())
    tabular = SoftmaxPolicy(logits)
    assert linear.probabilities() == pytest.approx(tabular.probabilities(), rel=1e-15)
    assert linear.score() == pytest.approx(tabular.score(), abs=1e-15)


@pytest.mark.parametrize("seed", range(8))
def test_score_is_the_derivative_of_the_log_probabilities(seed: int) -> None:
    for policy in policies(seed):
        derivative = score_by_complex_step(policy)
        assert relative_error(policy.score(), derivative) < 1e-13
        assert np.array_equal(policy.score(), dense_score(policy))


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 5)])
def test_score_vjp_sums_the_dense_score_whatever_the_leading_axes(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    for policy in policies(1):
        weights = rng.normal(size=(*shape, 3, 4))
        expected = np.einsum("...sa,sad->...d", weights, policy.score())
        found = policy.score_vjp(weights)
        assert found.shape == (*shape, policy.parameters.size)
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("gap", [40, 200, 600])
def test_scores_of_extreme_logits_keep_every_digit(gap: int) -> None:
    """With logits (gap, 0, 0): π_0 = E/(E+2), E = e^gap, so 1 − π_0 = 2/(E+2): small, and never a difference.

    Evaluated in rational arithmetic from the float64 value of e^-gap.
    """
    small = Fraction(float(np.exp(-float(gap))))
    rest = 2 * small / (1 + 2 * small)
    policy = SoftmaxPolicy([[float(gap), 0.0, 0.0]])
    score = policy.score()[0]
    assert score[0, 0] == pytest.approx(float(rest), rel=1e-14)
    assert score[0, 1] == pytest.approx(-float(rest / 2), rel=1e-14)
    assert score[1, 1] == pytest.approx(1.0, rel=1e-14)
    assert score[1, 0] == pytest.approx(-1.0, rel=1e-14)
    # E_π[ψ] = 0 holds relative to its smallest terms, not merely to 1e-16.
    mean = policy.probabilities()[0] @ score
    assert np.abs(mean).max() <= 1e-14 * float(rest)


@pytest.mark.parametrize("shift", [-5000.0, 0.0, 5000.0])
def test_logits_beyond_the_range_of_exp_neither_overflow_nor_vanish(shift: float) -> None:
    """exp(710) is infinite: only differences may be exponentiated, and of those only negative ones.

    With a gap of 1000 the rare action has probability 0 in float64, and a score that is (−1, 1) exactly.
    """
    policy = SoftmaxPolicy([[1000.0 + shift, shift]])
    assert policy.probabilities().tolist() == [[1.0, 0.0]]
    assert policy.score().tolist() == [[[0.0, 0.0], [-1.0, 1.0]]]
    assert SoftmaxPolicy([[shift, shift]]).probabilities().tolist() == [[0.5, 0.5]]


def test_with_parameters_round_trips_and_takes_complex_numbers() -> None:
    for policy in policies(2):
        theta = policy.parameters
        assert np.array_equal(policy.with_parameters(theta).probabilities(), policy.probabilities())
        assert not np.array_equal(policy.with_parameters(theta[::-1]).parameters, theta)
        stepped = policy.with_parameters(theta + 1e-100j)
        assert stepped.probabilities().dtype == np.complex128
        assert stepped.probabilities().real == pytest.approx(policy.probabilities(), rel=1e-14)
        assert isinstance(policy, Policy)


def test_parameters_are_read_only_copies() -> None:
    logits = np.zeros((2, 2))
    policy = SoftmaxPolicy(logits)
    logits[0, 0] = 5.0
    assert not policy.parameters.any()
    with pytest.raises(ValueError, match="read-only"):
        policy.parameters[0] = 1.0


def test_uniform_policy() -> None:
    assert uniform_policy(2, 4).probabilities().tolist() == [[0.25] * 4] * 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: SoftmaxPolicy([0.0, 1.0]),
            r"logits has shape \(2,\), must be \[S, A\] with S and A at least 1",
        ),
        (lambda: SoftmaxPolicy(np.zeros((0, 2))), r"logits has shape \(0, 2\)"),
        (lambda: SoftmaxPolicy([[np.nan]]), r"logits\[0, 0\] is nan, every entry must be finite"),
        (
            lambda: SoftmaxPolicy([[0.0, complex(0, np.inf)]]),
            r"logits\[0, 1\] is .*, every entry must be finite",
        ),
        (lambda: SoftmaxPolicy([[0.0], [1.0, 2.0]]), r"logits must be an array of real numbers"),
        (lambda: SoftmaxPolicy([["a"]]), r"logits must be an array of real numbers, found \[\['a'\]\]"),
        (
            lambda: SoftmaxPolicy([[0.0, 1.0]]).with_parameters([0.0]),
            r"theta has shape \(1,\), must be \[S·A\]",
        ),
        (lambda: LinearSoftmaxPolicy([[1.0]], [1.0]), r"features has shape \(1, 1\), must be \[S, A, d\]"),
        (
            lambda: LinearSoftmaxPolicy([[[1.0]]], [1.0, 2.0]),
            r"weights has shape \(2,\), must be \[d\] = \(1,\)",
        ),
        (lambda: LinearSoftmaxPolicy([[[np.inf]]], [1.0]), r"features\[0, 0, 0\] is inf"),
    ],
)
def test_refuses_malformed_parameters(make: Any, message: str) -> None:
    with pytest.raises(InvalidPolicy, match=message):
        make()


def test_reprs_name_the_sizes() -> None:
    assert repr(SoftmaxPolicy(np.zeros((2, 3)))) == "SoftmaxPolicy(states=2, actions=3)"
    linear = LinearSoftmaxPolicy(np.zeros((2, 3, 4)), np.zeros(4))
    assert repr(linear) == "LinearSoftmaxPolicy(states=2, actions=3, parameters=4)"


def test_probabilities_are_the_callers_own() -> None:
    """They are computed once: what a caller writes into them reaches neither later calls nor the score."""
    for policy in (SoftmaxPolicy([[0.0, 1.0]]), LinearSoftmaxPolicy([[[0.0], [1.0]]], [1.0])):
        probabilities, score = policy.probabilities(), policy.score()
        policy.probabilities()[:] = 7.0
        assert np.array_equal(policy.probabilities(), probabilities)
        assert np.array_equal(policy.score(), score)
