"""Where the variance comes from: shares that add up, each against the conditional expectations that define it.

The second route knows of no recursion. Trajectories are listed and grouped by what is known after every draw; with E_k
the mean given the first k draws, the share of draw k is Σ P (E_k g − E_{k−1} g)(…)ᵀ. Errors are relative to E|g|².
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from moment_cases import (
    NOTHING,
    every_estimator,
    listed,
    small_problem,
    tables,
    with_discrete_noise,
    with_explicit_end,
)
from random_problems import random_problem
from slow_cases import some_slow

from pgverify import Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, Trajectories, exact
from pgverify.baselines import AverageReturn, StateValue, TimeStateValue
from pgverify.errors import InvalidEstimator, TooLarge
from pgverify.estimators import Estimator, GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn
from pgverify.policies import LinearSoftmaxPolicy

SUM_TOLERANCE = 1e-12
TOLERANCE = 1e-10
SOURCES = {"start", "action", "transition", "reward"}


def second_moment(estimator: Estimator, problem: Problem, max_steps: int | None = None) -> float:
    found = exact.moments(estimator, problem, "trace", max_steps)
    return found.trace + float(found.mean @ found.mean) + NOTHING


# ------------------------------------------------------------------------------------------------- they add up


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("block", some_slow(12, 1))
def test_shares_add_up_and_none_is_negative(block: int) -> None:
    """Traces to the trace within 1e-12 of it, matrices to the covariance, every matrix positive semi-definite."""
    for seed in range(5 * block, 5 * block + 5):
        problem = small_problem(seed, noisy=True)
        horizon = problem.objective.horizon
        for estimator in every_estimator(tables(problem, seed, horizon))[seed % 2 :: 2]:
            whole = exact.moments(estimator, problem)
            shares = exact.variance_shares(estimator, problem, covariance=True)
            scale = max(whole.trace, 1e-3 * (whole.trace + float(whole.mean @ whole.mean) + NOTHING))
            assert abs(shares.trace.sum() - whole.trace) <= SUM_TOLERANCE * scale
            assert np.abs(sum(shares.covariance) - whole.covariance).max() <= SUM_TOLERANCE * scale
            assert shares.trace.min() >= -1e-13 * scale
            assert min(np.linalg.eigvalsh(matrix).min() for matrix in shares.covariance) >= -1e-13 * scale
            assert [np.trace(matrix) for matrix in shares.covariance] == pytest.approx(list(shares.trace))
            traces = exact.variance_shares(estimator, problem)
            assert np.abs(traces.trace - shares.trace).max() <= 1e-13 * scale


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("kind", ["cut", "random horizon", "average"])
@pytest.mark.parametrize("seed", some_slow(5, 1))
def test_shares_of_other_rollouts_add_up(kind: str, seed: int) -> None:
    rng = np.random.default_rng([seed, 11])
    objective = "average" if kind == "average" else "discounted"
    problem = random_problem(rng, objective, 5, 3, noisy=True, logit_scales=(0.0, 1.0, 5.0))
    if kind == "random horizon":
        problem = Problem(problem.mdp, problem.policy, Discounted(0.5))
    steps = None if kind == "random horizon" else 4
    for estimator in every_estimator(tables(problem, seed, 4), by_time=steps is not None)[::2]:
        whole = exact.moments(estimator, problem, max_steps=steps)
        shares = exact.variance_shares(estimator, problem, covariance=True, max_steps=steps)
        scale = max(whole.trace, 1e-3 * second_moment(estimator, problem, steps))
        assert abs(shares.trace.sum() - whole.trace) <= SUM_TOLERANCE * scale
        assert np.abs(sum(shares.covariance) - whole.covariance).max() <= SUM_TOLERANCE * scale
        assert shares.trace.min() >= -1e-13 * scale


def test_the_table_is_tidy() -> None:
    problem = small_problem(0)
    shares = exact.variance_shares(RewardToGo(), problem)
    horizon = problem.objective.horizon
    assert list(shares.columns) == ["source", "time", "trace"]
    assert set(shares.source) == SOURCES
    assert len(shares) == 1 + 3 * horizon
    assert not shares.duplicated(["source", "time"]).any()
    assert sorted(shares[shares.source == "action"].time) == list(range(horizon))
    assert list(exact.variance_shares(RewardToGo(), problem, True).columns) == [*shares.columns, "covariance"]


# ------------------------------------------------------------------------------------------ the second route


def grouped_mean(rows: np.ndarray, probabilities: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return E[g | known] for every trajectory, known being the columns [n, k] of what has been drawn."""
    if known.shape[1] == 0:
        return np.broadcast_to(probabilities @ rows, rows.shape)
    _, group = np.unique(known, axis=0, return_inverse=True)
    group = group.reshape(-1)
    weight = np.bincount(group, weights=probabilities)
    sums = np.stack([np.bincount(group, weights=probabilities * column) for column in rows.T], axis=1)
    return (sums / weight[:, None])[group]


