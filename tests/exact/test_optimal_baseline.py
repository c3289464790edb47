"""Optimal baselines: the trace each is said to reach, that nothing near is better, and two other ways to find them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from moment_cases import every_estimator, listed, listed_moments, small_problem, tables
from reference import score_by_complex_step
from scipy.optimize import minimize, minimize_scalar
from slow_cases import some_slow

from pgverify import AverageReward, Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, exact
from pgverify.baselines import AverageReturn, Constant, NoBaseline, StateValue, TimeStateValue
from pgverify.errors import InvalidEstimator
from pgverify.estimators import (
    GeneralizedAdvantage,
    NStepAdvantage,
    RewardToGo,
    StandardizedReturn,
    StepWeighted,
    TotalReturn,
)
from pgverify.recursion import StepRecursion, TotalRecursion
from pgverify.rollout import Rollout
from pgverify.trajectories import Trajectories

TOLERANCE = 1e-10
SEEDS = some_slow(20, 8)


@dataclass(frozen=True)
class Minus:
    """An estimator with a further table subtracted: what `optimal_baseline` speaks of for actor-critics."""

    base: StepWeighted
    table: TimeStateValue
    discount_weighting: bool

    def recursion(self, rollout: Rollout) -> StepRecursion | TotalRecursion:
        return replace(self.base.recursion(rollout), baseline=self.table.table(rollout))

    def __call__(self, batch: Trajectories) -> np.ndarray:
        powers = batch.discount_powers if self.discount_weighting else np.ones(batch.num_steps)
        taken = batch.step_scale * powers * self.table.evaluate(batch)[:, :-1]
        return batch.score_weighted(self.base.weights(batch) - taken)


def mild(seed: int, **more: object) -> Problem:
    return small_problem(seed, logit_scales=(0.0, 1.0), **more)


def lively() -> Problem:
    """Return a problem in which every step and its past matter."""
    rng = np.random.default_rng(4)
    mdp = TabularMDP([0.5, 0.3, 0.2], rng.dirichlet(np.ones(3), (3, 2)), rng.normal(size=(3, 2)))
    return Problem(mdp, SoftmaxPolicy(rng.normal(size=(3, 2))), FiniteHorizon(4, 0.9))


def trace_of(estimator: object, problem: Problem, max_steps: int | None = None) -> float:
    return exact.moments(estimator, problem, "trace", max_steps).trace


# ------------------------------------------------------------------------------------- the traces are reached


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("seed", SEEDS)
def test_every_trace_is_that_of_the_estimator_with_the_baseline(seed: int) -> None:
    problem = small_problem(seed, noisy=True)
    for kind in (RewardToGo, TotalReturn):
        for kept in (True, False):
            found = exact.optimal_baseline(kind(StateValue(), kept), problem)
            scale = found.trace["none"] + float(np.sum(exact.moments(kind(NoBaseline(), kept), problem).mean ** 2))
            for name, baseline in {
                "none": NoBaseline(),
                "constant": Constant(found.constant),
                "by_state": StateValue(found.by_state),
                "textbook": TimeStateValue(found.textbook),
                "values": TimeStateValue(found.values),
            }.items():
                assert abs(trace_of(kind(baseline, kept), problem) - found.trace[name]) <= TOLERANCE * scale
            assert np.abs(found.present + found.future + found.past - found.values).max() <= 1e-12 * (
                1e-290 + sum(np.abs(part).max() for part in (found.present, found.future, found.past))
            )
            assert np.array_equal(found.present, found.textbook)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_that_is_a_theorem(seed: int) -> None:
    """A larger class has no larger minimum: by coordinate ≤ by (t, s) ≤ by state ≤ constant ≤ none, (t, s) ≤ any.

    The textbook formula is *not* in this chain: it minimises nothing.
    """
    problem = small_problem(seed, noisy=True)
    given = tables(problem, seed, problem.objective.horizon)
    for estimator in every_estimator(given):
        trace = exact.optimal_baseline(estimator, problem).trace
        slack = 1e-12 * (trace["none"] + 1e-290)
        chain = [trace[name] for name in ("by_coordinate", "values", "by_state", "constant", "none")]
        assert all(a <= b + slack for a, b in pairwise(chain))
        assert trace["values"] <= trace["textbook"] + slack
        assert trace["values"] >= -slack
    for kind in (RewardToGo, TotalReturn):
        best = exact.optimal_baseline(kind(), problem).trace["values"]
        for baseline in (StateValue(), given.by_time, given.by_state):
            reached = trace_of(kind(baseline), problem)
            assert best <= reached + 1e-12 * (reached + trace["none"])


# ---------------------------------------------------------------------------------------------- it is a minimum


CASES: dict[str, tuple[Callable[[], StepWeighted], bool]] = {
    "reward-to-go": (RewardToGo, True),
    "discount dropped": (lambda: RewardToGo(discount_weighting=False), False),
    "generalized advantage": (lambda: GeneralizedAdvantage(0.5, Constant(0.3)), True),
    "two steps": (lambda: NStepAdvantage(2, Constant(0.3), discount_weighting=False), False),
}


def score_square(problem: Problem) -> np.ndarray:
    """Return E_π|ψ(s,·)|² [S], the score by complex step of log π."""
    score = score_by_complex_step(problem.policy)
    return np.einsum("sa,sad->s", problem.policy.probabilities(), score**2)


@pytest.mark.parametrize("case", [*CASES, "total return"])
@pytest.mark.parametrize("seed", some_slow(4, 2))
def test_no_perturbation_of_one_entry_is_better(case: str, seed: int) -> None:
    """tr(b* ± ε e_{t,s}) = tr(b*) + ε² D_{t,s}: nothing of first order; D = c_t² d_t(s) E_π|ψ|² by the occupancy."""
    problem = mild(seed, max_states=3, horizon=3)
    horizon, discount = problem.objective.horizon, problem.objective.discount
    if case == "total return":
        base, kept, weights = TotalReturn(), False, np.ones(horizon)
    else:
        make, kept = CASES[case]
        base, weights = make(), discount ** np.arange(horizon) if kept else np.ones(horizon)
    best = exact.optimal_baseline(base, problem)
    visits = np.where(problem.mdp.terminal, 0.0, exact.occupancy(problem))
    curvature = weights[:, None] ** 2 * visits * score_square(problem)
    middle = trace_of(Minus(base, TimeStateValue(best.values), kept), problem)
    assert middle == pytest.approx(best.trace["values"], rel=1e-10, abs=1e-12 * best.trace["none"])
    size = 1e-12 * (best.trace["none"] + np.abs(best.values).max() ** 2 + 1.0)
    for t in range(horizon):
        for s in range(problem.mdp.num_states):
            for step in (0.5, -0.5, 2.0):
                moved = best.values.copy()
                moved[t, s] += step
                gap = trace_of(Minus(base, TimeStateValue(moved), kept), problem) - middle
                assert gap >= -size
                assert abs(gap - step**2 * curvature[t, s]) <= size


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
def test_a_wrong_baseline_is_not_a_minimum() -> None:
    """Negative control: at the textbook formula some perturbation does help."""
    problem = lively()
    found = exact.optimal_baseline(TotalReturn(), problem)
    middle = trace_of(TotalReturn(TimeStateValue(found.textbook)), problem)
    best = min(
        trace_of(TotalReturn(TimeStateValue(found.textbook + step * unit)), problem)
        for step in (0.1, -0.1, 1e-2, -1e-2)
        for unit in np.eye(found.values.size).reshape(-1, *found.values.shape)
    )
    assert best < middle * (1 - 1e-6)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("kind", [RewardToGo, TotalReturn])
@pytest.mark.parametrize("seed", range(5))
def test_the_best_constant_and_the_best_by_state_by_minimisation(kind: type[RewardToGo], seed: int) -> None:
    problem = mild(seed, max_states=3)
    found = exact.optimal_baseline(kind(), problem)
    scale = found.trace["none"] + 1e-290
    constant = minimize_scalar(lambda b: trace_of(kind(Constant(float(b))), problem) / scale)
    assert found.trace["constant"] == pytest.approx(scale * constant.fun, abs=1e-9 * scale)
    states = problem.mdp.num_states
    size = np.abs(problem.mdp.reward).max() + 1e-3  # minimised in units of the rewards
    by_state = minimize(lambda b: trace_of(kind(StateValue(size * b)), problem) / scale, np.zeros(states), tol=1e-12)
    assert found.trace["by_state"] == pytest.approx(scale * by_state.fun, abs=1e-7 * scale)
    visited = (exact.occupancy(problem).sum(axis=0) * score_square(problem)) > 1e-2
    visited &= ~problem.mdp.terminal
    assert np.abs(found.by_state - size * by_state.x)[visited].max(initial=0.0) <= 1e-2 * size
    assert not found.by_state[problem.mdp.terminal].any()


# ----------------------------------------------------------------------------------------------- by listing


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("case", [*CASES, "total return"])
@pytest.mark.parametrize("seed", some_slow(8, 4))
def test_every_coordinate_by_its_definition(case: str, seed: int) -> None:
    """b_{t,s,j} = E[φ_j g_j]/E[φ_j²] and b*_t(s) = E[φ·g]/E|φ|², φ = c_t ψ(s_t,a_t) 1{s_t=s}, over all trajectories."""
    problem = mild(seed)
    base, kept = (TotalReturn(), False) if case == "total return" else (CASES[case][0](), CASES[case][1])
    batch, probabilities = listed(problem)
    found = exact.optimal_baseline(base, problem)
    rows = base(batch)
    score = score_by_complex_step(problem.policy)
    powers = batch.discount_powers if kept else np.ones(batch.num_steps)
    centred = rows.copy()
    size = np.sqrt(found.trace["none"]) + 1e-290
    for t in range(batch.num_steps):
        for s in range(problem.mdp.num_states):
            here = (batch.states[:, t] == s) & batch.mask[:, t]
            phi = powers[t] * np.where(here[:, None], score[s, batch.actions[:, t]], 0.0)
            effect, square = probabilities @ (phi * rows), probabilities @ phi**2
            if square.sum() > 1e-12:
                assert found.values[t, s] == pytest.approx(effect.sum() / square.sum(), abs=1e-8 * size / square.sum())
            own = found.by_coordinate[t, s]
            where = found.coordinate[s]
            used = square[where] > 1e-12
            assert np.abs(own * square[where] - effect[where])[used].max(initial=0.0) <= 1e-11 * size * size + 1e-13
            baseline = np.zeros(rows.shape[1])
            baseline[where[::-1]] = own[::-1]  # padded entries repeat a parameter; the first is meant
            centred -= phi * baseline
    mean = probabilities @ centred
    reached = float(probabilities @ (centred**2).sum(axis=1) - mean @ mean)
    assert reached == pytest.approx(found.trace["by_coordinate"], abs=1e-10 * size * size)
    assert mean == pytest.approx(probabilities @ rows, abs=1e-12 * size)


@pytest.mark.parametrize("seed", some_slow(8, 4))
def test_the_textbook_formula_by_its_definition(seed: int) -> None:
    """E[|ψ|² Q_t | s] / E[|ψ|² | s] from the values of the problem, for reward-to-go.

    For the total return Q is E[R | s_t, a_t] = E[ρ_t | s_t] + γ^t Q_t: what is paid before t is present, too.
    """
    problem = mild(seed)
    policy, score = problem.policy.probabilities(), score_by_complex_step(problem.policy)
    square = policy * (score**2).sum(axis=2)
    action = exact.values(problem).action
    used = (exact.occupancy(problem) > 1e-12) & ~problem.mdp.terminal & (square.sum(axis=1) > 1e-12)
    derived = np.einsum("sa,tsa->ts", square, action) / np.where(square.sum(axis=1) > 0, square.sum(axis=1), 1.0)
    to_go = exact.optimal_baseline(RewardToGo(), problem).textbook
    size = np.abs(action).max() + 1e-290
    assert np.abs(to_go - derived)[used].max(initial=0.0) <= 1e-9 * size
    assert not to_go[:, problem.mdp.terminal].any()
    batch, probabilities = listed(problem)
    discount = problem.objective.discount
    paid = np.cumsum(np.pad(batch.rewards * batch.discount_powers, ((0, 0), (1, 0))), axis=1)
    total = exact.optimal_baseline(TotalReturn(), problem).textbook
    for t, s in zip(*np.nonzero(used), strict=True):
        here = (batch.states[:, t] == s) & batch.mask[:, t]
        before = probabilities[here] @ paid[here, t] / probabilities[here].sum()
        expected = before + discount**t * derived[t, s]
        assert total[t, s] == pytest.approx(expected, abs=1e-9 * (size + np.abs(paid).max()))


def test_past_and_future_matter() -> None:
    """Negative control of the sum of three parts: on an ordinary problem all are there, and b* beats the textbook."""
    problem = lively()
    for estimator in (RewardToGo(), TotalReturn()):
        found = exact.optimal_baseline(estimator, problem)
        assert np.abs(found.past).max() > 1e-3
        assert np.abs(found.future).max() > 1e-3
        assert not found.past[0].any()  # nothing before the first step, nothing after the last
        assert not found.future[-1].any()
        assert found.trace["values"] < found.trace["textbook"] * (1 - 1e-6)


# -------------------------------------------------------------------------------------------- other rollouts


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("objective", [Discounted(0.8), AverageReward()])
@pytest.mark.parametrize("seed", some_slow(4, 2))
def test_cut_rollouts(objective: Discounted | AverageReward, seed: int) -> None:
    problem = small_problem(seed, "average", horizon=3, logit_scales=(1.0,), noisy=True)
    problem = Problem(problem.mdp, problem.policy, objective)
    for kind in (RewardToGo, TotalReturn):
        found = exact.optimal_baseline(kind(), problem, max_steps=3)
        for name, baseline in {
            "none": NoBaseline(),
            "by_state": StateValue(found.by_state),
            "values": TimeStateValue(found.values),
        }.items():
            reached = trace_of(kind(baseline), problem, 3)
            assert reached == pytest.approx(found.trace[name], rel=1e-10, abs=1e-12 * found.trace["none"])


@pytest.mark.slow
def test_a_random_horizon_has_a_best_baseline_by_state() -> None:
    """The future does not depend on t, so b* of one state and time stands still once the past is forgotten."""
    problem = small_problem(2, "average", logit_scales=(1.0,))
    problem = Problem(problem.mdp, problem.policy, Discounted(0.6))
    for kind in (RewardToGo, TotalReturn):
        found = exact.optimal_baseline(kind(), problem)
        for name, baseline in {"constant": Constant(found.constant), "by_state": StateValue(found.by_state)}.items():
            assert trace_of(kind(baseline), problem) == pytest.approx(found.trace[name], rel=1e-10)


# -------------------------------------------------------------------------------------------------- bad input


def test_the_batch_mean_is_left_out_like_any_baseline() -> None:
    problem = mild(0)
    coupled, plain = (exact.optimal_baseline(TotalReturn(b), problem) for b in (AverageReturn(), NoBaseline()))
    assert np.array_equal(coupled.values, plain.values)
    assert coupled.trace == plain.trace


def test_estimators_without_a_recursion_are_refused() -> None:
    with pytest.raises(InvalidEstimator, match=r"must declare its recursion for exact moments; otherwise sample"):
        exact.optimal_baseline(StandardizedReturn(), mild(0))


def test_the_helper_subtracts_what_it_says() -> None:
    """`Minus` itself, by listing."""
    problem = mild(3)
    given = tables(problem, 3, problem.objective.horizon)
    for make, kept in CASES.values():
        estimator = Minus(make(), given.by_time, kept)
        mean, covariance, scale = listed_moments(estimator, *listed(problem))
        found = exact.moments(estimator, problem)
        assert np.abs(found.covariance - covariance).max() <= TOLERANCE * scale
        assert np.abs(found.mean - mean).max() <= TOLERANCE * np.sqrt(scale)
