"""Samples of problems with real actions: their law, their log-densities, and moments against the exact ones."""

from __future__ import annotations

import numpy as np
import pytest
from closed_forms import random_waves, sine_problem, stays
from scipy.integrate import quad
from scipy.stats import chi2, kstest, norm

import pgverify as pgv
from pgverify import ContinuousMDP, FiniteHorizon, GaussianPolicy, Problem, SquashedGaussianPolicy, exact
from pgverify.estimators import GeneralizedAdvantage, RewardToGo

RATE = 1e-8
"""False-fail rate of each test that samples; seeds are fixed, so that what passes once passes again."""


def test_actions_are_drawn_from_the_gaussian_itself() -> None:
    problem = Problem(
        ContinuousMDP([0.5, 0.5], lambda _, a: np.full((len(a), 2), 0.5), lambda _, a: a[:, 0]),
        GaussianPolicy(np.eye(2), [[1.5], [-0.5]], [-0.7]),
        FiniteHorizon(2),
    )
    batch = pgv.sample(problem, 20_000, seed=3)
    assert batch.actions.shape == (20_000, 2, 1)
    assert batch.actions.dtype == np.float64
    for time in (0, 1):
        standard = (batch.actions[:, time, 0] - np.array([1.5, -0.5])[batch.states[:, time]]) / np.exp(-0.7)
        assert kstest(standard, "norm").pvalue > RATE
        assert kstest(standard + 0.1, "norm").pvalue < RATE  # negative control: moved by 0.1 σ
    expected = norm.logpdf(batch.actions[:, :, 0], np.array([1.5, -0.5])[batch.states[:, :-1]], np.exp(-0.7))
    assert batch.log_probs == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert batch.nodes is None


def test_samples_do_not_depend_on_chunks() -> None:
    waves, mean_weights, log_std = random_waves(np.random.default_rng(1))
    problem = waves.problem(mean_weights, log_std)
    whole, parts = pgv.sample(problem, 50, seed=4), pgv.sample(problem, 50, seed=4, chunk_size=7)
    assert np.array_equal(whole.actions, parts.actions)
    assert whole.rewards == pytest.approx(parts.rewards, rel=1e-12)  # products of matrices round by their size
    assert not np.array_equal(whole.actions, pgv.sample(problem, 50, seed=5).actions)


def z_of_moments(problem: Problem, estimator: object, count: int, seed: int) -> tuple[float, float]:
    """Return the largest |z| of the means and of the (co)variances of contributions, against the exact ones."""
    known = exact.moments(estimator, problem)
    rows = estimator(pgv.sample(problem, count, seed=seed))  # type: ignore[operator]
    off = rows - known.mean
    products = off[:, :, None] * off[:, None, :]
    means = np.abs(off.mean(axis=0)) / (off.std(axis=0) / np.sqrt(count))
    spreads = np.abs(products.mean(axis=0) - known.covariance) / (products.std(axis=0) / np.sqrt(count) + 1e-300)
    return float(means.max()), float(spreads.max())


@pytest.mark.parametrize("estimator", [RewardToGo(), GeneralizedAdvantage(0.8)])
@pytest.mark.parametrize("seed", [0, 3, 8])
def test_sampled_means_and_covariances_are_the_exact_ones(seed: int, estimator: object) -> None:
    """At most 20 numbers, each beyond 6.5 with probability 8e-11 if it were normal; products are not, hence 8."""
    waves, mean_weights, log_std = random_waves(np.random.default_rng(seed))
    means, spreads = z_of_moments(waves.problem(mean_weights, log_std), estimator, 4_000, seed)
    assert means < 6.5
    assert spreads < 8.0


def test_a_wrong_spread_would_show() -> None:
    """Negative control: σ 20 % larger in the exact answer than in the samples."""
    problem, other = sine_problem(log_std=-0.5), sine_problem(log_std=-0.3)
    rows = RewardToGo()(pgv.sample(problem, 4_000, seed=0))
    off = rows - exact.gradient(other)
    products = off[:, :, None] * off[:, None, :]
    known = exact.moments(RewardToGo(), other).covariance
    assert (np.abs(products.mean(axis=0) - known) / (products.std(axis=0) / np.sqrt(4_000))).max() > 8.0


def test_random_horizon_and_average_reward_are_sampled() -> None:
    waves, mean_weights, log_std = random_waves(np.random.default_rng(7))
    base = waves.problem(mean_weights, log_std)
    problem = Problem(base.mdp.continuous, base.policy, pgv.Discounted(0.7))
    returns = pgv.sample(problem, 20_000, seed=2).rewards.sum(axis=1)
    z = (returns.mean() - exact.expected_return(problem)) / (returns.std() / np.sqrt(len(returns)))
    assert abs(z) < 6.5


