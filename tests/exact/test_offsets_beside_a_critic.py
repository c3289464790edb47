"""A reward m added to every step loses no digit beside V or Q either where another policy acts, caps ratios, or is cut.

As in test_offsets.py rewards are multiples of 2⁻²⁰ and all episodes of one length, so that V_t grows by λ_t with
m + γ λ_{t+1} − λ_t = 0: δ_t = r_t + γ V_{t+1} − V_t is the same number, at a cut as well, and importance weights
multiply nothing else. By Σ_a π ψ = 0 so is Σ_a π ψ Q, in which λ_t is the same for all actions.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import pgverify as pgv
from pgverify import exact

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
GRID = 2.0**-20
OFFSETS = (1e4, 1e8)
CLOSE = 1e-9

BESIDE_V = {
    "one step": pgv.estimators.GeneralizedAdvantage(0.0),
    "some": pgv.estimators.GeneralizedAdvantage(0.6, discount_weighting=False),
    "to the end": pgv.estimators.GeneralizedAdvantage(1.0),
    "two steps": pgv.estimators.NStepAdvantage(2),
    "v-trace": pgv.estimators.VTrace(),
    "v-trace, caps apart": pgv.estimators.VTrace(ratio_cap=1.5, trace_cap=1.2, trace_decay=0.7),
    "all actions": pgv.estimators.AllActions(),
}


def problem(objective: object, offset: float, noise: float = 0.0) -> tuple[pgv.Problem, pgv.SoftmaxPolicy]:
    """Return a problem of three states, and another policy."""
    rng = np.random.default_rng(11)
    transition = rng.dirichlet(np.ones(3), (3, 2))
    reward = np.round(rng.uniform(-2, 2, (3, 2, 3)) / GRID) * GRID + offset
    mdp = pgv.TabularMDP(rng.dirichlet(np.ones(3)), transition, reward, reward_noise=np.full((3, 2, 3), noise))
    own, other = (pgv.SoftmaxPolicy(rng.normal(size=(3, 2))) for _ in range(2))
    return pgv.Problem(mdp, own, objective), other


def apart(estimator: object, objective: object, offset: float, noise: float, acting: bool, cut: int | None) -> float:
    """Return by how much mean and covariance change, relative to the largest entry of each."""
    given, other = problem(objective, 0.0, noise)
    plain = exact.moments(estimator, given, max_steps=cut, acting=other if acting else None)
    given, other = problem(objective, offset, noise)
    lifted = exact.moments(estimator, given, max_steps=cut, acting=other if acting else None)
    pairs = ((lifted.mean, plain.mean), (lifted.covariance, plain.covariance))
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("estimator", BESIDE_V)
def test_moments_do_not_change(estimator: str, offset: float) -> None:
    finite = pgv.FiniteHorizon(4, 0.9)
    for acting, cut, noise in ((True, None, 0.0), (True, 3, 0.5), (False, None, 0.5), (False, 2, 0.0)):
        assert apart(BESIDE_V[estimator], finite, offset, noise, acting, cut) <= CLOSE
    for acting in (True, False):
        assert apart(BESIDE_V[estimator], pgv.Discounted(0.8), offset, 0.0, acting, 3) <= CLOSE


def test_a_critic_that_does_not_grow_shows_the_offset() -> None:
    """Negative control: beside the V of other rewards, δ grows by m, and its covariance by m²."""
    given, _ = problem(pgv.FiniteHorizon(4, 0.9), 0.0)
    fixed = pgv.estimators.GeneralizedAdvantage(0.6, pgv.baselines.TimeStateValue(exact.values(given).state))
    for acting in (True, False):
        assert apart(fixed, pgv.FiniteHorizon(4, 0.9), 1e4, 0.0, acting, None) > 1e3


@pytest.mark.parametrize("acting", [False, True])
def test_all_actions_of_drawn_batches_have_all_digits(acting: bool) -> None:
    rows = []
    for offset in (0.0, 1e8):
        given, other = problem(pgv.FiniteHorizon(4, 0.9), offset)
        batch = pgv.sample(given, 50, seed=2, acting=other if acting else None)
        rows.append(pgv.estimators.AllActions()(batch))
    np.testing.assert_allclose(rows[1], rows[0], rtol=0, atol=CLOSE * np.abs(rows[0]).max())


def test_advantages_of_given_action_values_are_what_is_left_of_them() -> None:
    given, _ = problem(pgv.FiniteHorizon(4, 0.9), 0.0)
    known = exact.rollout(given)
    np.testing.assert_allclose(replace(known, advantage_table=None).advantages, known.advantages, atol=1e-14)


def test_the_limit_of_gpomdp_does_not_change() -> None:
    """Under the average reward r − ρ is the same number, to the last digit of r alone."""
    plain, _ = problem(pgv.AverageReward(), 0.0)
    lifted, _ = problem(pgv.AverageReward(), 1e8)
    found, expected = exact.decayed_gradient(lifted, 0.7), exact.decayed_gradient(plain, 0.7)
    np.testing.assert_allclose(found, expected, rtol=0, atol=CLOSE * np.abs(expected).max())


def test_a_variance_report_holds_numbers_of_any_size() -> None:
    """Without a baseline 10²⁰ trajectories and more are needed, which no column of 64 bits holds; about V as ever."""
    tables = [pgv.variance_report(problem(pgv.FiniteHorizon(2), offset)[0]).table for offset in (0.0, 1e8)]
    plain, lifted = (table.set_index("estimator") for table in tables)
    assert lifted["trajectories"]["reward-to-go"] > 2**63
    about = [name for name in plain.index if name.endswith(("− V", "− b*", "critic V"))]
    assert len(about) >= 3
    for name in about:
        assert abs(lifted["trace"][name] / plain["trace"][name] - 1.0) <= CLOSE
        assert lifted["trajectories"][name] == plain["trajectories"][name]
