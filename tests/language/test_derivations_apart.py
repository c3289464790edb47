"""Every row of the table of ratios: its expectation by enumeration, beside a derivation of its own."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from derived_objectives import (
    CLOSE,
    PROBLEMS,
    chance,
    completions,
    cosine,
    expectation,
    policy_gradient,
    slope,
    tokens_of,
    value,
)
from test_derivations_at_old import EXPECTED_AT_OLD
from test_derivations_of_terms import EXPECTED_TERMS

from pgverify.language.losses.reference_losses import APART, AT_OLD, BY_NAME, TERMS

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # objectives are called hundreds of times


def ratios_of(problem, policy, x, y):
    pi, old = policy.probabilities(), problem.old.probabilities()
    return [pi[s, a] / old[s, a] for s, a in tokens_of(problem, x, y)]


def advantages_of(problem, x, y):
    """Yield (probability, A) over the two others of the completion's group, in order."""
    paid, chances = problem.completions.rewards[x], problem.chances[x]
    for i, j in product(range(len(paid)), repeat=2):
        yield chances[i] * chances[j], paid[y] - (paid[i] + paid[j]) / 2


def over_groups(problem, gain):
    """Return the objective E_sampler gain(token ratios, A), θ in the ratios alone."""
    cases = [
        (chance(problem, problem.sampler, x, y), x, y, list(advantages_of(problem, x, y)))
        for x, y, _, _ in completions(problem)
    ]

    def objective(policy):
        total = 0.0
        for p, x, y, law in cases:
            rho = np.array(ratios_of(problem, policy, x, y))
            total += p * sum(weight * gain(rho, a) for weight, a in law)
        return total

    return objective


def clipped(low, high):
    return lambda r, a: float(np.minimum(r * a, np.clip(r, low, high) * a).sum())


def dual(r, a):
    plain = np.minimum(r * a, np.clip(r, 0.8, 1.2) * a)
    return float((plain if a >= 0 else np.maximum(plain, 3 * a)).sum())


def gate(r, a):
    tau = 1.0 if a > 0 else 1.05
    return float((4 / tau / (1 + np.exp(-tau * (r - 1))) * a).sum())


def geometric_of_clipped(r, a):
    log = np.log(r)
    log = np.minimum(log, 0.4) if a > 0 else np.maximum(log, -0.4)
    return float(np.exp(log.mean()) * a)


def prefix(problem):
    """Σ_s d_π(s) Σ_a ∇π(a|s) Q_old(s, a): the states of π at θ, held; values of the old policy, by plain recursion."""
    pi, old = problem.policy.probabilities(), problem.old.probabilities()
    mdp = problem.problem.mdp
    d, q = np.zeros(mdp.num_states), np.zeros((mdp.num_states, pi.shape[1]))
    reach, worth = np.zeros_like(q), np.zeros_like(q)
    for x, y, r, _ in completions(problem):
        steps = list(tokens_of(problem, x, y))
        for t, (s, a) in enumerate(steps):
            d[s] += chance(problem, problem.policy, x, y)
            rest = np.prod([old[s2, a2] for s2, a2 in steps[t + 1 :]])  # of the old policy, after (s, a)
            reach[s, a] += rest
            worth[s, a] += rest * r
    np.divide(worth, reach, out=q, where=reach > 0)
    return slope(problem, lambda policy: float((d[:, None] * policy.probabilities() * q).sum()))


EXPECTED_APART = {
    "token ratio": lambda p: slope(p, over_groups(p, lambda r, a: float(r.sum() * a))),
    "sequence ratio": policy_gradient,
    "prefix ratio": prefix,
    "PPO": lambda p: slope(p, over_groups(p, clipped(0.8, 1.2))),
    "clip-higher": lambda p: slope(p, over_groups(p, clipped(0.8, 1.28))),
    "dual clip": lambda p: slope(p, over_groups(p, dual)),
    "GSPO": lambda p: slope(p, over_groups(p, lambda r, a: float(np.prod(r) ** (1 / len(r)) * a))),
    "GMPO": lambda p: slope(p, over_groups(p, geometric_of_clipped)),
    "SAPO": lambda p: slope(p, over_groups(p, gate)),
    "DRO": lambda p: slope(p, over_groups(p, lambda r, a: float((np.log(r) * a - 0.05 * np.log(r) ** 2).sum()))),
}


