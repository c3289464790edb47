"""The routes that take each pair of steps once: against the sweep, against enumeration, against each other.

Errors are relative to E|g|². The sweep is what serves where these routes do not apply.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from moment_cases import Tables, listed, listed_moments, moment_error, small_problem, tables
from random_problems import random_problem
from slow_cases import some_slow

from pgverify import Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, exact
from pgverify.baselines import Constant, NoBaseline, StateValue
from pgverify.estimators import Estimator, GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn
from pgverify.exact import estimator_moments, giant_steps, return_lags
from pgverify.exact.estimator_moments import centred, recursion_sums, row_recursion
from pgverify.exact.pair_routes import pairs_apply, whole_sums
from pgverify.exact.return_lags import lags_apply, return_lag_sums
from pgverify.exact.step_law import StepLaw, step_law
from pgverify.exact.total_return_lags import total_lag_sums
from pgverify.recursion import StepRecursion, TotalRecursion

CLOSE = 1e-12
AGAINST_ENUMERATION = 1e-10

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # long loops


@pytest.fixture
def sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the routes by pairs out: `recursion_sums` is then the sweep alone."""
    monkeypatch.setattr(estimator_moments, "pairs_apply", lambda *_: False)
    monkeypatch.setattr(estimator_moments, "lags_apply", lambda *_: False)


def law_of(problem: Problem, max_steps: int | None = None) -> StepLaw:
    return step_law(problem, exact.rollout(problem, max_steps))


def some_problem(seed: int, kind: str) -> tuple[Problem, int | None]:
    problem = random_problem(np.random.default_rng([seed, 17]), kind, max_horizon=9, noisy=True)
    if kind == "discounted":  # followed for log(10^-22) / log γ steps
        problem = replace(problem, objective=Discounted(min(problem.objective.discount, 0.2)))
    return problem, {"finite": None, "discounted": (None, 6)[seed % 2], "average": 6}[kind]


def estimators(given: Tables, law: StepLaw) -> Iterator[Estimator]:
    late = given.by_time if law.rollout.horizon is not None else given.by_state
    for baseline in (NoBaseline(), given.constant, StateValue(), late):
        yield RewardToGo(baseline, discount_weighting=baseline is not late)
        yield TotalReturn(baseline)
    yield GeneralizedAdvantage(0.7)
    yield NStepAdvantage(law.steps, StateValue())


def error(found: tuple[np.ndarray, np.ndarray], expected: tuple[np.ndarray, np.ndarray]) -> float:
    second = expected[1]
    scale = float(np.trace(second) if second.ndim == 2 else second.sum()) + 1e-290
    return max(np.abs(found[0] - expected[0]).max() / np.sqrt(scale), np.abs(found[1] - second).max() / scale)


def by_lags(law: StepLaw, declared: StepRecursion | TotalRecursion) -> tuple[np.ndarray, np.ndarray]:
    sums = return_lag_sums if isinstance(declared, StepRecursion) else total_lag_sums
    mean, square = sums(law, declared)
    return law.blocks.total(mean), law.blocks.total(square)


@pytest.mark.parametrize("kind", ["finite", "discounted", "average"])
@pytest.mark.parametrize("block", some_slow(6, 1))
@pytest.mark.usefixtures("sweep")
def test_pairs_agree_with_the_sweep(kind: str, block: int) -> None:
    for seed in range(4 * block, 4 * (block + 1)):
        problem, limit = some_problem(seed, kind)
        law = law_of(problem, limit)
        for estimator in estimators(tables(problem, seed, law.steps), law):
            declared = row_recursion(estimator, law.rollout)
            assert pairs_apply(law, declared)
            found = error(whole_sums(law, declared), recursion_sums(law, declared, "full"))
            assert found <= CLOSE, f"{kind} {seed}, {estimator}: {found:.2g}"


@pytest.mark.parametrize("kind", ["finite", "discounted", "average"])
@pytest.mark.parametrize("block", some_slow(6, 1))
@pytest.mark.usefixtures("sweep")
def test_lags_of_the_total_return_agree_with_the_recursion_over_states_and_parameters(kind: str, block: int) -> None:
    for seed in range(4 * block, 4 * (block + 1)):
        problem, limit = some_problem(seed, kind)
        law = law_of(problem, limit)
        if not law.blocks.disjoint:
            continue
        given = tables(problem, seed, law.steps)
        late = given.by_time if law.rollout.horizon is not None else given.by_state
        for baseline in (NoBaseline(), given.constant, StateValue(), late):
            declared = row_recursion(TotalReturn(baseline), law.rollout)
            for weighted in (declared, replace(declared, weighting=0.8)):
                found = error(by_lags(law, weighted), recursion_sums(law, weighted, "diagonal"))
                assert found <= CLOSE, f"{kind} {seed}, {baseline}: {found:.2g}"


