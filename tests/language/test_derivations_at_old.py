"""Every row of the table of losses at θ = θ_old: its expectation by enumeration, beside a derivation of its own."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest
from derived_objectives import (
    CLOSE,
    PROBLEMS,
    G,
    chance,
    completions,
    expectation,
    longest,
    of_completions,
    policy_gradient,
    slope,
    value,
)

from pgverify import targets

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # objectives are called hundreds of times


def over_length(problem):
    v = [value(problem, x) for x in range(problem.prompts)]
    return slope(problem, of_completions(problem, lambda x, y, r, n: (r - v[x]) / n))  # noqa: ARG005


def if_finished(problem):
    v = [value(problem, x) for x in range(problem.prompts)]
    return slope(problem, of_completions(problem, lambda x, y, r, n: (r - v[x]) * (n < longest(problem))))  # noqa: ARG005


def success_weighted(problem):
    """E_x f_G(p) ∇p, f_G(p) = E[A | right] − E[A | wrong], the others right k times of G − 1."""
    assert set(np.unique(problem.completions.rewards)) <= {0.0, 1.0}
    total = 0.0
    for x in range(problem.prompts):
        p = value(problem, x)
        rate = of_completions(problem, lambda i, y, r, n, x=x: r * (i == x))  # noqa: ARG005
        total = total + success_factor(p, G) * slope(problem, rate)
    return total


def success_factor(p, size):
    """Return f_G(p) by the binomial law, the standard deviation over G − 1."""
    total = 0.0
    for k in range(size):
        weight = comb(size - 1, k) * p**k * (1 - p) ** (size - 1 - k)
        for own, sign in ((1, 1), (0, -1)):
            right = k + own
            spread = np.sqrt(right * (size - right) / size / (size - 1))
            total += sign * weight * ((own - right / size) / (spread + 1e-6) if spread > 0 else 0.0)
    return total


EXPECTED_AT_OLD = {
    "REINFORCE": policy_gradient,
    "RLOO": policy_gradient,
    "Dr. GRPO": lambda p: (1 - 1 / G) * policy_gradient(p),
    "GRPO without baseline": lambda p: slope(p, of_completions(p, lambda x, y, r, n: r / n)),  # noqa: ARG005
    "GRPO with leave-one-out": over_length,
    "GSPO at ratio 1": over_length,
    "SAPO at ratio 1": over_length,
    "GMPO at ratio 1": over_length,
    "LUSPO": policy_gradient,
    "overlong filter": if_finished,
}


@pytest.mark.parametrize("problem", PROBLEMS["same"][:2], ids=lambda p: p.name)
@pytest.mark.parametrize("name", EXPECTED_AT_OLD)
def test_at_the_old_policy(name: str, problem) -> None:
    np.testing.assert_allclose(expectation(name, problem), EXPECTED_AT_OLD[name](problem), atol=CLOSE)


def test_group_std_of_right_and_wrong() -> None:
    problem = PROBLEMS["same"][0]
    np.testing.assert_allclose(expectation("group std", problem), success_weighted(problem), atol=CLOSE)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_the_weight_of_a_prompt_tends_to_one_over_the_root(p: float) -> None:
    """f_G(p) → 1/√(p(1 − p)); the difference falls as 1/G."""
    off = [abs(success_factor(p, size) * np.sqrt(p * (1 - p)) - 1) for size in (100, 400)]
    assert off[1] < 0.02
    assert off[1] < off[0] / 3


def asymmetry(problem):
    """Return ‖J − Jᵀ‖/‖J‖ of the field θ -> E[(R − mean)/std S]: 0 where it is a gradient."""
    from dataclasses import replace

    theta, h = problem.policy.parameters, 1e-4

    def field(at):
        policy = problem.policy.with_parameters(at)
        moved = replace(problem, problem=replace(problem.problem, policy=policy), sampler=policy, old=policy)
        return targets.GroupStd().vector(moved, G)

    jacobian = np.array([(field(theta + h * e) - field(theta - h * e)) / (2 * h) for e in np.eye(len(theta))])
    return np.linalg.norm(jacobian - jacobian.T) / np.linalg.norm(jacobian)


def test_group_std_of_graded_rewards_is_the_gradient_of_nothing() -> None:
    assert asymmetry(PROBLEMS["same"][0]) < 1e-6  # right or wrong: a gradient
    assert asymmetry(PROBLEMS["same"][1]) > 0.01


def test_remax_is_the_policy_gradient() -> None:
    """The reward of the greedy completion is a constant of its prompt: E[c(x) S] = 0, by plain sums."""
    problem = PROBLEMS["same"][1]
    total = 0.0
    for x in range(problem.prompts):
        greedy = max((chance(problem, problem.policy, i, y), r) for i, y, r, _ in completions(problem) if i == x)[1]
        for i, y, r, _ in completions(problem):
            if i == x:
                score = problem.scores[x, y][problem.completions.mask[x, y]].sum(axis=0)
                total = total + chance(problem, problem.policy, x, y) * (r - greedy) * score
    np.testing.assert_allclose(total, policy_gradient(problem), atol=CLOSE)
    np.testing.assert_allclose(total, expectation("RLOO", problem), atol=CLOSE)


def test_dynamic_sampling_divides_by_the_chance_of_acceptance() -> None:
    """Groups all alike are drawn again: E[g | mixed] = E[g]/P(mixed), for the others give nothing."""
    problem = PROBLEMS["same"][0]
    accepted, total = 0.0, 0.0
    for x in range(problem.prompts):
        for group in product(range(problem.chances.shape[1]), repeat=G):
            paid = problem.completions.rewards[x, list(group)]
            weight = np.prod(problem.chances[x, list(group)]) / problem.prompts
            if np.ptp(paid) > 0:
                accepted += weight
                for i, y in enumerate(group):
                    score = problem.scores[x, y][problem.completions.mask[x, y]].sum(axis=0)
                    total = total + weight * (paid[i] - np.delete(paid, i).mean()) * score / G
    assert 0.2 < accepted < 0.95
    np.testing.assert_allclose(total / accepted, expectation("RLOO", problem) / accepted, atol=1e-12)
    np.testing.assert_allclose(total, policy_gradient(problem), atol=CLOSE)


@pytest.mark.parametrize("name", ["DAPO", "PF-PPO"])
def test_what_holds_as_the_batch_grows(name: str) -> None:
    """∇J/E[L], and ∇E[wR]/E[w] with w = R² held: of one prompt the difference falls as 1/G."""
    problem = one_prompt(PROBLEMS["same"][1])
    length = of_completions(problem, lambda x, y, r, n: n)(problem.policy)  # noqa: ARG005
    squares = of_completions(problem, lambda x, y, r, n: r * r)(problem.policy)  # noqa: ARG005
    limit = {
        "DAPO": lambda: policy_gradient(problem) / length,
        "PF-PPO": lambda: slope(problem, of_completions(problem, lambda x, y, r, n: r**3)) / squares,  # noqa: ARG005
    }[name]()
    off = [np.linalg.norm(expectation(name, problem, size) - limit) / np.linalg.norm(limit) for size in (8, 32)]
    assert off[1] < 0.1
    assert off[1] < off[0] / 2.5


def one_prompt(problem):
    """Return the first prompt alone, three outcomes of it."""
    from dataclasses import replace

    from pgverify import FiniteHorizon, LinearSoftmaxPolicy, Problem, mdps

    paid = {(0,): 1.0, (1, 0): -0.5, (1, 1): 2.0}
    mdp = mdps.tokens(1, 2, 2, lambda _, completion: paid[completion])
    features = np.random.default_rng(5).normal(size=(mdp.num_states, 2, 3))
    policy = LinearSoftmaxPolicy(features, np.array([0.4, -0.3, 0.2]))
    whole = Problem(mdp, policy, FiniteHorizon(2))
    return replace(problem, problem=whole, sampler=policy, old=policy, reference=policy)