def brute_force(
    estimator: Estimator, batch: Trajectories, probabilities: np.ndarray, copies: int = 1
) -> dict[tuple[str, int], np.ndarray]:
    """Return the covariance of every martingale difference; with `copies` states an MDP state, copies are the noise."""
    rows = estimator(batch)
    base = batch.states // copies
    known = np.zeros((len(batch), 0), dtype=np.int64)
    before = grouped_mean(rows, probabilities, known)
    shares = {}

    def draw(source: str, time: int, column: np.ndarray) -> None:
        nonlocal known, before
        known = np.column_stack([known, column])
        after = grouped_mean(rows, probabilities, known)
        change = after - before
        shares[source, time] = (change * probabilities[:, None]).T @ change
        before = after

    draw("start", 0, base[:, 0])
    for time in range(batch.num_steps):
        draw("action", time, batch.actions[:, time])
        draw("transition", time, base[:, time + 1])
        draw("reward", time, batch.states[:, time + 1])
    return shares


def assert_same_shares(found: pd.DataFrame, expected: dict[tuple[str, int], np.ndarray], scale: float) -> None:
    keys = list(zip(found.source, found.time, strict=True))
    assert set(keys) == set(expected)
    for key, matrix in zip(keys, found.covariance, strict=True):
        error = np.abs(matrix - expected[key]).max()
        assert error <= TOLERANCE * scale, f"{key}: {error / scale:.2g}"


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("seed", some_slow(16, 6))
def test_every_share_by_conditional_expectations(seed: int) -> None:
    problem = small_problem(seed, limit=600, horizon=4)
    batch, probabilities = listed(problem)
    for estimator in every_estimator(tables(problem, seed, batch.num_steps)):
        expected = brute_force(estimator, batch, probabilities)
        found = exact.variance_shares(estimator, problem, covariance=True)
        assert_same_shares(found, expected, second_moment(estimator, problem))


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("kind", ["cut", "average"])
@pytest.mark.parametrize("seed", some_slow(5, 1))
def test_every_share_of_cut_rollouts(kind: str, seed: int) -> None:
    objective = "average" if kind == "average" else "discounted"
    problem = small_problem(seed, objective, limit=600, horizon=3, logit_scales=(0.0, 1.0))
    batch, probabilities = listed(problem, 3)
    for estimator in every_estimator(tables(problem, seed, 3)):
        expected = brute_force(estimator, batch, probabilities)
        found = exact.variance_shares(estimator, problem, covariance=True, max_steps=3)
        assert_same_shares(found, expected, second_moment(estimator, problem, 3))


def noisy_problem(seed: int) -> tuple[Problem, TimeStateValue]:
    """Return a problem with reward noise that matters, and a random baseline for it."""
    rng = np.random.default_rng([seed, 12])
    mdp = TabularMDP(
        [0.6, 0.4], rng.dirichlet(np.ones(2), (2, 2)), rng.normal(size=(2, 2, 2)), reward_noise=rng.random((2, 2, 2))
    )
    problem = Problem(mdp, SoftmaxPolicy(rng.normal(size=(2, 2))), FiniteHorizon(3, 0.9))
    return problem, TimeStateValue(rng.normal(size=(4, 2)))


@pytest.mark.parametrize("seed", range(4))
def test_the_share_of_reward_noise(seed: int) -> None:
    """With the noise as ±σ states the sign is a draw of its own, after the next state."""
    problem, baseline = noisy_problem(seed)
    batch, probabilities = listed(with_discrete_noise(problem))
    wide = TimeStateValue(np.repeat(np.asarray(baseline.values), 2, axis=1))
    for estimator, twin in (
        (TotalReturn(baseline), TotalReturn(wide)),
        (RewardToGo(), RewardToGo()),
        (RewardToGo(baseline, False), RewardToGo(wide, False)),
        (GeneralizedAdvantage(0.6, baseline), GeneralizedAdvantage(0.6, wide)),
        (NStepAdvantage(2, baseline), NStepAdvantage(2, wide)),
    ):
        expected = brute_force(twin, batch, probabilities, copies=2)
        found = exact.variance_shares(estimator, problem, covariance=True)
        assert_same_shares(found, expected, second_moment(estimator, problem))
        assert found.trace[found.source == "reward"].min() > 0.0


