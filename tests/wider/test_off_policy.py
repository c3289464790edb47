"""Somebody else's actions: their law, the weights of every estimator, and exact moments against plain enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from moment_cases import every_estimator, moment_error, small_problem, tables
from moment_cases import listed_moments as weighted_moments
from plain import Sums, contribution, episodes, listed_moments, require_same_episodes, step_weights
from policies_by_hand import MaskedSoftmax
from reference import binomial_bounds, score_by_complex_step
from slow_cases import some_slow

import pgverify as pgv
from pgverify import Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, exact
from pgverify.baselines import AverageReturn, Constant, NoBaseline, StateValue
from pgverify.errors import InvalidEstimator
from pgverify.estimators import Estimator, GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

TOLERANCE = 1e-10
BOUND = 6.5
"""Standard errors: a normal mean is further off with probability 8e-11, for 12 coordinates in all 1e-9."""


def somebody(problem: Problem, seed: int) -> SoftmaxPolicy:
    """Return an acting policy, near or far: ratios up to about 100."""
    rng = np.random.default_rng([seed, 21])
    shape = problem.policy.probabilities().shape
    return SoftmaxPolicy(float(rng.choice([0.1, 1.0, 2.0])) * rng.normal(size=shape))


def case(seed: int) -> tuple[Problem, int | None, int, bool]:
    """Return a problem, `max_steps`, the number of steps and whether the end is a cut: whole, cut, discounted."""
    kind = ("finite", "cut", "discounted")[seed % 3]
    objective = "discounted" if kind == "discounted" else "finite"
    problem = small_problem(seed, objective, limit=120, horizon=3, logit_scales=(0.0, 1.0, 3.0))
    if kind == "discounted":
        return problem, 3, 3, True
    assert isinstance(problem.objective, FiniteHorizon)
    horizon = problem.objective.horizon
    if kind == "finite" or horizon == 1:
        return problem, None, horizon, False
    return problem, horizon - 1, horizon - 1, True


def declared(problem: Problem, seed: int, steps: int) -> list[tuple[Estimator, Sums]]:
    """Return estimators, and beside each the sum that it should be."""
    given = tables(problem, seed, steps)
    by_state, by_time = np.asarray(given.by_state.values), np.asarray(given.by_time.values)
    true = exact.values(problem).state
    gamma = float(problem.objective.discount)
    return [
        (RewardToGo(), Sums(gamma, gamma, gamma)),
        (RewardToGo(given.by_time, False), Sums(gamma, gamma, 1.0, by_time)),
        (RewardToGo(given.by_state, False), Sums(gamma, gamma, 1.0, by_state)),
        (RewardToGo(given.by_state), Sums(gamma, gamma, gamma, by_state)),
        (GeneralizedAdvantage(0.7, given.by_time), Sums(gamma, 0.7 * gamma, gamma, critic=by_time)),
        (GeneralizedAdvantage(0.95), Sums(gamma, 0.95 * gamma, gamma, critic=true)),
        (GeneralizedAdvantage(0.0, given.by_state, False), Sums(gamma, 0.0, 1.0, critic=by_state)),
        (NStepAdvantage(1, given.by_state), Sums(gamma, gamma, gamma, critic=by_state, lookahead=1)),
        (NStepAdvantage(2, given.by_time), Sums(gamma, gamma, gamma, critic=by_time, lookahead=2)),
        (NStepAdvantage(2, discount_weighting=False), Sums(gamma, gamma, 1.0, critic=true, lookahead=2)),
    ]


@pytest.mark.parametrize("seed", some_slow(60, 12))
def test_the_listing_is_that_of_the_acting_policy(seed: int) -> None:
    problem, max_steps, steps, cut = case(seed)
    acting = somebody(problem, seed)
    mu = acting.probabilities()
    batch, probabilities = exact.enumerate_trajectories(problem, acting=acting, max_steps=max_steps)
    paths = list(episodes(problem, mu, steps))
    require_same_episodes(paths, batch, probabilities)
    assert exact.count_trajectories(problem, acting, max_steps) == len(paths)
    assert batch.acting is acting
    assert batch.policy is problem.policy
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-12)
    over = problem.mdp.terminal[batch.states[:, -1]]
    assert np.array_equal(batch.terminated, over if cut else np.ones(len(batch), dtype=bool))
    pi = problem.policy.probabilities()
    for row, time in np.ndindex(*batch.actions.shape):
        here = batch.states[row, time], batch.actions[row, time]
        taken = time < batch.lengths[row]
        assert batch.log_probs[row, time] == pytest.approx(np.log(mu[here]) if taken else 0.0, abs=1e-12)
        assert batch.importance[row, time] == pytest.approx(pi[here] / mu[here] if taken else 1.0, rel=1e-12)


@pytest.mark.parametrize("seed", range(30))
def test_weights_are_those_of_the_definition(seed: int) -> None:
    """Every step of every episode, from a double loop over (t, k) with the product of all ratios up to k."""
    problem, max_steps, steps, cut = case(seed)
    acting = somebody(problem, seed)
    batch, probabilities = exact.enumerate_trajectories(problem, acting=acting, max_steps=max_steps)
    paths = list(episodes(problem, acting.probabilities(), steps))
    rows = require_same_episodes(paths, batch, probabilities)
    ratio = problem.policy.probabilities() / acting.probabilities()
    for estimator, sums in declared(problem, seed, steps):
        found = estimator.weights(batch)
        for path, row in zip(paths, rows, strict=True):
            expected = np.zeros(batch.num_steps)
            expected[: len(path.actions)] = step_weights(path, ratio, sums, cut, problem.mdp.terminal)
            scale = np.abs(found[row]).max() + np.abs(batch.rewards).max() * ratio.max() ** steps
            assert np.abs(found[row] - expected).max() <= 1e-11 * scale + 1e-300, estimator


@pytest.mark.parametrize("seed", range(30))
def test_the_total_return_is_weighted_by_the_whole_trajectory(seed: int) -> None:
    problem, max_steps, steps, _ = case(seed)
    acting = somebody(problem, seed)
    batch, probabilities = exact.enumerate_trajectories(problem, acting=acting, max_steps=max_steps)
    paths = list(episodes(problem, acting.probabilities(), steps))
    rows = require_same_episodes(paths, batch, probabilities)
    gamma = float(problem.objective.discount)
    found = TotalReturn(Constant(0.7)).weights(batch)
    plain = TotalReturn(NoBaseline(), False).weights(batch)
    for path, row in zip(paths, rows, strict=True):
        whole = 1.0
        for here in zip(path.states, path.actions, strict=False):
            whole *= problem.policy.probabilities()[here] / acting.probabilities()[here]
        returns = [sum(g**t * r for t, r in enumerate(path.rewards)) for g in (gamma, 1.0)]
        length = len(path.actions)
        assert found[row, :length] == pytest.approx(whole * (returns[0] - 0.7), rel=1e-11, abs=1e-11 * whole * 100)
        assert plain[row, :length] == pytest.approx(whole * returns[1], rel=1e-11, abs=1e-11 * whole * 100)


@pytest.mark.parametrize("seed", some_slow(60, 15))
def test_expectations_do_not_depend_on_who_acts(seed: int) -> None:
    """E_μ of the weighted estimator is E_π of the plain one, whichever baseline, critic or cut: both by listing."""
    problem, max_steps, steps, _ = case(seed)
    own, own_probability = exact.enumerate_trajectories(problem, max_steps=max_steps)
    other, other_probability = exact.enumerate_trajectories(
        problem, acting=somebody(problem, seed), max_steps=max_steps
    )
    for estimator in every_estimator(tables(problem, seed, steps)):
        expected, found = own_probability @ estimator(own), other_probability @ estimator(other)
        # Rounding is relative to what is added up.
        scale = own_probability @ np.abs(estimator(own)) + other_probability @ np.abs(estimator(other)) + 1e-13
        scale += np.abs(own.rewards).max(initial=0.0)
        assert (np.abs(found - expected) <= 1e-11 * scale).all(), estimator


@pytest.mark.parametrize("block", some_slow(12, 7))
def test_exact_moments_are_those_of_the_listing(block: int) -> None:
    """30 problems a block: contributions by the double loop, summed over plain episodes, in all three forms."""
    for seed in range(30 * block, 30 * block + 30):
        problem, max_steps, steps, cut = case(seed)
        acting = somebody(problem, seed)
        paths = list(episodes(problem, acting.probabilities(), steps))
        ratio = problem.policy.probabilities() / acting.probabilities()
        score = score_by_complex_step(problem.policy)
        chosen = declared(problem, seed, steps)
        for estimator, sums in (chosen[seed % 10],):
            rows = np.array(
                [
                    contribution(path, step_weights(path, ratio, sums, cut, problem.mdp.terminal), score)
                    for path in paths
                ]
            )
            expected = listed_moments(paths, rows)
            for form in ("full", "diagonal", "trace"):
                found = exact.moments(estimator, problem, form, max_steps, acting=acting)
                error = moment_error(found, *expected)
                assert error <= TOLERANCE, f"seed {seed}, {form}, {estimator}: {error:.2g}"


def test_a_good_baseline_costs_no_digits() -> None:
    """Y − V is carried in place of Y, off policy too: where μ ≈ π and V is large its square is no difference."""
    for seed in range(30):
        problem, max_steps, steps, cut = case(seed)
        acting, true = somebody(problem, seed), exact.values(problem).state
        gamma = float(problem.objective.discount)
        paths = list(episodes(problem, acting.probabilities(), steps))
        ratio, score = problem.policy.probabilities() / acting.probabilities(), score_by_complex_step(problem.policy)
        sums = Sums(gamma, gamma, gamma, true)
        weights = [step_weights(path, ratio, sums, cut, problem.mdp.terminal) for path in paths]
        rows = np.array([contribution(path, w, score) for path, w in zip(paths, weights, strict=True)])
        found = exact.moments(RewardToGo(StateValue()), problem, "full", max_steps, acting=acting)
        assert moment_error(found, *listed_moments(paths, rows)) <= TOLERANCE


@pytest.mark.parametrize("seed", range(6))
def test_moments_where_the_acting_policy_is_the_same_in_other_words(seed: int) -> None:
    """Ratios of 1 through the off-policy path are the on-policy moments."""
    problem, max_steps, steps, _ = case(seed)
    shape = problem.policy.probabilities().shape
    same = SoftmaxPolicy(np.log(problem.policy.probabilities()).reshape(shape))
    for estimator, _ in declared(problem, seed, steps):
        own = exact.moments(estimator, problem, max_steps=max_steps)
        found = exact.moments(estimator, problem, max_steps=max_steps, acting=same)
        scale = own.trace + float(own.mean @ own.mean) + 1e-290
        assert moment_error(found, own.mean, own.covariance, scale) <= TOLERANCE


def test_moments_of_a_random_horizon_end_where_the_weights_do() -> None:
    """One state, two actions, reward a: X = ρψ(Y) summed by hand as geometric series.

    With θ = 0 and μ(1) = m: E_μ[ρ²] = q = (1/m + 1/(1−m))/4. An episode goes on with probability γ, so E|g|² has terms
    up to (γq)^t, which fall far more slowly than γ^t. Against the cut rollout of 1,500 steps whose survival is a state.
    """
    gamma, m = 0.9, 0.4
    logits = np.array([[np.log(1 - m), np.log(m)]])
    mdp = TabularMDP([1.0], np.ones((1, 2, 1)), [[0.0, 1.0]])
    problem = Problem(mdp, SoftmaxPolicy(np.zeros((1, 2))), Discounted(gamma))
    found = exact.moments(RewardToGo(), problem, acting=SoftmaxPolicy(logits))
    # y = E Y, y2 = E Ȳ² with ratios, x = E X, w = E Ȳ X, s = E X², all for ψ of the second logit, ψ(a) = a − 1/2.
    pi, rho = np.array([0.5, 0.5]), np.array([0.5 / (1 - m), 0.5 / m])
    mu, psi, reward = pi / rho, np.array([-0.5, 0.5]), np.array([0.0, 1.0])
    q = float(mu @ rho**2)
    y = float(pi @ reward) / (1 - gamma)
    y2 = float(mu @ (rho**2 * (reward**2 + 2 * gamma * reward * y))) / (1 - gamma * q)
    x = float(pi @ (psi * (reward + gamma * y))) / (1 - gamma)
    cross = float(mu @ (rho**2 * psi * (reward**2 + 2 * gamma * reward * y + gamma * y2)))
    w = (cross + gamma * float(mu @ (rho**2 * reward)) * x) / (1 - gamma * q)
    square = float(mu @ (rho**2 * psi**2 * (reward**2 + 2 * gamma * reward * y + gamma * y2)))
    square += 2 * gamma * float(mu @ (rho**2 * psi * reward)) * x + 2 * gamma * float(mu @ (rho**2 * psi)) * w
    s = square / (1 - gamma * q)
    assert found.mean[1] == pytest.approx(x, rel=1e-12)
    assert found.variance is not None
    assert found.variance[1] == pytest.approx(s - x**2, rel=1e-10)


def test_masked_actions_of_the_policy_may_be_taken_by_others() -> None:
    """π = 0 where μ > 0: the ratio is 0 and nothing warns; the gradient is the on-policy one."""
    rng = np.random.default_rng(3)
    mdp = TabularMDP([0.5, 0.5], rng.dirichlet(np.ones(2), size=(2, 3)), rng.normal(size=(2, 3)))
    allowed = np.array([[True, False, True], [True, True, True]])
    problem = Problem(mdp, MaskedSoftmax(rng.normal(size=(2, 3)), allowed), FiniteHorizon(3, 0.9))
    acting = SoftmaxPolicy(rng.normal(size=(2, 3)))
    batch, probabilities = exact.enumerate_trajectories(problem, acting=acting)
    assert (batch.importance[(batch.states[:, :-1] == 0) & (batch.actions == 1)] == 0.0).all()
    expected = exact.gradient(problem)
    for estimator in (RewardToGo(), TotalReturn(), GeneralizedAdvantage(0.9)):
        assert probabilities @ estimator(batch) == pytest.approx(expected, rel=1e-11, abs=1e-13)
    for estimator in (RewardToGo(), GeneralizedAdvantage(0.9)):
        mean, covariance, scale = weighted_moments(estimator, batch, probabilities)
        assert moment_error(exact.moments(estimator, problem, acting=acting), mean, covariance, scale) <= TOLERANCE


@pytest.mark.parametrize(
    ("objective", "max_steps"), [(FiniteHorizon(4, 0.9), None), (FiniteHorizon(4, 0.9), 2), (Discounted(0.6), None)]
)
def test_sampled_means_are_the_exact_ones(objective: FiniteHorizon | Discounted, max_steps: int | None) -> None:
    """3,000 episodes: every mean within 6.5 standard errors, every first action within binomial bounds of rate 1e-9."""
    rng = np.random.default_rng(5)
    mdp = TabularMDP([0.3, 0.7, 0.0], rng.dirichlet(np.ones(3), size=(3, 2)), rng.normal(size=(3, 2)))
    problem = Problem(mdp, SoftmaxPolicy(0.5 * rng.normal(size=(3, 2))), objective)
    acting = SoftmaxPolicy(0.5 * rng.normal(size=(3, 2)))
    batch = pgv.sample(problem, 3_000, seed=2, max_steps=max_steps, acting=acting)
    mu = acting.probabilities()
    steps = batch.mask
    assert np.exp(batch.log_probs)[steps] == pytest.approx(mu[batch.states[:, :-1], batch.actions][steps], rel=1e-12)
    for state, action in ((0, 0), (0, 1), (1, 0), (1, 1)):
        low, high = binomial_bounds(3_000, float(mdp.start[state] * mu[state, action]), 1e-9)
        assert low <= int(((batch.states[:, 0] == state) & (batch.actions[:, 0] == action)).sum()) <= high
    for estimator in (RewardToGo(), RewardToGo(StateValue()), GeneralizedAdvantage(0.9)):
        expected = exact.moments(estimator, problem, max_steps=max_steps, acting=acting)
        assert expected.variance is not None
        off = np.abs(estimator(batch).mean(axis=0) - expected.mean)
        assert (off <= BOUND * np.sqrt(expected.variance / 3_000)).all(), estimator


def test_who_acts_survives_selection_copies_and_chunks() -> None:
    rng = np.random.default_rng(6)
    mdp = TabularMDP([0.5, 0.5], rng.dirichlet(np.ones(2), size=(2, 2)), rng.normal(size=(2, 2)))
    problem = Problem(mdp, SoftmaxPolicy(np.zeros((2, 2))), Discounted(0.7))
    acting = SoftmaxPolicy(rng.normal(size=(2, 2)))
    whole = pgv.sample(problem, 23, seed=4, acting=acting)
    parts = pgv.sample(problem, 23, seed=4, acting=acting, chunk_size=5)
    assert np.array_equal(whole.log_probs, parts.log_probs)
    assert np.array_equal(whole.states, parts.states)
    for batch in (whole.select([3, 1]), whole.copy(), parts):
        assert batch.acting is acting
        assert not batch.rollout.on_policy
    expected = RewardToGo()(whole)[[3, 1]]
    assert np.array_equal(RewardToGo()(whole.select([3, 1])), expected)


@pytest.mark.parametrize("estimator", [RewardToGo(AverageReturn()), TotalReturn(AverageReturn(True))])
def test_a_mean_of_the_batch_is_refused(estimator: Estimator) -> None:
    mdp = TabularMDP([1.0], np.ones((1, 2, 1)), [[0.0, 1.0]])
    problem = Problem(mdp, SoftmaxPolicy(np.zeros((1, 2))), FiniteHorizon(2))
    batch = pgv.sample(problem, 4, acting=SoftmaxPolicy([[0.0, 1.0]]))
    with pytest.raises(InvalidEstimator, match="must be a function of state and time where another policy acted"):
        estimator(batch)
    with pytest.raises(InvalidEstimator, match=r"must be .* one trajectory here"):
        exact.moments(estimator, problem, acting=batch.acting)
