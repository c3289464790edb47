"""GPOMDP and reward baselines: rows by a trace, the expectation in closed form, its bias in β, the best number."""

from __future__ import annotations

import numpy as np
import pytest
from moment_cases import small_problem
from off_policy_cases import lent, lively, relative
from slow_cases import some_slow

import pgverify as pgv
from pgverify import exact
from pgverify.baselines import Constant, StateValue
from pgverify.errors import InvalidEstimator, InvalidObjective
from pgverify.estimators import GPOMDP, RewardBaseline, RewardToGo


def test_rows_by_the_trace_of_the_paper() -> None:
    """z_{t+1} = β z_t + ψ_t, and the sum of r_t z_{t+1}."""
    problem = lively()
    batch, score = pgv.sample(problem, 5, seed=2), problem.policy.score()
    for beta, number in ((0.0, 0.0), (0.6, 0.0), (1.0, 0.25)):
        found = RewardBaseline(number, GPOMDP(beta))(batch)
        for i in range(5):
            trace, total = np.zeros(6), np.zeros(6)
            for t in range(3):
                trace = beta * trace + score[batch.states[i, t], batch.actions[i, t]]
                total += (batch.rewards[i, t] - number) * trace
            assert found[i] == pytest.approx(total, abs=1e-13)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("seed", some_slow(200, 5))
def test_the_expectation_in_closed_form(seed: int) -> None:
    for objective in ("finite", "discounted"):
        problem = small_problem(seed, objective, logit_scales=(0.0, 1.0, 3.0))
        for beta in (0.0, 0.3, 1.0):
            found = exact.moments(GPOMDP(beta), problem)
            scale = np.sqrt(found.trace + found.mean @ found.mean) + 1e-290
            assert np.abs(found.mean - exact.decayed_gradient(problem, beta)).max() <= 1e-9 * scale


@pytest.mark.usefixtures("unchecked_shapes")
def test_under_the_average_reward_the_window_is_the_rest() -> None:
    """The sum of a window of T steps tends to the closed form like 1/T, β fixed."""
    problem = lively(pgv.AverageReward())
    limit = exact.decayed_gradient(problem, 0.8)
    gaps = [np.linalg.norm(exact.moments(GPOMDP(0.8), problem, max_steps=t).mean - limit) for t in (200, 400)]
    assert gaps[0] / gaps[1] == pytest.approx(2.0, rel=0.01)


@pytest.mark.parametrize("objective", [pgv.AverageReward(), pgv.FiniteHorizon(3, 1.0)], ids=["average", "finite"])
def test_the_bias_is_linear_in_one_minus_beta(objective: pgv.FiniteHorizon) -> None:
    problem = lively(objective)
    bias = [exact.decayed_gradient(problem, 1.0 - gap) - exact.gradient(problem) for gap in (1e-2, 5e-3, 1e-4, 5e-5)]
    lengths = [np.linalg.norm(each) for each in bias]
    assert lengths[0] / lengths[1] == pytest.approx(2.0, rel=0.02)
    assert lengths[2] / lengths[3] == pytest.approx(2.0, rel=2e-4)
    assert lengths[2] > 0.0


def test_the_limit_is_the_gradient_by_differences() -> None:
    """Two routes to the closed form: the resolvent, and the sum Σ_k β^k P^k cut where nothing is left."""
    problem = lively(pgv.AverageReward())
    solution = exact.solve(problem)
    chain, beta = solution.chain, 0.8
    reward = chain.state_reward - solution.gain.real
    ahead = sum(beta**k * np.linalg.matrix_power(chain.dense_transition(), k) @ reward for k in range(200))
    table = chain.step_reward + beta * np.einsum("say,y->sa", problem.mdp.transition, ahead)
    weights = solution.stationary[:, None] * chain.probabilities * table
    expected = np.einsum("sa,sad->d", weights, problem.policy.score())
    assert relative(exact.decayed_gradient(problem, beta), expected) <= 1e-12


@pytest.mark.usefixtures("unchecked_shapes")
def test_the_best_number_tends_to_the_average_reward() -> None:
    problem = lively(pgv.AverageReward())
    gain = exact.expected_return(problem)

    def best(beta: float, steps: int) -> float:
        return exact.best_reward_baseline(lambda c: RewardBaseline(c, GPOMDP(beta)), problem, steps)

    gaps = [abs(best(beta, steps) - gain) for beta, steps in ((0.0, 20), (0.9, 200), (0.97, 1_000))]
    assert gaps[0] > 2.0 * gaps[1] > 4.0 * gaps[2]
    assert gaps[2] <= 0.05 * np.abs(problem.mdp.reward).max()
    print(gaps)


