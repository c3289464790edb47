"""A reward m added to every step changes what it must, and nothing else loses a digit, at m = 1e4 and 1e8.

Rewards are multiples of 2⁻²⁰ below 4, so that r + m is exact: 1e8 < 2²⁷ and 27 + 20 bits fit into 53. All episodes of a
problem are of one length H. The sum of discounted rewards from step t on then grows by λ_t = m Σ_{k<H−t} γ^k, whatever
was done, and so does its mean V_t. Hence, by E[ψ] = 0 and by cancellation of λ_t:

    ∇J, ∇²J, F⁻¹∇J, A, and moments about V or b*, do not change;    b* grows by λ_t;    J by λ_0, V_t and Q_t by λ_t.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from slow_cases import slow_but

import pgverify as pgv
from pgverify import exact
from pgverify.exact.routes import gradient_by_complex_step, gradient_by_enumeration, gradient_by_value_derivative

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
OFFSETS = slow_but((1e4, 1e8), [1e8])
GRID = 2.0**-20
CLOSE, ROUNDED = 1e-9, 1e-6


def tables(seed: int, states: int = 3, actions: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(np.ones(states), (states, actions))
    reward = np.round(rng.uniform(-2, 2, (states, actions, states)) / GRID) * GRID
    return rng.dirichlet(np.ones(states)), transition, reward, rng.normal(size=(states, actions))


def endless(seed: int, objective: object, offset: float) -> pgv.Problem:
    start, transition, reward, logits = tables(seed)
    return pgv.Problem(pgv.TabularMDP(start, transition, reward + offset), pgv.SoftmaxPolicy(logits), objective)


def layered(seed: int, objective: object, offset: float) -> pgv.Problem:
    """Three layers of two states and an end: every episode takes three steps, though the horizon allows more."""
    rng = np.random.default_rng(seed)
    transition = np.zeros((7, 2, 7))
    for layer in range(2):
        for state in (2 * layer, 2 * layer + 1):
            transition[state, :, 2 * layer + 2 : 2 * layer + 4] = rng.dirichlet(np.ones(2), 2)
    transition[4:, :, 6] = 1.0
    reward = np.round(rng.uniform(-2, 2, (7, 2, 7)) / GRID) * GRID + offset
    reward[6] = 0.0
    start = np.array([0.4, 0.6, 0, 0, 0, 0, 0])
    mdp = pgv.TabularMDP(start, transition, reward, terminal=np.arange(7) == 6)
    return pgv.Problem(mdp, pgv.SoftmaxPolicy(rng.normal(size=(7, 2))), objective)


Make = Callable[[float], pgv.Problem]
FINITE: dict[str, Make] = {
    "finite": lambda m: endless(1, pgv.FiniteHorizon(4), m),
    "finite-discounted": lambda m: endless(2, pgv.FiniteHorizon(5, 0.9), m),
    "one-step": lambda m: endless(3, pgv.FiniteHorizon(1), m),
    "layered": lambda m: layered(4, pgv.FiniteHorizon(6, 0.9), m),
    "layered-to-the-end": lambda m: layered(5, pgv.FiniteHorizon(3), m),
}
PROBLEMS: dict[str, Make] = FINITE | {
    "discounted": lambda m: endless(6, pgv.Discounted(0.9), m),
    "discounted-layered": lambda m: layered(7, pgv.Discounted(0.8), m),
    "average": lambda m: endless(8, pgv.AverageReward(), m),
}
CUT: dict[str, tuple[Make, int]] = {
    "finite": (lambda m: endless(9, pgv.FiniteHorizon(6, 0.9), m), 3),
    "discounted": (lambda m: endless(10, pgv.Discounted(0.9), m), 4),
    "average": (lambda m: endless(11, pgv.AverageReward(), m), 4),
}


def close(found: object, expected: object, tolerance: float = CLOSE) -> None:
    a, b = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1e-3, float(np.abs(b).max(initial=0.0))))


def sums(problem: pgv.Problem, steps: np.ndarray) -> np.ndarray:
    """Σ_{k<n} γ^k."""
    gamma = getattr(problem.objective, "discount", 1.0)
    return np.array([sum(gamma**k for k in range(int(n))) for n in steps])


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_gradients_hessians_and_advantages_do_not_change(name: str, offset: float) -> None:
    # J grows by a number that does not depend on θ, Q and V by the same.
    plain, lifted = PROBLEMS[name](0.0), PROBLEMS[name](offset)
    close(exact.gradient(lifted), exact.gradient(plain))
    close(exact.hessian(lifted), exact.hessian(plain))
    close(exact.natural_gradient(lifted), exact.natural_gradient(plain))
    close(gradient_by_complex_step(lifted), exact.gradient(plain))
    close(gradient_by_value_derivative(lifted), exact.gradient(plain))
    assert np.array_equal(exact.occupancy(lifted), exact.occupancy(plain))
    assert np.array_equal(exact.fisher(lifted), exact.fisher(plain))
    visited = exact.occupancy(plain) > 0
    close(exact.values(lifted).advantage[visited], exact.values(plain).advantage[visited])


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("name", FINITE)
def test_the_gradient_by_enumeration_does_not_change(name: str, offset: float) -> None:
    close(gradient_by_enumeration(FINITE[name](offset)), exact.gradient(FINITE[name](0.0)))


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_returns_and_values_grow_by_what_every_step_pays(name: str, offset: float) -> None:
    # By m itself under the average reward, whose values are relative; by m Σ γ^k over the steps to come otherwise.
    plain, lifted = PROBLEMS[name](0.0), PROBLEMS[name](offset)
    before, after = exact.values(plain), exact.values(lifted)
    start = plain.mdp.start > 0
    exactly = 4 * np.finfo(float).eps
    if name == "average":
        close(exact.expected_return(lifted), exact.expected_return(plain) + offset, exactly)
        close(after.state, before.state)
        close(after.action, before.action)
        return
    if isinstance(plain.objective, pgv.FiniteHorizon):
        length = 3 if "layered" in name else plain.objective.horizon
        more = offset * sums(plain, np.array([length]))[0]
        state = (before.state[0], after.state[0], before.action[0], after.action[0])
    else:
        more = offset * (sums(plain, np.array([3]))[0] if "layered" in name else 1 / (1 - plain.objective.discount))
        state = (before.state, after.state, before.action, after.action)
    close(exact.expected_return(lifted), exact.expected_return(plain) + more, exactly)
    close(state[1][start], state[0][start] + more, exactly)
    close(state[3][start], state[2][start] + more, exactly)
    slope = exact.probability_gradient(lifted) - exact.probability_gradient(plain)
    ours = plain.policy.probabilities()
    # ∂J/∂π grows alike for all actions of a state, up to the last digit of Q: no policy gains by it.
    apart = np.abs(slope - (ours * slope).sum(axis=1, keepdims=True))
    assert apart.max() <= 100 * np.finfo(float).eps * max(abs(offset), float(np.abs(slope).max()))


ABOUT_V = {
    "to-go": pgv.estimators.RewardToGo(baseline=pgv.baselines.StateValue()),
    "advantage": pgv.estimators.GeneralizedAdvantage(0.7),
    "advantage-to-the-end": pgv.estimators.GeneralizedAdvantage(1.0),
    "two-steps": pgv.estimators.NStepAdvantage(2),
}


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("estimator", ABOUT_V)
@pytest.mark.parametrize("name", FINITE)
def test_moments_and_shares_about_v_do_not_change(name: str, estimator: str, offset: float) -> None:
    # G_t − V_t(s_t) and δ_t are the same numbers: λ_t cancels in the one, m + γ λ_{t+1} − λ_t = 0 in the other.
    plain, lifted, chosen = FINITE[name](0.0), FINITE[name](offset), ABOUT_V[estimator]
    before, after = exact.moments(chosen, plain), exact.moments(chosen, lifted)
    close(after.mean, before.mean)
    close(after.covariance, before.covariance)
    close(exact.moments(chosen, lifted, "trace").trace, before.trace)
    close(exact.batch_moments(chosen, lifted, 5).covariance, before.covariance / 5)
    close(exact.variance_shares(chosen, lifted)["trace"], exact.variance_shares(chosen, plain)["trace"])


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("estimator", ["advantage", "advantage-to-the-end", "two-steps"])
@pytest.mark.parametrize("name", CUT)
def test_moments_of_cut_episodes_about_v_do_not_change(name: str, estimator: str, offset: float) -> None:
    # δ_t bootstraps at the cut, too; under the average reward all rewards are relative to ρ, which grows by m.
    make, steps = CUT[name]
    before = exact.moments(ABOUT_V[estimator], make(0.0), max_steps=steps)
    after = exact.moments(ABOUT_V[estimator], make(offset), max_steps=steps)
    close(after.mean, before.mean)
    close(after.covariance, before.covariance)


BARE = {
    "total": pgv.estimators.TotalReturn(),
    "to-go": pgv.estimators.RewardToGo(),
    "weightless": pgv.estimators.RewardToGo(discount_weighting=False),
}


@pytest.mark.parametrize("offset", [*OFFSETS, -1e8])
@pytest.mark.parametrize("estimator", BARE)
@pytest.mark.parametrize("name", FINITE)
def test_means_do_not_change_and_best_baselines_follow(name: str, estimator: str, offset: float) -> None:
    # E[ψ λ] = 0 leaves the mean alone. b* = N/D grows by λ_t, or λ_0 where the whole return stands beside every score;
    # what is left of the variance is the same.
    plain, lifted, chosen = FINITE[name](0.0), FINITE[name](offset), BARE[estimator]
    close(exact.moments(chosen, lifted).mean, exact.moments(chosen, plain).mean)
    close(exact.moments(chosen, lifted, "diagonal").mean, exact.moments(chosen, plain).mean)
    before, after = exact.optimal_baseline(chosen, plain), exact.optimal_baseline(chosen, lifted)
    for kept in ("values", "textbook", "by_coordinate"):
        close(after.trace[kept], before.trace[kept])
    if estimator == "total":
        close(after.trace["constant"], before.trace["constant"])
        close(after.trace["by_state"], before.trace["by_state"])
    length = 3 if "layered" in name else plain.objective.horizon
    rows = np.arange(plain.objective.horizon)
    due = offset * sums(plain, np.maximum(length - (0 * rows if estimator == "total" else rows), 0))
    used = before.values != 0
    close(after.values[used], (before.values + due[:, None])[used], 4 * np.finfo(float).eps)
    for part in ("future", "past"):
        close(getattr(after, part), getattr(before, part))
    # The best baseline given as one: its own last digits are lost, but beside b* the variance is flat.
    best = replace(chosen, baseline=pgv.baselines.TimeStateValue(after.values))
    close(exact.moments(best, lifted).trace, before.trace["values"])


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("estimator", BARE)
@pytest.mark.parametrize("name", ["finite", "layered"])
def test_without_a_baseline_the_variance_grows_by_the_parabola(name: str, estimator: str, offset: float) -> None:
    # g grows by Σ λ φ, and E[φ·φ'] = 0 for two different cells: tr Cov grows by Σ λ (λ D + 2 N), with N = b* D of the
    # plain problem, and Σ_s D_t = E|c_t ψ_t|² by listing.
    plain, lifted, chosen = FINITE[name](0.0), FINITE[name](offset), BARE[estimator]
    batch, chance = exact.enumerate_trajectories(plain)
    score = plain.policy.score()
    length = 3 if "layered" in name else plain.objective.horizon
    gamma = plain.objective.discount
    base = exact.optimal_baseline(chosen, plain)
    grown = 0.0
    for t in range(length):
        factor = gamma**t if estimator == "to-go" else 1.0
        steps = length if estimator == "total" else length - t
        due = offset * sums(plain, np.array([steps]))[0]
        square = factor**2 * (score[batch.states[:, t], batch.actions[:, t]] ** 2).sum(axis=1)
        best = base.values[t][batch.states[:, t]]
        grown += float((chance * square * due * (due + 2 * best)).sum())
    expected = base.trace["none"] + grown
    close(exact.optimal_baseline(chosen, lifted).trace["none"], expected)
    close(exact.moments(chosen, lifted).trace, expected)
    # All of it is in the actions: what the start, transitions and noise contribute does not change.
    before, after = (exact.variance_shares(chosen, p) for p in (plain, lifted))
    kept = before.source != "action"
    close(after.trace[kept], before.trace[kept])
    close(after.trace.sum(), expected)


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("name", FINITE)
def test_leave_one_out_does_not_change(name: str, offset: float) -> None:
    # R_i − mean of R_j: both grow by λ_0. In groups alike.
    for leave_one_out in (True, False):
        chosen = pgv.estimators.TotalReturn(baseline=pgv.baselines.AverageReturn(leave_one_out))
        for group in (None, 3):
            before = exact.batch_moments(chosen, FINITE[name](0.0), 6, group_size=group)
            after = exact.batch_moments(chosen, FINITE[name](offset), 6, group_size=group)
            close(after.mean, before.mean)
            close(after.covariance, before.covariance)
    one = pgv.estimators.RewardToGo(baseline=pgv.baselines.AverageReturn(True))
    before, after = (exact.batch_moments(one, FINITE["one-step"](m), 4) for m in (0.0, offset))
    close(after.covariance, before.covariance)


@pytest.mark.parametrize("name", FINITE)
def test_rewards_that_are_rounded_keep_what_they_have(name: str) -> None:
    # m + r is rounded to 1.5e-8 here: the answers are those of other rewards, and differ by as much.
    plain, lifted = FINITE[name](1 / 3), FINITE[name](1e8 + 1 / 3)
    close(exact.gradient(lifted), exact.gradient(plain), ROUNDED)
    chosen = ABOUT_V["to-go"]
    close(exact.moments(chosen, lifted).covariance, exact.moments(chosen, plain).covariance, ROUNDED)


def test_where_lengths_differ_the_offset_is_part_of_the_problem() -> None:
    # One state that ends with chance 1/2 at either action, two steps at most: J = m (1 + 1/2) + what the actions pay,
    # and an action that ends less often is worth m more for it.
    def problem(m: float) -> pgv.Problem:
        transition = np.zeros((2, 2, 2))
        transition[0] = [[0.5, 0.5], [0.25, 0.75]]
        transition[1, :, 1] = 1.0
        reward = np.zeros((2, 2, 2))
        reward[0] = m
        mdp = pgv.TabularMDP(np.array([1.0, 0.0]), transition, reward, terminal=np.array([False, True]))
        return pgv.Problem(mdp, pgv.SoftmaxPolicy(np.zeros((2, 2))), pgv.FiniteHorizon(2))

    # J = m (1 + p), p = (1/2 + 1/4)/2, and ∂p/∂θ_a = π_a (p_a − p) = ±1/2 · 1/8.
    close(exact.expected_return(problem(1e8)), 1e8 * (1 + 3 / 8))
    close(exact.gradient(problem(1e8))[:2], 1e8 * np.array([1, -1]) / 16)
