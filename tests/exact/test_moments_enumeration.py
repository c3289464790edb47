"""Mean and covariance of every estimator against the listing of every trajectory, on 300 random problems.

Errors are relative to E|g|², the second moment of the contribution itself (its root for the mean): a covariance is the
difference of second moments, and nothing computed in float64 can be closer than rounding to those.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from moment_cases import every_estimator, listed, listed_moments, moment_error, small_problem, tables
from slow_cases import some_slow

from pgverify import FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, Trajectories, exact
from pgverify.baselines import Constant, StateValue
from pgverify.estimators import GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn
from pgverify.recursion import StepRecursion
from pgverify.rollout import Rollout

TOLERANCE = 1e-10
PROBLEMS = 300
BLOCK = 10


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("block", some_slow(PROBLEMS // BLOCK, 2))
def test_finite_horizons(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        problem = small_problem(seed)
        batch, probabilities = listed(problem)
        for estimator in every_estimator(tables(problem, seed, batch.num_steps)):
            expected = listed_moments(estimator, batch, probabilities)
            for form in ("full", "diagonal", "trace") if seed % 5 == 0 else ("full",):
                found = exact.moments(estimator, problem, form)
                error = moment_error(found, *expected)
                assert error <= TOLERANCE, f"seed {seed}, {form}, {estimator}: {error:.2g}"
                assert (found.covariance is None) == (form != "full")
                assert (found.variance is None) == (form == "trace")


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
def test_the_problems_vary_what_a_formula_could_forget() -> None:
    """Negative control of the test above: early ends, γ = 0 and 1, shared parameters, steps where it matters."""
    problems = [small_problem(seed) for seed in range(PROBLEMS)]
    assert sum(p.mdp.terminal.any() for p in problems) > 50
    assert sum(not isinstance(p.policy, SoftmaxPolicy) for p in problems) > 50
    assert {0.0, 1.0} < {p.objective.discount for p in problems}
    assert {p.objective.horizon for p in problems} == {1, 2, 3, 4, 5}
    assert sum(p.objective.horizon >= 3 and p.mdp.num_states >= 2 and p.mdp.num_actions >= 2 for p in problems) > 50


@pytest.mark.parametrize("seed", some_slow(6, 2))
def test_the_shapes_are_right(seed: int) -> None:
    """The same with the run-time checks of shapes and types on."""
    problem = small_problem(seed)
    batch, probabilities = listed(problem)
    for estimator in every_estimator(tables(problem, seed, batch.num_steps)):
        for form in ("full", "diagonal", "trace"):
            found = exact.moments(estimator, problem, form)
            assert moment_error(found, *listed_moments(estimator, batch, probabilities)) <= TOLERANCE


@pytest.mark.parametrize("offset", [1e3, -1e6])
def test_a_large_constant_reward_costs_no_digits(offset: float) -> None:
    """With b near the return E|g|² is of the size of the *differences* of rewards: squares of 10^6 must not cancel.

    What is left is the rounding of the rewards themselves, 1e-16 · 10^6 relative to differences of size 1.
    """
    plain = lively()
    mdp = plain.mdp
    shifted = TabularMDP(mdp.start, mdp.transition, mdp.reward + offset)
    problem = Problem(shifted, plain.policy, FiniteHorizon(3, 0.7))
    batch, probabilities = listed(problem)
    middle = Constant(exact.expected_return(problem))
    for estimator in (RewardToGo(StateValue()), GeneralizedAdvantage(0.5), NStepAdvantage(2)):
        error = moment_error(exact.moments(estimator, problem), *listed_moments(estimator, batch, probabilities))
        assert error <= 1e-15 * abs(offset)
    error = moment_error(
        exact.moments(TotalReturn(middle), problem), *listed_moments(TotalReturn(middle), batch, probabilities)
    )
    assert error <= 1e-15 * abs(offset)


@dataclass(frozen=True)
class NStepLess:
    """An n-step advantage less one more baseline b_t(s): a recursion that no estimator of the package declares."""

    inner: NStepAdvantage
    table: np.ndarray

    def recursion(self, rollout: Rollout) -> StepRecursion:
        return replace(self.inner.recursion(rollout), baseline=self.table)

    def __call__(self, batch: Trajectories) -> np.ndarray:
        states = batch.states[:, :-1]
        subtracted = self.table[states] if self.table.ndim == 1 else self.table[np.arange(batch.num_steps), states]
        return self.inner(batch) - batch.score_weighted(batch.discount_powers * subtracted)


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("seed", some_slow(8, 4))
def test_a_lookahead_with_a_baseline(seed: int, steps: int) -> None:
    problem = small_problem(seed)
    batch, probabilities = listed(problem)
    given = tables(problem, seed, batch.num_steps)
    for table in (given.by_state.values, given.by_time.values):
        estimator = NStepLess(NStepAdvantage(steps, given.by_state), np.asarray(table))
        for form in ("full", "trace"):
            found = exact.moments(estimator, problem, form)
            assert moment_error(found, *listed_moments(estimator, batch, probabilities)) <= TOLERANCE


def lively() -> Problem:
    """Return a problem in which every step, the discount and the critic matter."""
    rng = np.random.default_rng(3)
    mdp = TabularMDP([0.5, 0.5, 0.0], rng.dirichlet(np.ones(3), (3, 2)), rng.normal(size=(3, 2, 3)))
    return Problem(mdp, SoftmaxPolicy(rng.normal(size=(3, 2))), FiniteHorizon(3, 0.7))


@pytest.mark.parametrize(
    ("declared", "listed_one"),
    [
        (RewardToGo(), TotalReturn()),
        (RewardToGo(), RewardToGo(discount_weighting=False)),
        (TotalReturn(), TotalReturn(discount_weighting=False)),
        (RewardToGo(), RewardToGo(StateValue())),
        (TotalReturn(StateValue()), TotalReturn()),
        (GeneralizedAdvantage(0.5), GeneralizedAdvantage(0.51)),
        (GeneralizedAdvantage(0.5), GeneralizedAdvantage(0.5, StateValue([0.0, 0.0, 0.0]))),
        (NStepAdvantage(1), NStepAdvantage(2)),
        (NStepAdvantage(2), NStepAdvantage(2, discount_weighting=False)),
    ],
)
def test_another_estimator_is_told_apart(declared: object, listed_one: object) -> None:
    """Negative control: the covariance of one estimator is not that of its nearest relative."""
    problem = lively()
    expected = listed_moments(listed_one, *listed(problem))
    assert moment_error(exact.moments(declared, problem), *expected) > 1e6 * TOLERANCE
    assert moment_error(exact.moments(listed_one, problem), *expected) <= 1e-14