def test_reward_noise_alone() -> None:
    """No mean reward: g = Σ_t η_t Σ_{k≤t} γ^t ψ_k has the reward shares E|Z + ψ|² γ^2t σ² = (t+1) f σ² γ^2t, no others.

    f = E|ψ|² = 2p(1−p); the scores of different steps are uncorrelated.
    """
    p, noise, discount = 0.3, 2.0, 0.8
    mdp = TabularMDP([1.0], np.ones((1, 2, 1)), np.zeros((1, 2)), reward_noise=noise)
    policy = SoftmaxPolicy([[np.log(p), np.log(1 - p)]])
    shares = exact.variance_shares(RewardToGo(), Problem(mdp, policy, FiniteHorizon(3, discount)))
    times = np.arange(3)
    expected = (times + 1) * 2 * p * (1 - p) * noise**2 * discount ** (2 * times)
    assert shares[shares.source == "reward"].trace.to_numpy() == pytest.approx(expected, rel=1e-12)
    assert shares[shares.source != "reward"].trace.abs().max() <= 1e-15


def test_shares_of_a_random_horizon() -> None:
    """Whether the episode goes on is part of the transition: as in the problem with an explicit end, by listing."""
    problem, _ = noisy_problem(1)
    quiet = TabularMDP(problem.mdp.start, problem.mdp.transition, problem.mdp.reward)
    problem = Problem(quiet, problem.policy, Discounted(0.003))
    batch, probabilities = listed(with_explicit_end(problem, 4))
    for estimator in (RewardToGo(), TotalReturn()):
        expected = brute_force(estimator, batch, probabilities)
        found = exact.variance_shares(estimator, problem, covariance=True)
        assert_same_shares(found[found.time < 4], expected, second_moment(estimator, problem))
        assert found[found.time >= 4].trace.max() <= 1e-8


# -------------------------------------------------------------------------------------- what a baseline can do


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
@pytest.mark.parametrize("seed", range(10))
def test_a_baseline_touches_the_action_shares_alone(seed: int) -> None:
    """E[ψ b | s] = 0: a function of state and time is seen only by the mean given the present action."""
    problem = small_problem(seed, noisy=True, logit_scales=(1.0,))
    given = tables(problem, seed, problem.objective.horizon)
    for kind in (RewardToGo, TotalReturn):
        plain = exact.variance_shares(kind(), problem)
        scale = second_moment(kind(), problem)
        for baseline in (given.by_time, given.constant, StateValue()):
            estimator = kind(baseline)
            found = exact.variance_shares(estimator, problem)
            other = found.source != "action"
            gap = np.abs(found.trace - plain.trace)[other].max()
            assert gap <= 1e-12 * (scale + second_moment(estimator, problem))


def test_a_baseline_does_touch_the_action_shares() -> None:
    """Negative control of the test above."""
    problem, baseline = noisy_problem(0)
    plain, with_it = (exact.variance_shares(RewardToGo(b), problem) for b in (StateValue([0.0, 0.0]), baseline))
    action = plain.source == "action"
    assert (np.abs(plain.trace - with_it.trace)[action] > 1e-3).all()


def test_past_rewards_are_action_shares_of_the_total_return() -> None:
    """Total return and reward-to-go differ by Σ ψ_t ρ_t, of mean zero given s_t: again the action shares alone."""
    problem, _ = noisy_problem(2)
    total, to_go = (exact.variance_shares(kind(), problem) for kind in (TotalReturn, RewardToGo))
    first = (total.source == "start") | (total.time == 0) & (total.source == "action")
    assert np.abs(total.trace - to_go.trace)[first].max() <= 1e-14
    assert total.trace.sum() > 1.05 * to_go.trace.sum()