@pytest.mark.parametrize("seed", range(12))
def test_the_total_return_by_lags_agrees_with_enumeration(seed: int) -> None:
    problem = small_problem(seed, "finite", horizon=4)
    policy = SoftmaxPolicy(np.random.default_rng(seed).normal(size=problem.policy.probabilities().shape))
    problem = replace(problem, policy=policy)
    law = law_of(problem)
    batch, probabilities = listed(problem)
    given = tables(problem, seed, batch.num_steps)
    for baseline in (NoBaseline(), given.by_state, given.by_time, StateValue()):
        found = centred(*by_lags(law, row_recursion(TotalReturn(baseline), law.rollout)))
        expected = listed_moments(TotalReturn(baseline), batch, probabilities)
        assert moment_error(found, *expected) <= AGAINST_ENUMERATION


def dense_problem(states: int, offset: float, horizon: int, terminal: bool) -> Problem:
    rng = np.random.default_rng(states)
    transition = rng.dirichlet(np.full(states, 0.3), (states, 3))
    reward = rng.normal(size=(states, 3, states)) + offset
    ends = np.arange(states) == (states - 1 if terminal else -1)
    transition[ends] = np.eye(states)[-1]
    reward[ends] = 0.0
    mdp = TabularMDP(np.full(states, 1 / states), transition, reward, terminal=ends, reward_noise=np.abs(reward) / 9)
    return Problem(mdp, SoftmaxPolicy(rng.normal(size=(states, 3))), FiniteHorizon(horizon, 0.9))


@pytest.mark.parametrize(
    "estimator", [RewardToGo(StateValue()), RewardToGo(), TotalReturn(), TotalReturn(StateValue())]
)
@pytest.mark.parametrize("kept", [1, 3, 5, 40])
@pytest.mark.parametrize("terminal", [False, True])
def test_giant_steps_agree_with_one_lag_after_another(
    estimator: Estimator, kept: int, terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    law = law_of(dense_problem(7, 0.0, 17, terminal))
    declared = row_recursion(estimator, law.rollout)
    found = []
    for steps in (kept, None):
        monkeypatch.setattr(return_lags, "baby_steps", lambda *_, steps=steps: steps)
        found.append(by_lags(law, declared))
    assert error(*found) <= 1e-14


def test_giant_steps_are_taken_where_they_are_fewer() -> None:
    few = law_of(dense_problem(9, 0.0, 100, False))
    assert giant_steps.baby_steps(few) == round(np.sqrt(3 * 100))
    assert giant_steps.baby_steps(law_of(dense_problem(9, 0.0, 3, False))) is None


@pytest.mark.parametrize("offset", [1e4, 1e8])
@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.usefixtures("sweep")
def test_a_reward_far_from_zero_costs_no_more_digits_than_the_sweep(offset: float, terminal: bool) -> None:
    # The offset stays in: it is not taken out of laws that are made by hand. Rounding of T·offset remains.
    rounding = 20 * offset * np.finfo(float).eps
    law = law_of(dense_problem(6, offset, 12, terminal))
    for baseline in (StateValue(), NoBaseline(), Constant(offset)):
        for estimator in (RewardToGo(baseline), TotalReturn(baseline)):
            declared = row_recursion(estimator, law.rollout)
            whole, square = whole_sums(law, declared)[1], by_lags(law, declared)[1]
            expected = recursion_sums(law, declared, "full")[1]
            scale = float(np.trace(expected))
            assert np.abs(whole - expected).max() <= (rounding + CLOSE) * scale
            assert np.abs(square - np.diag(expected)).max() <= (rounding + CLOSE) * scale


def test_the_diagonal_of_the_total_return_goes_through_the_lags_where_states_are_many() -> None:
    law = law_of(dense_problem(return_lags.SMALLEST_LAGGED, 0.0, 3, False))
    total = row_recursion(TotalReturn(), law.rollout)
    assert lags_apply(law, total)
    assert not lags_apply(law_of(dense_problem(9, 0.0, 3, False)), total)
    assert not pairs_apply(law, StepRecursion(1.0, 1.0, np.zeros(return_lags.SMALLEST_LAGGED), lookahead=2))


@pytest.mark.parametrize("change", [{"decay": 0.71}, {"weighting": 0.91}, {"baseline": np.ones(6)}])
@pytest.mark.parametrize("kind", [StepRecursion, TotalRecursion])
def test_another_recursion_is_told_apart(kind: type, change: dict[str, object]) -> None:
    """Negative control: each number of the recursion matters, to both routes."""
    law = law_of(dense_problem(6, 0.0, 8, False))
    declared = kind(decay=0.7, weighting=0.9, baseline=np.random.default_rng(1).normal(size=(9, 6)))
    other = replace(declared, **change)
    assert error(whole_sums(law, other), whole_sums(law, declared)) > 1e-4
    assert error(by_lags(law, other), by_lags(law, declared)) > 1e-4
