"""Identities that hold for the score of every policy, in every state, however extreme; and broken scores that fail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import TINY_STEP, feature_size, score_by_complex_step

from pgverify import LinearSoftmaxPolicy, Policy, SoftmaxPolicy
from pgverify.policies import dense_score
from pgverify.strategies import policies

ROUNDING = 1e-12
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 4))
EVERY_POLICY = SHAPES.flatmap(lambda shape: policies(*shape, extreme=True))

Violation = Callable[[Policy], float]


def ratio(error: np.ndarray, size: np.ndarray) -> float:
    """Return the largest error relative to the size of the terms that were added up, 0 where both are 0."""
    return float(np.max(np.abs(error) / np.maximum(size, 1e-300), initial=0.0))


def zero_mean(policy: Policy) -> float:
    """E_π[ψ(s,·)] = Σ_a ∇π(a|s) = ∇1 = 0 in every state, relative to E|ψ|: holds to rounding at any scale."""
    terms = policy.probabilities()[..., None] * dense_score(policy)
    return ratio(terms.sum(axis=1), np.abs(terms).sum(axis=1) + feature_size(policy))


def any_baseline(policy: Policy) -> float:
    """E[Σ_s w(s) ψ(s,·) b(s)] = 0 for a b that depends on the state, through the product that estimators use."""
    probabilities = policy.probabilities()
    b = np.linspace(-3.0, 7.0, len(probabilities))[:, None]
    size = np.abs(dense_score(policy) * (probabilities * b)[..., None]).sum(axis=(0, 1))
    return ratio(policy.score_vjp(probabilities * b), size + 10.0 * feature_size(policy))


def bartlett(policy: Policy) -> float:
    """E[ψψᵀ] = −E[∇² log π] in every state: differentiate E[ψ] = 0 once more. ∇²log π by complex step of ψ."""
    theta, probabilities, score = policy.parameters, policy.probabilities(), dense_score(policy)
    curvature = np.stack(
        [dense_score(policy.with_parameters(theta + 1j * TINY_STEP * e)).imag / TINY_STEP for e in np.eye(len(theta))],
        axis=-1,
    )
    second = np.einsum("sa,sai,saj->sij", probabilities, score, score)
    mean = np.einsum("sa,saij->sij", probabilities, curvature)
    size = np.einsum("sa,sai,saj->sij", probabilities, abs(score), abs(score))
    # One scale a state: entries are the small difference of features that may be larger than the result.
    return ratio(np.abs(second + mean).max(axis=(1, 2)), size.max(axis=(1, 2)) + feature_size(policy) ** 2 * 100.0)


def derivative(policy: Policy) -> float:
    """ψ = ∇ log π, the second door against the complex step of the first."""
    score, numeric = dense_score(policy), score_by_complex_step(policy)
    return ratio(score - numeric, np.abs(numeric).max(axis=(0, 1), keepdims=True) + feature_size(policy))


IDENTITIES: tuple[Violation, ...] = (zero_mean, any_baseline, bartlett, derivative)


@pytest.mark.parametrize("violation", IDENTITIES)
@given(policy=EVERY_POLICY)
def test_the_identity_holds(violation: Violation, policy: Policy) -> None:
    assert violation(policy) <= ROUNDING


@given(policy=EVERY_POLICY, data=st.data())
def test_score_vjp_is_linear(policy: Policy, data: st.DataObject) -> None:
    """f(2u − 3v) = 2 f(u) − 3 f(v), for weights with leading axes."""
    shape = (2, *policy.probabilities().shape)
    size = int(np.prod(shape))
    u, v = (
        np.array(data.draw(st.lists(st.integers(-5, 5), min_size=size, max_size=size)), float).reshape(shape)
        for _ in range(2)
    )
    combined = policy.score_vjp(2.0 * u - 3.0 * v)
    scale = (np.abs(dense_score(policy)).max(initial=0.0) + feature_size(policy)) * 25.0 * size + 1e-300
    assert np.abs(combined - (2.0 * policy.score_vjp(u) - 3.0 * policy.score_vjp(v))).max() <= ROUNDING * scale


class WithoutMean(SoftmaxPolicy):
    """Forgets that the normalisation depends on θ: ψ = ∇z, without − E[∇z]."""

    def score_vjp(self, weights: np.ndarray) -> np.ndarray:
        return weights.reshape(*weights.shape[:-2], -1)

    def with_parameters(self, theta: np.ndarray) -> WithoutMean:
        return WithoutMean(np.asarray(theta).reshape(self.logits.shape))


class Probabilities(SoftmaxPolicy):
    """Returns ∇π in place of ∇log π."""

    def score_vjp(self, weights: np.ndarray) -> np.ndarray:
        return super().score_vjp(weights * self.probabilities())

    def with_parameters(self, theta: np.ndarray) -> Probabilities:
        return Probabilities(np.asarray(theta).reshape(self.logits.shape))


class Doubled(SoftmaxPolicy):
    """Scales the score by two, as a forgotten temperature does: its mean is still zero."""

    def score_vjp(self, weights: np.ndarray) -> np.ndarray:
        return 2.0 * super().score_vjp(weights)

    def with_parameters(self, theta: np.ndarray) -> Doubled:
        return Doubled(np.asarray(theta).reshape(self.logits.shape))


class Negated(LinearSoftmaxPolicy):
    """Has the sign the wrong way round."""

    def score_vjp(self, weights: np.ndarray) -> np.ndarray:
        return -super().score_vjp(weights)

    def with_parameters(self, theta: np.ndarray) -> Negated:
        return Negated(self.features, theta)


LOGITS = [[0.5, -1.0, 0.0], [1.0, 0.0, 2.0]]
FEATURES = [[[1.0], [2.0], [0.0]], [[-1.0], [0.0], [1.0]]]


@pytest.mark.parametrize(
    ("policy", "fails"),
    [
        (WithoutMean(LOGITS), (zero_mean, any_baseline, bartlett, derivative)),
        (Probabilities(LOGITS), (zero_mean, any_baseline, bartlett, derivative)),
        (Doubled(LOGITS), (bartlett, derivative)),
        (Negated(FEATURES, [0.7]), (bartlett, derivative)),
        (SoftmaxPolicy(LOGITS), ()),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, tuple) else "",
)
def test_a_broken_score_fails(policy: Policy, fails: tuple[Violation, ...]) -> None:
    """Negative control: each mistake is seen by exactly the identities that can see it, and far above rounding."""
    assert tuple(check for check in IDENTITIES if check(policy) > 1e-2) == fails
