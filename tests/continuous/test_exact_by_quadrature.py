"""Exact answers with real actions, against closed forms that know no quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from closed_forms import random_waves, sine_problem, stays
from reference import relative_error
from scipy.stats import norm

import pgverify as pgv
from pgverify import ContinuousMDP, FiniteHorizon, GaussianPolicy, Problem, SquashedGaussianPolicy, exact

TOLERANCE = 1e-9


def agrees(seed: int) -> tuple[float, float]:
    """Return the relative errors of J and ∇J on one random problem."""
    waves, mean_weights, log_std = random_waves(np.random.default_rng(seed))
    problem = waves.problem(mean_weights, log_std)
    expected = waves.expected_return(mean_weights, log_std).real
    by_return = abs(exact.expected_return(problem) - expected) / max(abs(expected), 1.0)
    return by_return, relative_error(exact.gradient(problem), waves.gradient(mean_weights, log_std))


@pytest.mark.parametrize("seed", range(10))
def test_random_problems_agree_with_their_closed_forms(seed: int) -> None:
    assert max(agrees(seed)) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked_shapes")
def test_two_hundred_random_problems_agree_with_their_closed_forms() -> None:
    worst = np.max([agrees(seed) for seed in range(1000, 1200)], axis=0)
    assert (worst <= TOLERANCE).all()


@pytest.mark.parametrize("seed", range(3))
def test_another_number_of_nodes_agrees(seed: int) -> None:
    waves, mean_weights, log_std = random_waves(np.random.default_rng(seed))
    error = exact.quadrature_error(waves.problem(mean_weights, log_std))
    assert error.relative <= TOLERANCE
    assert error.others
    assert error.nodes not in error.others


def test_the_sine_bandit_by_hand() -> None:
    """J = sin μ e^{−σ²/2}; ∂μμ = −J, ∂μl = −σ² ∂μ, ∂ll = (σ⁴ − 2σ²) J; Fisher 1/σ² and 2."""
    problem, mean, variance = sine_problem(), 0.4, np.exp(-1.0)
    value, slope = np.sin(mean) * np.exp(-variance / 2), np.cos(mean) * np.exp(-variance / 2)
    assert exact.expected_return(problem) == pytest.approx(value, rel=1e-13)
    assert exact.gradient(problem) == pytest.approx([slope, -variance * value], rel=1e-12)
    hessian = [[-value, -variance * slope], [-variance * slope, (variance**2 - 2 * variance) * value]]
    assert exact.hessian(problem) == pytest.approx(np.array(hessian), rel=1e-11)
    assert exact.fisher(problem) == pytest.approx(np.diag([1 / variance, 2.0]), rel=1e-12, abs=1e-12)
    assert exact.natural_gradient(problem) == pytest.approx([variance * slope, -variance * value / 2], rel=1e-11)


def test_the_covariance_of_the_score_estimate_by_hand() -> None:
    """g = ψ r with r = a, ψ = (a − μ)/σ²: E g² = E ε²(μ + σε)²/σ² = (μ² + 3σ²)/σ², so Var = μ²/σ² + 2."""
    mdp = ContinuousMDP([1.0], stays, lambda _, actions: actions[:, 0])
    problem = Problem(mdp, GaussianPolicy([[1.0]], [[0.7]], [np.log(0.5)], learns_std=False), FiniteHorizon(1))
    found = exact.moments(pgv.estimators.RewardToGo(), problem)
    assert found.mean == pytest.approx([1.0], rel=1e-12)
    assert found.covariance == pytest.approx(np.array([[0.49 / 0.25 + 2.0]]), rel=1e-12)
    # The best constant baseline: E[ψ² r]/E[ψ²] = μ, which leaves Var = 3 − 1.
    assert exact.optimal_baseline(pgv.estimators.RewardToGo(), problem).trace["values"] == pytest.approx(2.0, rel=1e-11)


def test_all_routes_agree_on_the_nodes() -> None:
    waves, mean_weights, log_std = random_waves(np.random.default_rng(3))
    problem = waves.problem(mean_weights, log_std)
    for route in (exact.gradient_by_complex_step, exact.gradient_by_value_derivative):
        assert relative_error(route(problem), exact.gradient(problem)) < 1e-11
    coarse = Problem(problem.mdp.continuous.on(2), problem.policy, FiniteHorizon(2, 0.9))
    assert relative_error(exact.gradient_by_enumeration(coarse), exact.gradient(coarse)) < 1e-11


@pytest.mark.parametrize("moved", [0.0, 0.3])
def test_the_score_of_all_nodes_is_that_of_each(moved: float) -> None:
    """On its own nodes, and on nodes that stayed where they were: as Σ w ∇ log π with one weight after another."""
    for made in (GaussianPolicy, SquashedGaussianPolicy):
        policy = made([[1.0, 0.3], [-0.5, 1.0]], [[0.2, -0.3], [-0.5, 0.4]], np.log([0.7, 0.9])).on_nodes(3)
        if moved:
            policy = policy.on_nodes_of(policy).with_parameters(policy.parameters + moved)
        one_by_one = policy.score_vjp(np.eye(18).reshape(2, 9, 2, 9))
        assert policy.node_score() == pytest.approx(one_by_one, rel=1e-12, abs=1e-13)
        step, unit = 1e-20, np.eye(6)[1]
        slope = np.log(policy.with_parameters(policy.parameters + 1j * step * unit).probabilities()).imag / step
        assert policy.node_score()[..., 1] == pytest.approx(slope, rel=1e-9, abs=1e-11)


def test_occupancy_and_values_are_those_of_the_averaged_chain() -> None:
    waves, mean_weights, log_std = random_waves(np.random.default_rng(5))
    problem = waves.problem(mean_weights, log_std)
    step, paid = waves.chain(mean_weights, log_std)
    here, value, times = waves.start, np.zeros(len(paid)), []
    for _ in range(waves.horizon):
        times.append(here)
        here, value = here @ step, paid + waves.discount * step @ value
    assert exact.occupancy(problem) == pytest.approx(np.array(times), abs=1e-11)
    assert exact.values(problem).state[0] == pytest.approx(value, rel=1e-10, abs=1e-11)


def test_discounted_and_average_objectives() -> None:
    waves, mean_weights, log_std = random_waves(np.random.default_rng(7))
    problem = waves.problem(mean_weights, log_std)
    step, paid = waves.chain(mean_weights, log_std)
    endless = Problem(problem.mdp, problem.policy, pgv.Discounted(0.8))
    expected = waves.start @ np.linalg.solve(np.eye(len(paid)) - 0.8 * step, paid)
    assert exact.expected_return(endless) == pytest.approx(expected, rel=1e-10)
    moved = [
        endless.with_parameters(endless.policy.parameters + h * np.eye(endless.policy.parameters.size)[0])
        for h in (1e-5, -1e-5)
    ]
    slope = (exact.expected_return(moved[0]) - exact.expected_return(moved[1])) / 2e-5
    assert exact.gradient(endless)[0] == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_the_named_problems_by_their_descriptions() -> None:
    mean, std = np.array([0.2, 0.5]), np.array([0.6, 0.9])
    plane = Problem(pgv.mdps.get("plane-bandit"), GaussianPolicy([[1.0]], mean[None], np.log(std)), FiniteHorizon(1))
    curvature, off = np.array([[1.0, 0.4], [0.4, 0.5]]), mean - [0.6, -0.4]
    assert exact.expected_return(plane) == pytest.approx(
        1 - off @ curvature @ off - std**2 @ np.diag(curvature), rel=1e-12
    )
    assert exact.gradient(plane) == pytest.approx(
        [*(-2 * curvature @ off), *(-2 * std**2 * np.diag(curvature))], rel=1e-11
    )
    push = Problem(pgv.mdps.get("push-pull"), GaussianPolicy(np.eye(2), [[0.3], [-0.2]], [-0.4]), FiniteHorizon(2, 0.9))
    variance = np.exp(-0.8)
    wave = np.sin([0.3, -0.2]) * np.exp(-variance / 2)
    ahead = 0.5 + np.array([0.4, -0.3]) * wave
    paid = np.array([1.0, -0.5]) - ((np.array([0.3, -0.2]) - [0.5, -1.0]) ** 2 + variance) / 4
    value = paid + 0.9 * ((1 - ahead) * paid[0] + ahead * paid[1])
    assert exact.expected_return(push) == pytest.approx(np.array([0.7, 0.3]) @ value, rel=1e-11)
    assert set(pgv.mdps.continuous_names()) == {"sine-bandit", "push-pull", "plane-bandit", "clipped-bandit"}
    assert all(isinstance(pgv.mdps.get(name), ContinuousMDP) for name in pgv.mdps.continuous_names())


def test_a_kink_is_reported() -> None:
    """∂J/∂μ of clip(a, −1/2, 1/2) is P(−1/2 < a < 1/2). The reported error is of the size of the real one."""
    policy = GaussianPolicy([[1.0]], [[0.3]], [-0.4], learns_std=False)
    problem = Problem(pgv.mdps.get("clipped-bandit"), policy, FiniteHorizon(1))
    expected = np.diff(norm.cdf([-0.5, 0.5], 0.3, np.exp(-0.4)))
    actual = np.abs(exact.gradient(problem) - expected)[0]
    reported = exact.quadrature_error(problem)
    assert 1e-6 < reported.gradient[0] < 1e-2
    assert actual <= 10 * reported.gradient[0]
    assert "rules apart" in repr(problem.mdp)
    assert exact.quadrature_error(sine_problem()).relative < 1e-12  # negative control: smooth


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_squashing_changes_the_action_and_nothing_else(scale: float) -> None:
    """A reward sin(artanh(a/c)) undoes it: J = sin μ e^{−σ²/2} as without."""
    mdp = ContinuousMDP(
        [1.0], stays, lambda _, actions: np.sin(np.arctanh(np.clip(actions[:, 0] / scale, -1 + 1e-16, 1 - 1e-16)))
    )
    problem = Problem(mdp, SquashedGaussianPolicy([[1.0]], [[0.4]], [-0.5], scale=scale), FiniteHorizon(1))
    assert exact.expected_return(problem) == pytest.approx(exact.expected_return(sine_problem()), rel=1e-9)
    assert exact.gradient(problem) == pytest.approx(exact.gradient(sine_problem()), rel=1e-9)


@pytest.mark.parametrize("bonus", [pgv.Entropy(0.3), pgv.KL(GaussianPolicy(np.eye(2), [[0.1], [0.2]], [-0.1]), 0.4)])
def test_a_bonus_is_one_of_densities(bonus: object) -> None:
    """E −β log N = β (log σ + log(2πe)/2); KL of two Gaussians log(σ_r/σ) + (σ² + (μ − μ_r)²)/(2σ_r²) − 1/2."""
    mean, log_std, reference = np.array([0.3, -0.2]), -0.4, np.array([0.1, 0.2])
    mdp = ContinuousMDP([0.4, 0.6], lambda s, a: np.tile(np.eye(2)[s], (len(a), 1)), lambda _, a: np.zeros(len(a)))
    problem = Problem(mdp, GaussianPolicy(np.eye(2), mean[:, None], [log_std]), FiniteHorizon(1, bonus=bonus))
    start = np.array([0.4, 0.6])
    if isinstance(bonus, pgv.Entropy):
        assert exact.expected_return(problem) == pytest.approx(
            0.3 * (log_std + np.log(2 * np.pi * np.e) / 2), rel=1e-12
        )
        assert exact.gradient(problem) == pytest.approx([0, 0, 0.3], abs=1e-12)
    else:
        each = -0.1 - log_std + (np.exp(2 * log_std) + (mean - reference) ** 2) / (2 * np.exp(-0.2)) - 0.5
        assert exact.expected_return(problem) == pytest.approx(-0.4 * start @ each, rel=1e-11)
        slope = [*(start * (mean - reference) / np.exp(-0.2)), np.exp(2 * log_std) / np.exp(-0.2) - 1.0]
        assert exact.gradient(problem) == pytest.approx(-0.4 * np.array(slope), rel=1e-11)
    drawn = pgv.sample(problem, 20_000, seed=5).rewards[:, 0]
    z = (drawn.mean() - exact.expected_return(problem)) / (drawn.std() / np.sqrt(len(drawn)))
    assert abs(z) < 6.5  # false-fail rate 8e-11
