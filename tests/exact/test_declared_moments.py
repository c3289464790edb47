"""Moments of what declares tables or weights of trajectories, against the listing of every trajectory.

The listing calls the estimators on data and knows nothing of what they declare; the recursions read the declaration and
never call them. Errors are relative to E|g|², as in the tests of the plain sums.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from declared_cases import (
    SCALES,
    cut_problem,
    declared_estimators,
    discounted,
    small_off_policy,
    somebody_else,
    whole_trajectory_estimators,
)
from moment_cases import (
    every_estimator,
    listed_moments,
    moment_error,
    small_problem,
    tables,
    with_discrete_noise,
    with_explicit_end,
)
from slow_cases import some_slow

import pgverify as pgv
from pgverify import Problem, exact, stats
from pgverify.declarations import TableRecursion, as_table, ratio_table
from pgverify.errors import InvalidEstimator, TooLarge
from pgverify.estimators import GPOMDP, ActionBaseline, AllActions, RewardToGo, TotalReturn, VTrace
from pgverify.exact import table_moments
from pgverify.policies import Policy
from pgverify.recursion import StepRecursion
from pgverify.rollout import Rollout

TOLERANCE = 1e-9
PROBLEMS, BLOCK = 200, 2


def compare(
    estimators: list,
    problem: Problem,
    max_steps: int | None = None,
    acting: Policy | None = None,
    every_form: bool = True,
) -> None:
    batch, probabilities = exact.enumerate_trajectories(problem, acting=acting, max_steps=max_steps)
    for estimator in estimators:
        expected = listed_moments(estimator, batch, probabilities)
        for form in ("full", "diagonal", "trace") if every_form else ("full",):
            found = exact.moments(estimator, problem, form, max_steps=max_steps, acting=acting)
            assert moment_error(found, *expected) <= TOLERANCE, f"{form}, {estimator}"
            assert (found.covariance is None) == (form != "full")
            assert (found.variance is None) == (form == "trace")


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("block", some_slow(PROBLEMS // BLOCK, 1))
def test_finite_horizons(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        problem = small_problem(seed, logit_scales=SCALES)
        steps = problem.objective.horizon
        cases = [*declared_estimators(problem, seed, steps), *whole_trajectory_estimators(problem, seed, steps)]
        compare(cases, problem, every_form=seed % 5 == 0)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("block", some_slow(PROBLEMS // BLOCK, 1))
def test_somebody_else_acts(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        problem, acting = small_off_policy(seed)
        steps = problem.objective.horizon
        cases = [*declared_estimators(problem, seed, steps), *whole_trajectory_estimators(problem, seed, steps)]
        compare(cases, problem, acting=acting, every_form=seed % 5 == 0)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("objective", ["discounted", "average"])
@pytest.mark.parametrize("block", some_slow(PROBLEMS // BLOCK, 1))
def test_episodes_that_are_cut(block: int, objective: str) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        problem, steps = cut_problem(seed, objective)
        estimators = declared_estimators(problem, seed, steps)
        compare(estimators, problem, steps, every_form=seed % 5 == 0)
        if objective == "discounted":
            acting = somebody_else(problem, seed)
            if exact.count_trajectories(problem, acting, steps) <= 1_500:
                estimators += whole_trajectory_estimators(problem, seed, steps)
                compare(estimators, problem, steps, acting, every_form=False)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("block", some_slow(PROBLEMS // BLOCK, 1))
def test_a_random_horizon(block: int) -> None:
    """Ends made explicit as states of a horizon of 60 steps, by when 0.3^60 are under way."""
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        problem = discounted(seed)
        explicit = with_explicit_end(problem, 60)
        twice = np.tile(np.arange(problem.mdp.num_states), 2)
        one, other = (VTrace(0.8, 0.9, 0.7, pgv.baselines.StateValue(values)) for values in _critics(problem, twice))
        doubled = [(GPOMDP(0.4), GPOMDP(0.4)), (one, other)]
        plain = np.random.default_rng(seed).normal(size=problem.policy.probabilities().shape)
        doubled += [
            (ActionBaseline(plain, corrected), ActionBaseline(plain[twice], corrected)) for corrected in (True, False)
        ]
        doubled += [(AllActions(plain), AllActions(plain[twice]))]
        for estimator, same in doubled:
            found, expected = exact.moments(estimator, problem), exact.moments(same, explicit)
            scale = expected.trace + expected.mean @ expected.mean + 1e-290
            assert moment_error(found, expected.mean, expected.covariance, scale) <= TOLERANCE, f"{seed} {estimator}"


def _critics(problem: Problem, twice: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a critic, and the same on states that are doubled: 0 where the episode has ended, as V is."""
    values = np.random.default_rng(5).normal(size=problem.mdp.num_states)
    return values, values[twice]


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("seed", some_slow(40, 2))
def test_noise_of_rewards(seed: int) -> None:
    """Noise of ±σ, listed as transitions: what is estimated there has the same covariance."""
    problems = (
        small_problem(1_000 * seed + k, noisy=True, horizon=3, limit=100, logit_scales=SCALES) for k in range(100)
    )
    problem = next(problem for problem in problems if problem.mdp.noise.any())
    loud = with_discrete_noise(problem)
    batch, probabilities = exact.enumerate_trajectories(loud)
    rng = np.random.default_rng(seed)
    plain = rng.normal(size=problem.policy.probabilities().shape)
    twice = np.repeat(np.arange(problem.mdp.num_states), 2)
    for estimator, same in (
        (GPOMDP(0.5), GPOMDP(0.5)),
        (ActionBaseline(plain), ActionBaseline(plain[twice])),
        (VTrace(0.7), VTrace(0.7)),
    ):
        assert moment_error(exact.moments(estimator, problem), *listed_moments(same, batch, probabilities)) <= TOLERANCE


