"""∇J by independent routes on a thousand random problems: the floor that everything else stands on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from jaxtyping import config
from random_problems import random_problem
from reference import relative_error
from slow_cases import some_slow

from pgverify import AverageReward, Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, exact
from pgverify.problem import Objective

AGREEMENT = 1e-10
LARGEST_LISTING = 20_000
BLOCK = 100
CHECKED = 4
"""Problems a block with shapes checked at run time; unchecked, the rest takes a quarter of the time."""

ROUTES: tuple[Callable[[Problem], np.ndarray], ...] = (
    exact.gradient_by_complex_step,
    exact.gradient_by_value_derivative,
    exact.gradient_by_enumeration,
)


def problem_of(seed: int) -> Problem:
    return random_problem(np.random.default_rng(seed))


def can_be_listed(problem: Problem) -> bool:
    return isinstance(problem.objective, FiniteHorizon) and exact.count_trajectories(problem) <= LARGEST_LISTING


def worst_disagreement(problem: Problem, gradient: Callable[[Problem], np.ndarray]) -> float:
    """Return the largest relative distance of a gradient from any route, and of the routes from each other."""
    routes = ROUTES if can_be_listed(problem) else ROUTES[:2]
    answers = [gradient(problem), *(route(problem) for route in routes)]
    return max(relative_error(first, second) for first in answers for second in answers)


@pytest.mark.parametrize("block", some_slow(1000 // BLOCK, 100 // BLOCK))
@pytest.mark.usefixtures("unchecked_shapes")
def test_all_routes_agree(block: int) -> None:
    """S 1..8, A 1..5, T 1..8, γ 0..1, logit differences up to about 100, terminal and unreachable states."""
    worst = {}
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        config.update("jaxtyping_disable", seed >= block * BLOCK + CHECKED)
        worst[seed] = worst_disagreement(problem_of(seed), exact.gradient)
    assert {seed: error for seed, error in worst.items() if not error <= AGREEMENT} == {}


def without_discount_weighting(problem: Problem) -> np.ndarray:
    """Return Σ_t Σ_s d_t Σ_a π ψ Q_t: the boxed formula of the first seed document, a factor γ^t short."""
    assert isinstance(problem.objective, FiniteHorizon)
    weights = np.einsum("ts,tsa->sa", exact.occupancy(problem), exact.values(problem).action)
    weights[problem.mdp.terminal] = 0.0
    return problem.policy.score_vjp(weights * problem.policy.probabilities())


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
def test_a_wrong_gradient_disagrees() -> None:
    """Negative control: with 0 < γ < 1, T > 1 and something to learn, a dropped γ^t is seen every time."""
    seen = 0
    for seed in range(100):
        problem = random_problem(np.random.default_rng(seed), "finite", logit_scales=(0.0, 1.0))
        discount, horizon = problem.objective.discount, problem.objective.horizon
        wrong = without_discount_weighting(problem)
        if 0.0 < discount < 1.0 and horizon > 1 and not problem.mdp.terminal.any() and wrong.any():
            seen += 1
            assert worst_disagreement(problem, without_discount_weighting) > 1e-6
    assert seen >= 10


@pytest.mark.usefixtures("unchecked_shapes")
def test_the_family_varies_what_a_formula_could_forget() -> None:
    """Of the first two hundred problems at least three show each feature, so that no route is spared."""
    problems = [problem_of(seed) for seed in range(200)]
    features = {
        "finite horizon": lambda p: isinstance(p.objective, FiniteHorizon),
        "listed": can_be_listed,
        "discounted": lambda p: isinstance(p.objective, Discounted),
        "average reward": lambda p: isinstance(p.objective, AverageReward),
        "terminal state": lambda p: p.mdp.terminal.any(),
        "starts in a terminal state": lambda p: (p.mdp.start[p.mdp.terminal] > 0).any(),
        "impossible transition": lambda p: (p.mdp.transition == 0).any(),
        "one action": lambda p: p.mdp.num_actions == 1,
        "one state": lambda p: p.mdp.num_states == 1,
        "aliased states": lambda p: p.policy.parameters.size < p.mdp.num_states * p.mdp.num_actions,
        "γ = 0": lambda p: getattr(p.objective, "discount", None) == 0.0,
        "γ = 1": lambda p: getattr(p.objective, "discount", None) == 1.0,
        "one step": lambda p: getattr(p.objective, "horizon", None) == 1,
        "probability below 1e-20": lambda p: p.policy.probabilities().min() < 1e-20,
        "gradient is not zero": lambda p: np.abs(exact.gradient(p)).max() > 1e-6,
    }
    counts = {name: sum(bool(has(problem)) for problem in problems) for name, has in features.items()}
    assert {name: count for name, count in counts.items() if count < 3} == {}


@pytest.mark.parametrize("objective", [FiniteHorizon(4, 0.7), Discounted(0.9), AverageReward()])
def test_the_gradient_doubles_with_the_reward_and_is_deaf_to_a_constant(objective: Objective) -> None:
    """Where no episode ends, J(2r + 3) = 2 J(r) + a constant free of θ; hence the gradient doubles."""
    rng = np.random.default_rng(5)
    mdp = TabularMDP([0.5, 0.5], rng.dirichlet([1.0, 1.0], size=(2, 3)), rng.normal(size=(2, 3, 2)))
    other = TabularMDP(mdp.start, mdp.transition, 2.0 * mdp.reward + 3.0)
    policy = SoftmaxPolicy(rng.normal(size=(2, 3)))
    before = exact.gradient(Problem(mdp, policy, objective))
    after = exact.gradient(Problem(other, policy, objective))
    assert np.abs(before).max() > 1e-2
    assert relative_error(2.0 * before, after) < 1e-12