def test_off_policy_weights_are_ratios_of_densities() -> None:
    """E_μ ρ = 1, E_μ ρ ψ r = ∇J on samples; on the listing exactly, whatever the number of nodes."""
    acting = GaussianPolicy([[1.0]], [[0.1]], [-0.3])
    problem = sine_problem(log_std=-0.6)
    batch = pgv.sample(problem, 40_000, seed=1, acting=acting)
    ratio = batch.importance[:, 0]
    plain = norm.pdf(batch.actions[:, 0, 0], 0.4, np.exp(-0.6)) / norm.pdf(batch.actions[:, 0, 0], 0.1, np.exp(-0.3))
    assert ratio == pytest.approx(plain, rel=1e-10)
    rows = batch.score_weighted(ratio[:, None] * batch.rewards)
    z = (rows.mean(axis=0) - exact.gradient(problem)) / (rows.std(axis=0) / np.sqrt(len(rows)))
    assert np.abs(z).max() < 6.5
    for nodes in (3, 9):
        coarse = sine_problem(log_std=-0.6, nodes=nodes)
        listed, chances = exact.enumerate_trajectories(coarse, acting=acting)
        assert chances.sum() == pytest.approx(1.0, rel=1e-13)
        found = chances @ listed.score_weighted(listed.importance * listed.rewards)
        assert found == pytest.approx(exact.gradient(coarse), rel=1e-11)
        assert chances @ listed.importance[:, 0] == pytest.approx(1.0, rel=1e-13)


def test_listed_actions_are_real_numbers_with_their_densities() -> None:
    problem = sine_problem(nodes=4)
    batch, chances = exact.enumerate_trajectories(problem)
    assert batch.actions.shape == (4, 1, 1)
    assert batch.log_probs == pytest.approx(problem.policy.log_prob(batch), rel=1e-13)
    assert np.array_equal(batch.action_numbers[:, 0], np.arange(4))
    assert chances @ batch.actions[:, 0, 0] == pytest.approx(0.4, rel=1e-13)
    with pytest.raises(pgv.errors.InvalidEstimator, match="drawn from their density"):
        _ = pgv.sample(problem, 3).action_numbers


def test_changed_rewards_are_drawn_on_the_nodes() -> None:
    problem = sine_problem(nodes=4)
    doubled = Problem(problem.mdp.with_rewards(2.0 * problem.mdp.paid), problem.policy, problem.objective)
    batch = pgv.sample(doubled, 100, seed=0)
    assert np.isin(batch.actions[:, 0, 0], problem.mdp.nodes).all()
    assert batch.rewards == pytest.approx(2.0 * np.sin(batch.actions[:, :, 0]), rel=1e-12)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_squashed_density_is_one_of_its_actions(scale: float) -> None:
    """It integrates to one over (−c, c), is what the samples follow, and its log-derivative is the score."""
    policy = SquashedGaussianPolicy([[1.0]], [[0.3]], [-0.2], scale=scale)
    state = np.zeros((), dtype=np.int64)
    density = lambda a: np.exp(policy.log_density(state, np.array([a])))  # noqa: E731
    assert quad(density, -scale, scale, points=[-0.99 * scale, 0.99 * scale])[0] == pytest.approx(1.0, rel=1e-8)
    without = lambda a: np.exp(policy.gaussian.log_density(state, policy.before(np.array([a]))))  # noqa: E731
    assert abs(quad(without, -scale, scale)[0] - 1.0) > 0.05  # negative control: no log-determinant
    mdp = ContinuousMDP([1.0], stays, lambda _, a: a[:, 0], nodes=12)
    batch = pgv.sample(Problem(mdp, policy, FiniteHorizon(1)), 5_000, seed=3)
    latent = np.arctanh(batch.actions[:, 0, 0] / scale)
    assert kstest((latent - 0.3) / np.exp(-0.2), "norm").pvalue > RATE
    step = 1e-20
    for index, unit in enumerate(np.eye(2)):
        moved = policy.with_parameters(policy.parameters + 1j * step * unit)
        slope = moved.log_density(batch.states[:, :-1], batch.actions).imag / step
        assert batch.score_weighted(np.ones((5_000, 1)))[:, index] == pytest.approx(slope[:, 0], rel=1e-9, abs=1e-9)


def test_score_sums_are_derivatives_of_log_densities() -> None:
    waves, mean_weights, log_std = random_waves(np.random.default_rng(11))
    problem = waves.problem(mean_weights, log_std)
    batch = pgv.sample(problem, 20, seed=1)
    weights = np.random.default_rng(0).normal(size=batch.rewards.shape) * batch.mask
    found = batch.score_weighted(weights)
    for index, unit in enumerate(np.eye(problem.policy.parameters.size)):
        moved = problem.policy.with_parameters(problem.policy.parameters + 1e-20j * unit)
        slope = (weights * moved.log_density(batch.states[:, :-1], batch.actions)).sum(axis=1).imag / 1e-20
        assert found[:, index] == pytest.approx(slope, rel=1e-10, abs=1e-10)


def test_next_states_follow_the_transition() -> None:
    """P(1|a) = Φ(a): counts in ten classes of the action against their sums of probabilities."""
    mdp = ContinuousMDP([1.0, 0.0], lambda _, a: np.column_stack([norm.sf(a), norm.cdf(a)]), lambda _, a: a[:, 0])
    batch = pgv.sample(Problem(mdp, GaussianPolicy(np.eye(2), [[0.2], [0.0]], [0.1]), FiniteHorizon(1)), 20_000, seed=9)
    action, ended = batch.actions[:, 0, 0], batch.states[:, 1]
    chance = norm.cdf(action)
    classes = np.digitize(action, np.quantile(action, np.linspace(0.1, 0.9, 9)))
    seen, meant, spread = (np.bincount(classes, x) for x in (ended, chance, chance * (1 - chance)))
    assert chi2.sf(((seen - meant) ** 2 / spread).sum(), 10) > RATE
