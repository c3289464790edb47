"""Diagonals through returns to the same state: against the sweep, against enumeration, and where they apply.

Errors are relative to E|g|². The sweep is what `exact.moments` uses for so few states.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from moment_cases import Tables, listed, listed_moments, moment_error, small_problem, tables
from random_problems import random_problem
from scipy.sparse import csr_array
from slow_cases import some_slow

from pgverify import Discounted, FiniteHorizon, LinearSoftmaxPolicy, Problem, SoftmaxPolicy, TabularMDP, exact
from pgverify.baselines import Baseline, NoBaseline, StateValue
from pgverify.estimators import Estimator, GeneralizedAdvantage, NStepAdvantage, RewardToGo
from pgverify.exact import EstimatorMoments, estimator_moments
from pgverify.exact.estimator_moments import centred, recursion_sums, row_recursion
from pgverify.exact.return_lags import SMALLEST_LAGGED, lags_apply, return_lag_sums
from pgverify.exact.step_law import StepLaw, step_law
from pgverify.recursion import StepRecursion
from pgverify.rollout import Rollout

AGAINST_THE_SWEEP = 1e-12
AGAINST_ENUMERATION = 1e-10

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # long loops


@dataclass(frozen=True)
class Uneven:
    """g = Σ_t ω^t ψ_t (Y_t − b_t) with κ and ω of its own: no estimator of the package has κ ≠ γ and ω ≠ 1."""

    decay: float
    weighting: float
    baseline: np.ndarray

    def recursion(self, rollout: Rollout) -> StepRecursion:
        del rollout
        return StepRecursion(self.decay, self.weighting, self.baseline)


def law_of(problem: Problem, max_steps: int | None = None) -> StepLaw:
    return step_law(problem, exact.rollout(problem, max_steps))


def by_lags(law: StepLaw, recursion: StepRecursion) -> tuple[np.ndarray, np.ndarray]:
    """Return E[g] [d] and E[g²] [d]."""
    mean, square = return_lag_sums(law, recursion)
    return law.blocks.total(mean), law.blocks.total(square)


def difference(law: StepLaw, declared: StepRecursion, other: StepRecursion | None = None) -> float:
    """Return the largest difference of lags and sweep: of the mean over √(E|g|²), of the E[g_j²] over E|g|²."""
    expected, found = recursion_sums(law, declared, "diagonal"), by_lags(law, other or declared)
    scale = float(expected[1].sum()) + 1e-290
    return max(np.abs(found[0] - expected[0]).max() / np.sqrt(scale), np.abs(found[1] - expected[1]).max() / scale)


def estimators(given: Tables, by_time: bool) -> Iterator[Estimator | Uneven]:
    late: Baseline = given.by_time if by_time else given.by_state
    for baseline in (NoBaseline(), given.constant, StateValue(), given.by_state, late):
        yield from (RewardToGo(baseline, kept) for kept in (True, False))
    yield Uneven(0.7, 0.9, np.asarray(late.values))
    yield Uneven(0.0, 1.0, np.asarray(given.by_state.values))


def separate(seed: int, kind: str) -> Problem:
    """Return the first random problem of a seed in which no two states share a parameter."""
    rng = np.random.default_rng([seed, 9])
    while True:
        problem = random_problem(rng, kind, max_horizon=12, noisy=True)
        if kind == "discounted":  # random horizons are followed for log(10^-22) / log γ steps: here at most 74
            problem = replace(problem, objective=Discounted(min(problem.objective.discount, 0.5)))
        if law_of(problem, 1 if kind == "average" else None).blocks.disjoint:
            return problem


def step_limits(kind: str) -> tuple[int | None, ...]:
    return {"finite": (None,), "discounted": (None, 7), "average": (6,)}[kind]


@pytest.mark.parametrize("kind", ["finite", "discounted", "average"])
@pytest.mark.parametrize("block", some_slow(4, 1))
def test_lags_agree_with_the_sweep(kind: str, block: int) -> None:
    """On 240 problems: 80 of each objective, with terminal states, noise, cuts and random horizons."""
    for seed in range(20 * block, 20 * (block + 1)):
        problem = separate(seed, kind)
        for limit in step_limits(kind):
            law = law_of(problem, limit)
            given = list(estimators(tables(problem, seed, law.steps), law.rollout.horizon is not None))
            some = given if law.rollout.horizon is not None else given[seed % 4 :: 4]  # long: each has its turn
            for estimator in some:
                error = difference(law, row_recursion(estimator, law.rollout))
                assert error <= AGAINST_THE_SWEEP, f"{kind} {seed}, limit {limit}, {estimator}: {error:.2g}"


@pytest.mark.parametrize("seed", range(12))
def test_finite_horizons_cut_short(seed: int) -> None:
    problem = separate(seed, "finite")
    problem = replace(problem, objective=FiniteHorizon(9, 0.9))
    law = law_of(problem, 5)
    for estimator in estimators(tables(problem, seed, law.steps), by_time=True):
        assert difference(law, row_recursion(estimator, law.rollout)) <= AGAINST_THE_SWEEP


def test_the_problems_vary_what_a_formula_could_forget() -> None:
    problems = [separate(seed, kind) for kind in ("finite", "discounted", "average") for seed in range(80)]
    assert sum(bool(problem.mdp.terminal.any()) for problem in problems) > 30
    assert sum(bool(problem.mdp.noise.any()) for problem in problems) > 60
    assert sum(problem.mdp.num_states > 3 and problem.mdp.num_actions > 2 for problem in problems) > 60


@pytest.mark.parametrize("seed", range(24))
def test_lags_agree_with_enumeration(seed: int) -> None:
    kind, limit = (("finite", None), ("discounted", 3))[seed % 2]
    problem = small_problem(seed, kind, horizon=5 if limit is None else limit)
    law = law_of(problem, limit)
    if not law.blocks.disjoint:
        policy = SoftmaxPolicy(np.random.default_rng(seed).normal(size=problem.policy.probabilities().shape))
        problem = replace(problem, policy=policy)
        law = law_of(problem, limit)
    batch, probabilities = listed(problem, limit)
    given = tables(problem, seed, batch.num_steps)
    for baseline in (NoBaseline(), given.by_state, given.by_time, StateValue()):
        for kept in (True, False):
            estimator = RewardToGo(baseline, kept)
            found = centred(*by_lags(law, row_recursion(estimator, law.rollout)))
            assert moment_error(found, *listed_moments(estimator, batch, probabilities)) <= AGAINST_ENUMERATION


@pytest.mark.parametrize("change", [{"decay": 0.71}, {"weighting": 0.91}, {"baseline": np.ones(6)}])
def test_another_recursion_is_told_apart(change: dict[str, object]) -> None:
    """Negative control: each number of the recursion matters."""
    rng = np.random.default_rng(0)
    mdp = TabularMDP(np.full(6, 1 / 6), rng.dirichlet(np.ones(6), (6, 3)), rng.normal(size=(6, 3, 6)))
    law = law_of(Problem(mdp, SoftmaxPolicy(rng.normal(size=(6, 3))), FiniteHorizon(8, 0.9)))
    declared = StepRecursion(0.7, 0.9, rng.normal(size=(9, 6)))
    assert difference(law, declared) <= 1e-14
    assert difference(law, declared, replace(declared, **change)) > 1e-4


@pytest.mark.parametrize("offset", [1e3, -1e6])
@pytest.mark.parametrize("discount", [1.0, 0.9])
def test_a_large_constant_reward_costs_no_more_digits_than_the_sweep(offset: float, discount: float) -> None:
    """With b = V the offset cancels in every Y − b: the moments are those without it, up to rounding of T·offset."""
    rng = np.random.default_rng(4)
    states, steps = 7, 20
    transition, reward = rng.dirichlet(np.ones(states), (states, 3)), rng.normal(size=(states, 3, states))
    policy, start = SoftmaxPolicy(rng.normal(size=(states, 3))), np.full(states, 1 / states)
    found = []
    for added in (0.0, offset):
        problem = Problem(TabularMDP(start, transition, reward + added), policy, FiniteHorizon(steps, discount))
        law = law_of(problem)
        declared = row_recursion(RewardToGo(StateValue()), law.rollout)
        found.append((by_lags(law, declared)[1], recursion_sums(law, declared, "diagonal")[1]))
    (truth, _), (lags, sweep) = found
    scale = float(truth.sum())
    rounding = steps * abs(offset) * np.finfo(float).eps
    assert np.abs(lags - truth).max() / scale <= max(2.0 * np.abs(sweep - truth).max() / scale, rounding)
    assert np.abs(lags - truth).max() / scale <= rounding


def sparse_problem(states: int) -> Problem:
    rng = np.random.default_rng(1)
    rows, following = 3 * states, 4
    weight = rng.random((rows, following))
    weight /= weight.sum(axis=1, keepdims=True)
    columns = rng.integers(states, size=(rows, following))
    steps = np.arange(0, rows * following + 1, following)
    matrix = csr_array((weight.ravel(), columns.ravel(), steps), shape=(rows, states))
    mdp = TabularMDP(np.full(states, 1 / states), matrix, rng.normal(size=(states, 3)))
    return Problem(mdp, SoftmaxPolicy(rng.normal(size=(states, 3))), FiniteHorizon(9, 0.95))


@pytest.mark.parametrize("form", ["diagonal", "trace"])
def test_moments_go_through_the_lags_where_there_are_many_states(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = sparse_problem(SMALLEST_LAGGED)
    asked = []

    def seen(law: StepLaw, recursion: StepRecursion) -> bool:
        asked.append(lags_apply(law, recursion))
        return asked[-1]

    def moments() -> tuple[EstimatorMoments, EstimatorMoments]:
        return exact.moments(RewardToGo(StateValue()), problem, form), exact.moments(RewardToGo(), problem, form)

    monkeypatch.setattr(estimator_moments, "lags_apply", seen)
    lagged = moments()
    assert asked == [True, True]
    monkeypatch.setattr(estimator_moments, "lags_apply", lambda *_: False)
    for found, expected in zip(lagged, moments(), strict=True):
        scale = expected.trace + float(expected.mean @ expected.mean)
        assert abs(found.trace - expected.trace) <= AGAINST_THE_SWEEP * scale
        assert np.abs(found.mean - expected.mean).max() <= AGAINST_THE_SWEEP * np.sqrt(scale)
        assert (found.variance is None) == (form == "trace")
        if form == "diagonal":
            assert np.abs(found.variance - expected.variance).max() <= AGAINST_THE_SWEEP * scale


def test_where_the_lags_apply() -> None:
    problem = sparse_problem(SMALLEST_LAGGED)
    law = law_of(problem)

    def apply(estimator: object, law: StepLaw = law) -> bool:
        return lags_apply(law, row_recursion(estimator, law.rollout))

    assert apply(RewardToGo())
    assert apply(RewardToGo(StateValue(), discount_weighting=False))
    assert apply(NStepAdvantage(9, StateValue())) is False  # a critic
    assert apply(GeneralizedAdvantage(0.5)) is False
    plain = row_recursion(RewardToGo(), law.rollout)
    assert not lags_apply(law, replace(plain, lookahead=8))
    assert lags_apply(law, replace(plain, lookahead=9))  # as long as the episode: no lookahead at all
    assert not apply(RewardToGo(), law_of(sparse_problem(SMALLEST_LAGGED - 1)))
    acting = SoftmaxPolicy(np.zeros((SMALLEST_LAGGED, 3)))
    assert not apply(RewardToGo(), step_law(problem, exact.rollout(problem, None, acting)))
    features = np.random.default_rng(2).normal(size=(SMALLEST_LAGGED, 3, 5))
    shared = replace(problem, policy=LinearSoftmaxPolicy(features, np.zeros(5)))
    assert not apply(RewardToGo(), law_of(shared))


def test_states_that_share_one_parameter_are_not_disjoint() -> None:
    """The features of a tabular softmax, but states 0 and 5 act by the same ones."""
    states, actions = 8, 2
    rows = np.eye(states * actions).reshape(states, actions, -1)
    weights = np.random.default_rng(3).normal(size=states * actions)
    problem = sparse_problem(states)
    mdp = TabularMDP(problem.mdp.start, np.full((states, actions, states), 1 / states), np.ones((states, actions)))
    for order, disjoint in ((np.arange(states), True), (np.array([0, 1, 2, 3, 4, 0, 6, 7]), False)):
        policy = LinearSoftmaxPolicy(rows[order], weights)
        assert law_of(Problem(mdp, policy, FiniteHorizon(3))).blocks.disjoint is disjoint