def test_the_best_number_by_the_parabola_of_the_listing() -> None:
    problem = lively()
    batch, chance = exact.enumerate_trajectories(problem)
    one, other = RewardBaseline(0.0, GPOMDP(0.9))(batch), RewardBaseline(1.0, GPOMDP(0.9))(batch)
    away = one - other  # h, where g_c = g_0 − c h
    zero, slope = one - chance @ one, away - chance @ away
    expected = (chance @ (zero * slope).sum(axis=1)) / (chance @ (slope**2).sum(axis=1))
    found = exact.best_reward_baseline(lambda c: RewardBaseline(c, GPOMDP(0.9)), problem)
    assert found == pytest.approx(expected, rel=1e-10)
    assert exact.best_reward_baseline(lambda _: GPOMDP(0.9), problem) == 0.0  # nothing to choose


def test_a_number_off_every_reward_where_lengths_differ() -> None:
    """The trap: where actions end episodes, c times the gradient of the length is missing."""
    entry = next(entry for entry in pgv.suites.get("off-policy") if entry.name == "ends-sooner")
    plain = pgv.Problem(entry.problem.mdp, entry.problem.policy, pgv.FiniteHorizon(3))
    ones = pgv.Problem(
        pgv.TabularMDP(
            plain.mdp.start, plain.mdp.transition, np.where(plain.mdp.terminal[:, None], 0.0, 1.0) * np.ones((3, 2)),
            plain.mdp.terminal,
        ),
        plain.policy,
        plain.objective,
    )  # fmt: skip
    found = exact.moments(RewardBaseline(0.5), plain).mean
    assert relative(found, exact.gradient(plain) - 0.5 * exact.gradient(ones)) <= 1e-12
    assert relative(exact.moments(RewardBaseline(0.5), lively(pgv.FiniteHorizon(3))).mean,
                    exact.gradient(lively(pgv.FiniteHorizon(3)))) <= 1e-12  # fmt: skip


def test_somebody_else_acts_and_other_bases() -> None:
    for base in (GPOMDP(0.5, Constant(0.3)), RewardToGo(StateValue())):
        batch, chance = exact.enumerate_trajectories(lent())
        found = exact.moments(RewardBaseline(0.4, base), lent())
        assert found.mean == pytest.approx(chance @ RewardBaseline(0.4, base)(batch), abs=1e-13)
    assert relative(exact.moments(GPOMDP(0.5), lent()).mean, exact.moments(GPOMDP(0.5), lively()).mean) <= 1e-12


@pytest.mark.usefixtures("unchecked_shapes")
def test_plain_sums_keep_what_they_can_do() -> None:
    """Variance shares and best baselines need the plain declaration, which GPOMDP has."""
    problem = lively()
    shares = exact.variance_shares(GPOMDP(0.5), problem)
    assert shares["trace"].sum() == pytest.approx(exact.moments(GPOMDP(0.5), problem).trace, rel=1e-12)
    assert exact.optimal_baseline(GPOMDP(0.5), problem).trace["values"] < exact.moments(GPOMDP(0.5), problem).trace


@pytest.mark.parametrize("decay", [-0.1, 1.1, np.nan])
def test_decay_lies_between_zero_and_one(decay: float) -> None:
    with pytest.raises(InvalidEstimator, match=r"decay is .*, must be a number in \[0, 1\]"):
        GPOMDP(decay)
    with pytest.raises(InvalidObjective, match=r"decay is .*, must be a number in \[0, 1\]"):
        exact.decayed_gradient(lively(), decay)
    with pytest.raises(InvalidObjective, match=r"decay is 1, must be below 1 under AverageReward"):
        exact.decayed_gradient(lively(pgv.AverageReward()), 1.0)


def test_a_base_that_is_no_plain_sum_is_refused() -> None:
    with pytest.raises(InvalidEstimator, match="base is NStepAdvantage"):
        exact.moments(RewardBaseline(0.5, pgv.estimators.NStepAdvantage(1)), lively())
    with pytest.raises(InvalidEstimator, match="value is nan, must be a finite number"):
        RewardBaseline(np.nan)