@dataclass(frozen=True)
class AsTable:
    """A plain sum over steps, declared as a table."""

    base: RewardToGo

    def declaration(self, rollout: Rollout) -> TableRecursion:
        declared = self.base.recursion(rollout)
        assert isinstance(declared, StepRecursion)
        return as_table(declared, ratio_table(rollout))


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("seed", some_slow(PROBLEMS, 2))
def test_two_recursions_agree_on_plain_sums(seed: int) -> None:
    """The table recursion shares no step with that of plain sums: no visits, no shift, no lags."""
    problem = small_problem(seed, noisy=True, logit_scales=SCALES)
    acting = somebody_else(problem, seed)
    for estimator in every_estimator(tables(problem, seed, problem.objective.horizon)):
        if type(estimator).__name__ in ("RewardToGo", "GeneralizedAdvantage"):
            for who in (None, acting):
                expected = exact.moments(estimator, problem, acting=who)
                found = exact.moments(AsTable(estimator), problem, acting=who)
                scale = expected.trace + expected.mean @ expected.mean + 1e-290
                assert moment_error(found, expected.mean, expected.covariance, scale) <= TOLERANCE


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("name", ["near", pytest.param("far", marks=pytest.mark.slow)])
def test_sampled_covariances(name: str) -> None:
    """Each entry of the sampled covariance lies within 6 of its own standard errors: p < 1e-7 for all together."""
    problem = {entry.name: entry.problem for entry in pgv.suites.get("off-policy")}[name]
    batch = pgv.sample(problem, 10_000, seed=3)
    for estimator in (VTrace(), AllActions(), ActionBaseline(np.eye(2)), TotalReturn()):
        found = exact.moments(estimator, problem)
        rows = estimator(batch) - found.mean
        products = rows[:, :, None] * rows[:, None, :]
        error = products.std(axis=0) / np.sqrt(len(batch))
        assert (np.abs(products.mean(axis=0) - found.covariance) <= 6.0 * error + 1e-12).all(), estimator
        assert (np.abs(rows.mean(axis=0)) <= 6.0 * rows.std(axis=0) / np.sqrt(len(batch)) + 1e-12).all(), estimator
        # Negative control: a covariance of the same estimator on-policy is far outside.
        plain = exact.moments(estimator, Problem(problem.mdp, problem.policy, problem.objective))
        assert (np.abs(products.mean(axis=0) - plain.covariance) > 6.0 * error).any()


def test_nodes_of_real_actions() -> None:
    """A Gaussian policy stands on its nodes: the listing is of these, and tables are [S, K]."""
    entry = pgv.suites.get("continuous")[0]
    problem = entry.problem
    estimators = [GPOMDP(0.5), VTrace(0.9), RewardToGo()]
    batch, probabilities = exact.enumerate_trajectories(problem)
    for estimator in estimators:
        assert moment_error(exact.moments(estimator, problem), *listed_moments(estimator, batch, probabilities)) <= 1e-9


@pytest.mark.parametrize(
    "change",
    [
        {"passed": 1.01},
        {"carried": 1.01},
        {"credited": 1.01},
        {"credited_ahead": 1.01},
        {"earned": 1.01},
        {"weighting": 1.01},
        {"reward_baseline": 0.01},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_table_matters(change: dict[str, float]) -> None:
    """Negative control: a table that is one per cent off has other moments."""
    problem = pgv.suites.get("off-policy")[2].problem
    batch, probabilities = exact.enumerate_trajectories(problem)
    estimator = VTrace(1.2, 0.8)

    @dataclass(frozen=True)
    class Changed:
        def declaration(self, rollout: Rollout) -> TableRecursion:
            declared = estimator.declaration(rollout)
            name, factor = next(iter(change.items()))
            value = factor if name == "reward_baseline" else factor * getattr(declared, name)
            return replace(declared, **{name: value})

    expected = listed_moments(estimator, batch, probabilities)
    assert moment_error(exact.moments(estimator, problem), *expected) <= 1e-14
    assert moment_error(exact.moments(Changed(), problem), *expected) > 1e-4


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_table_of_another_shape_is_refused() -> None:
    problem = pgv.suites.get("off-policy")[2].problem

    @dataclass(frozen=True)
    class Wrong:
        def declaration(self, rollout: Rollout) -> TableRecursion:
            return replace(VTrace().declaration(rollout), baseline=np.zeros((3, 2)))

    with pytest.raises(InvalidEstimator, match=r"baseline has shape \(3, 2\), must be \[S, A\] = \(2, 2\)"):
        exact.moments(Wrong(), problem)


def test_a_covariance_that_would_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_moments, "LARGEST_TABLE", 10)
    problem = pgv.suites.get("off-policy")[2].problem
    with pytest.raises(TooLarge, match=r'S·d² of at most 10 .* ask for form="diagonal"'):
        exact.moments(VTrace(), problem)
    assert exact.moments(VTrace(), problem, "diagonal").variance is not None


def test_what_is_sampled_has_the_moments() -> None:
    """The other way round: the region of a sampled mean holds the exact one."""
    problem = pgv.suites.get("off-policy")[1].problem
    moments = stats.Moments.of(VTrace()(pgv.sample(problem, 5_000, seed=1)))
    assert not stats.BiasTest(alpha=1e-6).run(moments, exact.moments(VTrace(), problem).mean).rejected
    assert stats.BiasTest(alpha=1e-6).run(moments, 1.5 * exact.moments(VTrace(), problem).mean).rejected