@pytest.mark.parametrize("problem", PROBLEMS["old"][1:3], ids=lambda p: p.name)
@pytest.mark.parametrize("name", EXPECTED_APART)
def test_away_from_the_old_policy(name: str, problem) -> None:
    np.testing.assert_allclose(expectation(name, problem), EXPECTED_APART[name](problem), atol=CLOSE)


def weighed_scores(problem, weight):
    """Return Σ p_sampler E[A|y] Σ_t weight(token ratios)_t ψ_t, E[A|y] = R − V: in plain loops."""
    v, total = [value(problem, x) for x in range(problem.prompts)], 0.0
    for x, y, r, _ in completions(problem):
        psi = problem.scores[x, y][problem.completions.mask[x, y]]
        rho = np.array(ratios_of(problem, problem.policy, x, y))
        total = total + chance(problem, problem.sampler, x, y) * (r - v[x]) * (weight(rho)[:, None] * psi).sum(axis=0)
    return total


@pytest.mark.parametrize("problem", PROBLEMS["old"][1:3], ids=lambda p: p.name)
def test_cispo_is_the_capped_ratio_held(problem) -> None:
    want = weighed_scores(problem, lambda rho: np.clip(rho, 0.8, 1.2))
    np.testing.assert_allclose(expectation("CISPO", problem), want, atol=1e-12)


def rollout_ratios(problem, x, y):
    pi, mu = problem.policy.probabilities(), problem.sampler.probabilities()
    return np.array([pi[s, a] / mu[s, a] for s, a in tokens_of(problem, x, y)])


def rollout_surrogate(problem):
    """E_μ Σ_t (π_θ/μ)_t (R − V_μ), θ in the ratios."""
    mu, v = problem.sampler.probabilities(), [value(problem, x) for x in range(problem.prompts)]

    def objective(policy):
        pi, total = policy.probabilities(), 0.0
        for x, y, r, _ in completions(problem):
            rho = [pi[s, a] / mu[s, a] for s, a in tokens_of(problem, x, y)]
            total += chance(problem, problem.sampler, x, y) * (r - v[x]) * sum(rho)
        return total

    return slope(problem, objective)


@pytest.mark.parametrize("problem", PROBLEMS["rollout"][1:3], ids=lambda p: p.name)
def test_truncated_importance_weights_of_a_third_policy(problem) -> None:
    """Of tokens: its own surrogate, not ∇J even without a cap; of sequences ∇J without one, and less so with each."""
    truth = policy_gradient(problem)
    tokenwise = expectation("token TIS, no cap", problem)
    np.testing.assert_allclose(tokenwise, rollout_surrogate(problem), atol=CLOSE)
    assert cosine(tokenwise, truth) < 0.999
    np.testing.assert_allclose(expectation("sequence TIS, no cap", problem), truth, atol=CLOSE)
    v = [value(problem, x) for x in range(problem.prompts)]
    for cap in (2.0, 1.2):
        total = 0.0
        for x, y, r, _ in completions(problem):
            weight = min(np.prod(rollout_ratios(problem, x, y)), cap)
            score = problem.scores[x, y][problem.completions.mask[x, y]].sum(axis=0)
            total = total + chance(problem, problem.sampler, x, y) * weight * (r - v[x]) * score
        found = expectation(f"sequence TIS, cap {cap:g}", problem)
        np.testing.assert_allclose(found, total, atol=1e-12)
        assert np.linalg.norm(found - truth) > 1e-3


def test_every_row_is_derived() -> None:
    derived = {*EXPECTED_AT_OLD, "group std", "DAPO", "PF-PPO", *EXPECTED_TERMS, "ratio times k3", "k3 in the reward"}
    derived |= {*EXPECTED_APART, "CISPO", "token TIS, no cap", "sequence TIS, no cap"}
    derived |= {"sequence TIS, cap 2", "sequence TIS, cap 1.2"}
    assert derived == {one.name for one in (*AT_OLD, *TERMS, *APART)}
    assert all(one.estimand for one in BY_NAME.values())


@pytest.mark.parametrize(("name", "other"), [("PPO", "token ratio"), ("GSPO", "sequence ratio"), ("SAPO", "PPO")])
def test_a_derivation_of_another_row_does_not_fit(name: str, other: str) -> None:
    """Negative control: the tests above can fail."""
    problem = PROBLEMS["old"][1]
    assert np.abs(expectation(name, problem) - EXPECTED_APART[other](problem)).max() > 1e-4