@pytest.mark.parametrize("seed", range(6))
def test_the_decomposition_of_tucker_and_others(seed: int) -> None:
    """Where θ matters in the first step alone, g = ψ(s_0,a_0)(G_0 − b), and by the law of total variance

    Σ_τ = E Var[g | s,a],  Σ_a = E Var[E[g|s,a] | s],  Σ_s = Var E[g|s]  (Tucker et al. 2018)

    are everything after a_0, the action at 0, and the start. G_0's first two moments given (s,a) by listing.
    """
    rng = np.random.default_rng([seed, 13])
    transition = np.zeros((4, 2, 4))
    transition[:, :, 2:] = rng.dirichlet(np.ones(2), (4, 2))  # states 0 and 1 first, then 2 and 3 for ever
    reward, noise = rng.normal(size=(4, 2, 4)), rng.random((4, 2, 4))
    mdp = TabularMDP([0.7, 0.3, 0.0, 0.0], transition, reward, reward_noise=noise)
    features = rng.normal(size=(4, 2, 3))
    features[2:] = 0.0
    policy = LinearSoftmaxPolicy(features, rng.normal(size=3))
    problem = Problem(mdp, policy, FiniteHorizon(3, 0.9))
    baseline = StateValue(rng.normal(size=4))
    batch, probabilities = listed(with_discrete_noise(problem))
    returns = batch.rewards @ batch.discount_powers
    pi, score = policy.probabilities(), policy.score()
    mean, variance = np.zeros((2, 2)), np.zeros((2, 2))
    for s in range(2):
        for a in range(2):
            here = (batch.states[:, 0] // 2 == s) & (batch.actions[:, 0] == a)
            weight = probabilities[here] / probabilities[here].sum()
            mean[s, a] = weight @ returns[here]
            variance[s, a] = weight @ (returns[here] - mean[s, a]) ** 2
    start = mdp.start[:2]
    value = score[:2] * (mean - np.asarray(baseline.values)[:2, None])[:, :, None]
    centre = np.einsum("sa,sad->sd", pi[:2], value)
    sigma_tau = np.einsum("s,sa,sa,sad->", start, pi[:2], variance, score[:2] ** 2)
    sigma_a = np.einsum("s,sa,sad->", start, pi[:2], (value - centre[:, None]) ** 2)
    sigma_s = np.einsum("s,sd->", start, (centre - start @ centre) ** 2)
    estimator = RewardToGo(baseline)
    shares = exact.variance_shares(estimator, problem)
    is_start = shares.source == "start"
    is_action = (shares.source == "action") & (shares.time == 0)
    assert shares[is_start].trace.sum() == pytest.approx(sigma_s, rel=1e-11)
    assert shares[is_action].trace.sum() == pytest.approx(sigma_a, rel=1e-11)
    assert shares[~is_start & ~is_action].trace.sum() == pytest.approx(sigma_tau, rel=1e-11)
    assert exact.moments(estimator, problem).trace == pytest.approx(sigma_s + sigma_a + sigma_tau, rel=1e-11)


def test_a_deterministic_world_has_action_shares_alone() -> None:
    mdp = TabularMDP([1.0, 0.0], np.eye(2)[np.array([[0, 1], [1, 0]])], [[1.0, 2.0], [3.0, -1.0]])
    problem = Problem(mdp, SoftmaxPolicy([[0.3, 0.0], [0.0, 1.0]]), FiniteHorizon(4, 0.9))
    shares = exact.variance_shares(RewardToGo(), problem).groupby("source").trace.sum()
    assert shares["action"] == pytest.approx(exact.moments(RewardToGo(), problem).trace, rel=1e-13)
    assert shares[["start", "transition", "reward"]].abs().max() <= 1e-13 * shares["action"]


# -------------------------------------------------------------------------------------------------- bad input


def test_refusals() -> None:
    problem = small_problem(0)
    with pytest.raises(InvalidEstimator, match=r"must declare its recursion"):
        exact.variance_shares(lambda batch: TotalReturn()(batch), problem)
    with pytest.raises(InvalidEstimator, match=r"contributions depend on each other"):
        exact.variance_shares(TotalReturn(AverageReturn()), problem)
    mdp = TabularMDP(np.full(10, 0.1), np.full((10, 501, 10), 0.1), np.zeros((10, 501)))
    wide = Problem(mdp, SoftmaxPolicy(np.zeros((10, 501))), FiniteHorizon(1))
    with pytest.raises(TooLarge, match=r"d = 5,010 parameters"):
        exact.variance_shares(TotalReturn(), wide, covariance=True)


def test_policies_with_shared_parameters() -> None:
    """The same problem through a linear policy with one-hot features has the same shares."""
    problem, baseline = noisy_problem(3)
    linear = replace(problem, policy=LinearSoftmaxPolicy(np.eye(4).reshape(2, 2, 4), problem.policy.parameters))
    for estimator in (TotalReturn(baseline), NStepAdvantage(2, baseline)):
        one, other = (exact.variance_shares(estimator, p).trace.to_numpy() for p in (problem, linear))
        assert one == pytest.approx(other, rel=1e-12, abs=1e-14)
