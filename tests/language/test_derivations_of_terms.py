"""Every row of the table of KL and entropy terms: its expectation by enumeration, beside a derivation of its own."""

from __future__ import annotations

import numpy as np
import pytest
from derived_objectives import (
    CLOSE,
    PROBLEMS,
    chance,
    completions,
    cosine,
    expectation,
    of_completions,
    slope,
    tokens_of,
)

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # objectives are called hundreds of times


def visits(problem):
    """Return how often the sampler is at each (prompt, prefix), by walking every completion."""
    total = np.zeros(problem.problem.mdp.num_states)
    for x, y, _, _ in completions(problem):
        for s, _ in tokens_of(problem, x, y):
            total[s] += chance(problem, problem.sampler, x, y)
    return total


def of_states(problem, function):
    """Return the objective Σ_s d(s) f(π_θ(·|s)), d held."""
    d = visits(problem)
    return lambda policy: float(d @ function(policy.probabilities(), problem.reference.probabilities()))


def reverse(problem):
    return slope(problem, of_states(problem, lambda pi, ref: -(pi * np.log(pi / ref)).sum(axis=1)))


def forward(problem):
    return slope(problem, of_states(problem, lambda pi, ref: -(ref * np.log(ref / pi)).sum(axis=1)))


def sequence_kl(problem):
    """−∇ Σ p log(p/ref), both differentiated."""

    def objective(policy):
        total = 0.0
        for x, y, _, _ in completions(problem):
            p, q = (chance(problem, each, x, y) for each in (policy, problem.reference))
            total -= p * np.log(p / q)
        return total

    return slope(problem, objective)


def shorter(problem):
    return slope(problem, of_completions(problem, lambda x, y, r, n: -1 / n))  # noqa: ARG005


EXPECTED_TERMS = {
    "k1 in the reward": sequence_kl,
    "k2 as loss": reverse,
    "k3 as loss": forward,
    "k1 as loss": lambda p: np.zeros(len(p.policy.parameters)),
    "k1 as loss over L": shorter,
    "entropy": lambda p: slope(p, of_states(p, lambda pi, _: -(pi * np.log(pi)).sum(axis=1))),
}


@pytest.mark.parametrize("problem", PROBLEMS["same"][1:], ids=lambda p: p.name)
@pytest.mark.parametrize("name", EXPECTED_TERMS)
def test_kl_and_entropy_terms(name: str, problem) -> None:
    np.testing.assert_allclose(expectation(name, problem), EXPECTED_TERMS[name](problem), atol=CLOSE)


@pytest.mark.parametrize("problem", PROBLEMS["old"][1:3], ids=lambda p: p.name)
def test_ratio_times_k3_is_k2_with_the_states_of_the_old_policy(problem) -> None:
    """∇(ρ k3) = ρ(k3 + 1 − e^{−x})ψ = ρxψ; E_old of it is Σ_s d_old(s) ∇KL."""
    np.testing.assert_allclose(expectation("ratio times k3", problem), reverse(problem), atol=CLOSE)
    rng = np.random.default_rng(3)
    x, rho = rng.normal(size=5), rng.uniform(0.5, 2, size=5)
    h = 1e-6

    def product_of(shift):  # log π moves the ratio and x alike
        return rho * np.exp(shift) * (np.exp(-(x + shift)) - 1 + x + shift)

    np.testing.assert_allclose((product_of(h) - product_of(-h)) / (2 * h), rho * x, atol=1e-8)


def test_own_token_alone_is_not_the_divergence_of_sequences() -> None:
    """k1 paid to its own token is k2's weight x ψ: states held; and k3 in the reward is neither."""
    problem = PROBLEMS["same"][2]
    held, whole = reverse(problem), sequence_kl(problem)
    assert np.linalg.norm(held - whole) > 0.05 * np.linalg.norm(whole)
    odd = expectation("k3 in the reward", problem)
    assert max(abs(cosine(odd, each)) for each in (held, whole, forward(problem))) < 0.995
    assert abs(cosine(expectation("k2 as loss", problem), held)) > 0.9999999  # negative control
