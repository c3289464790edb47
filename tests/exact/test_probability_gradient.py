"""∂J/∂π(a|s), against derivatives of a J in which every entry of π is moved on its own."""

from __future__ import annotations

import numpy as np
import pytest
from random_problems import random_problem
from reference import relative_error

from pgverify import Discounted, FiniteHorizon, Problem, exact

MODERATE = (0.0, 1.0)


def return_of_table(problem: Problem, table: np.ndarray) -> float:
    """Return J for any table π [S, A], whose rows need not sum to one: V ← Σ_a π (r + γ P V), from the end.

    Discounted: repeated until γ^t is below rounding.
    """
    mdp = problem.mdp
    discount = problem.objective.discount
    match problem.objective:
        case FiniteHorizon(horizon, _):
            steps = horizon
        case Discounted(_):
            steps = 1 if discount == 0.0 else int(np.ceil(np.log(1e-18) / np.log(discount)))
    value = np.zeros(mdp.num_states)
    for _ in range(steps):
        ahead = (mdp.transition * (mdp.reward + discount * value)).sum(axis=2)
        value = np.where(mdp.terminal, 0.0, (table * ahead).sum(axis=1))
    return float(mdp.start @ value)


@pytest.mark.parametrize("objective", ["finite", "discounted"])
@pytest.mark.parametrize("seed", range(12))
def test_equals_the_central_difference_in_each_entry(objective: str, seed: int) -> None:
    """Central differences with step 1e-4 err by about 1e-8 of the third derivative, 1e-12 of rounding."""
    problem = random_problem(np.random.default_rng(seed), objective, 4, 3, 4, logit_scales=MODERATE)
    if isinstance(problem.objective, Discounted):  # ten terms of the geometric series bound the derivatives
        problem = Problem(problem.mdp, problem.policy, Discounted(min(problem.objective.discount, 0.9)))
    table = problem.policy.probabilities()
    assert return_of_table(problem, table) == pytest.approx(exact.expected_return(problem), rel=1e-10)
    step = 1e-4
    numeric = np.zeros_like(table)
    for index in np.ndindex(table.shape):
        move = np.zeros_like(table)
        move[index] = step
        ahead, behind = return_of_table(problem, table + move), return_of_table(problem, table - move)
        numeric[index] = (ahead - behind) / (2 * step)
    assert relative_error(exact.probability_gradient(problem), numeric) < 1e-5


@pytest.mark.parametrize("objective", ["finite", "discounted", "average"])
@pytest.mark.parametrize("seed", range(25))
def test_multiplied_out_it_gives_the_gradient(objective: str, seed: int) -> None:
    """Σ_{s,a} ∂J/∂π(a|s) ∂π(a|s)/∂θ = ∇J, with ∂π/∂θ by complex step of the probabilities alone."""
    problem = random_problem(np.random.default_rng(seed), objective, logit_scales=MODERATE)
    theta, policy = problem.policy.parameters, problem.policy
    jacobian = np.stack(
        [policy.with_parameters(theta + 1e-100j * e).probabilities().imag / 1e-100 for e in np.eye(len(theta))],
        axis=-1,
    )
    weights = exact.probability_gradient(problem)
    product = np.einsum("sa,sad->d", weights, jacobian)
    scale = np.abs(weights[..., None] * jacobian).sum(axis=(0, 1)).max() + 1e-300
    assert np.abs(product - exact.gradient(problem)).max() <= 1e-11 * scale


def test_zero_in_terminal_states() -> None:
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(40):
        problem = random_problem(rng, "finite")
        terminal = problem.mdp.terminal
        seen += int(terminal.any())
        assert not exact.probability_gradient(problem)[terminal].any()
    assert seen > 5
