"""Episodes cut after a number of steps, under every objective: listings, values at the cut, expectations, moments."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from moment_cases import moment_error, small_problem, tables
from plain import (
    Sums,
    chain,
    contribution,
    episodes,
    listed_moments,
    require_same_episodes,
    rewards,
    state_values,
    stationary,
    step_weights,
)
from reference import binomial_bounds, score_by_complex_step
from slow_cases import some_slow

import pgverify as pgv
from pgverify import AverageReward, Discounted, FiniteHorizon, Problem, exact
from pgverify.estimators import Estimator, GeneralizedAdvantage, NStepAdvantage, RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

KINDS = ("finite", "discounted", "average")
TOLERANCE = 1e-10


def case(seed: int) -> tuple[Problem, int, np.ndarray]:
    """Return a problem, the step after which it is cut, and the distribution of the first state."""
    kind = KINDS[seed % 3]
    problem = small_problem(seed, kind, limit=150, horizon=3, logit_scales=(0.0, 1.0, 3.0))
    steps = 1 + seed % 2
    if kind == "average":
        return problem, 2, stationary(chain(problem)[0])
    if isinstance(problem.objective, FiniteHorizon):
        horizon = problem.objective.horizon
        steps = max(1, min(steps, horizon - 1))
    return problem, steps, np.asarray(problem.mdp.start)


def is_cut(problem: Problem, steps: int) -> bool:
    """Return whether somebody under way after `steps` steps would have gone on."""
    return not isinstance(problem.objective, FiniteHorizon) or steps < problem.objective.horizon


@pytest.mark.parametrize("seed", range(60))
def test_listing_and_values_at_the_cut(seed: int) -> None:
    problem, steps, start = case(seed)
    batch, probabilities = exact.enumerate_trajectories(problem, max_steps=steps)
    possible = np.where(exact.rollout(problem, steps).start > 0, start, 0.0)  # states that are left for ever hold 1e-17
    paths = list(episodes(problem, problem.policy.probabilities(), steps, possible))
    order = require_same_episodes(paths, batch, probabilities)
    assert exact.count_trajectories(problem, max_steps=steps) == len(paths)
    values = state_values(problem)
    scale = np.abs(values).max() + np.abs(rewards(problem)).max() + 1e-300
    for path, row in zip(paths, order, strict=True):
        over = bool(problem.mdp.terminal[path.states[-1]])
        assert batch.terminated[row] == (over or not is_cut(problem, steps))
        for time in range(batch.num_steps + 1):
            expected = 0.0
            under_way = time < len(path.actions) or (time == len(path.actions) and not over and is_cut(problem, steps))
            if under_way:
                expected = values[path.states[time]] if values.ndim == 1 else values[time, path.states[time]]
            assert abs(batch.values[row, time] - expected) <= 1e-10 * scale


@pytest.mark.parametrize("seed", range(90))
def test_bootstrapped_expectation_is_the_first_terms_of_the_endless_gradient(seed: int) -> None:
    """E = scale · Σ_{t<k} γ^t Σ_s d_t Σ_a π ψ Q^∞: three sums written out, for two estimators that bootstrap."""
    problem, steps, start = case(seed)
    probabilities, score, mdp = problem.policy.probabilities(), score_by_complex_step(problem.policy), problem.mdp
    values, paid, (onward, _) = state_values(problem), rewards(problem), chain(problem)
    gamma = float(getattr(problem.objective, "discount", 1.0))
    scale = 1.0 / steps if isinstance(problem.objective, AverageReward) else 1.0
    expected, size = np.zeros(score.shape[-1]), 1e-300
    here = start.astype(float)
    for time in range(steps):
        following = values if values.ndim == 1 else values[time + 1]
        for state in np.flatnonzero(~mdp.terminal):
            for action in range(mdp.num_actions):
                q = float(mdp.transition[state, action] @ (paid[state, action] + gamma * following))
                term = scale * gamma**time * here[state] * probabilities[state, action] * score[state, action] * q
                expected, size = expected + term, size + np.abs(term).max()
        here = here @ onward
    batch, chances = exact.enumerate_trajectories(problem, max_steps=steps)
    size += np.abs(paid).max() * 1e-3
    for estimator in (NStepAdvantage(steps), GeneralizedAdvantage(1.0), GeneralizedAdvantage(0.3)):
        assert np.abs(chances @ estimator(batch) - expected).max() <= TOLERANCE * size, estimator
        assert np.abs(exact.moments(estimator, problem, max_steps=steps).mean - expected).max() <= TOLERANCE * size
    if isinstance(problem.objective, AverageReward):  # the first term is all there is: d is stationary
        assert np.abs(expected - exact.gradient(problem)).max() <= TOLERANCE * size


def declared(problem: Problem, seed: int, steps: int) -> list[tuple[Estimator, Sums]]:
    """Return estimators, and beside each the sum that it should be."""
    given = tables(problem, seed, steps)
    by_state, by_time = np.asarray(given.by_state.values), np.asarray(given.by_time.values)
    true = state_values(problem)
    gamma = float(getattr(problem.objective, "discount", 1.0))
    average = isinstance(problem.objective, AverageReward)
    law = {"scale": 1.0 / steps if average else 1.0, "gain": 0.0}
    if average:
        onward, paid = chain(problem)
        law["gain"] = float(stationary(onward) @ paid)
    return [
        (RewardToGo(given.by_time), Sums(gamma, gamma, gamma, by_time, **law)),
        (GeneralizedAdvantage(0.8), Sums(gamma, 0.8 * gamma, gamma, critic=true, **law)),
        (GeneralizedAdvantage(0.5, given.by_time, False), Sums(gamma, 0.5 * gamma, 1.0, critic=by_time, **law)),
        (NStepAdvantage(1, given.by_state), Sums(gamma, gamma, gamma, critic=by_state, lookahead=1, **law)),
        (NStepAdvantage(2), Sums(gamma, gamma, gamma, critic=true, lookahead=2, **law)),
    ]


@pytest.mark.parametrize("block", some_slow(8, 7))
def test_moments_are_those_of_the_listing(block: int) -> None:
    """30 problems a block; contributions by a double loop over steps."""
    for seed in range(30 * block, 30 * block + 30):
        problem, steps, start = case(seed)
        possible = np.where(exact.rollout(problem, steps).start > 0, start, 0.0)
        paths = list(episodes(problem, problem.policy.probabilities(), steps, possible))
        score = score_by_complex_step(problem.policy)
        ones = np.ones(problem.policy.probabilities().shape)
        chosen = declared(problem, seed, steps)
        for estimator, sums in (chosen[seed % 5],):
            weights = [step_weights(path, ones, sums, is_cut(problem, steps), problem.mdp.terminal) for path in paths]
            rows = np.array([contribution(path, w, score) for path, w in zip(paths, weights, strict=True)])
            expected = listed_moments(paths, rows)
            for form in ("full", "diagonal"):
                error = moment_error(exact.moments(estimator, problem, form, steps), *expected)
                assert error <= TOLERANCE, f"seed {seed}, {form}, {estimator}: {error:.2g}"


@pytest.mark.parametrize("seed", range(9))
def test_the_sampler_draws_what_is_listed(seed: int) -> None:
    """4,000 episodes: each listed one as often as its binomial bounds allow (1e-10 each, 1e-8 in all), none else."""
    problem, steps, start = case(seed)
    paths = list(episodes(problem, problem.policy.probabilities(), steps, np.where(start > 1e-12, start, 0.0)))
    batch = pgv.sample(problem, 4_000, seed=seed, max_steps=steps)
    drawn: Counter[tuple[tuple[int, ...], tuple[int, ...]]] = Counter(
        (tuple(s[: length + 1]), tuple(a[:length]))
        for s, a, length in zip(batch.states.tolist(), batch.actions.tolist(), batch.lengths.tolist(), strict=True)
    )
    for path in paths:
        low, high = binomial_bounds(4_000, path.probability, 1e-10)
        assert low <= drawn.pop((path.states, path.actions), 0) <= high
    assert not drawn
    over = problem.mdp.terminal[batch.states[:, -1]]
    assert np.array_equal(batch.truncated, ~over if is_cut(problem, steps) else np.zeros(4_000, dtype=bool))


def test_a_cut_at_the_horizon_is_no_cut() -> None:
    problem = small_problem(0, "finite", limit=150, horizon=3)
    assert isinstance(problem.objective, FiniteHorizon)
    horizon = problem.objective.horizon
    batch, chances = exact.enumerate_trajectories(problem, max_steps=horizon)
    whole, expected = exact.enumerate_trajectories(problem)
    assert batch.terminated.all()
    assert np.array_equal(chances, expected)
    assert np.array_equal(batch.values, whole.values)


def test_cut_prefixes_of_one_seed_are_prefixes() -> None:
    """The same numbers, the same steps: a cut only ends them earlier."""
    problem = small_problem(4, "discounted", limit=150, horizon=3)
    assert isinstance(problem.objective, Discounted)
    short, long = (pgv.sample(problem, 50, seed=1, max_steps=steps) for steps in (3, 7))
    assert np.array_equal(short.states, long.states[:, :4])
    assert np.array_equal(short.rewards, long.rewards[:, :3])
