"""Sampled against exact: contributions drawn by the sampler have the mean and the covariance that are computed.

A χ²-style test. Fixed directions q_1..q_K and the norm turn a contribution x into K + 1 numbers whose expectations the
exact moments give: (q·(x − μ))² → qᵀΣq, |x − μ|² → tr Σ; and K more, q·x → q·μ. Blocks of trajectories are averaged; B
independent block means, normal to good approximation, enter Hotelling's T² = B δᵀ S⁻¹ δ ~ p(B−1)/(B−p) F(p, B−p).

False-fail rate: 1e-9 a comparison, fewer than ten comparisons a test: 1e-8 a test. Seeds are fixed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import f as f_law

from pgverify import (
    AverageReward,
    Discounted,
    FiniteHorizon,
    Problem,
    SoftmaxPolicy,
    TabularMDP,
    Trajectories,
    exact,
    sample,
)
from pgverify.baselines import AverageReturn, Constant, StateValue, TimeStateValue
from pgverify.estimators import Estimator, GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn
from pgverify.exact import EstimatorMoments

pytestmark = [pytest.mark.statistical, pytest.mark.usefixtures("unchecked_shapes")]

FALSE_FAIL = 1e-9
TRAJECTORIES = 200_000
MORE = 500_000
"""For random horizons, whose contributions have heavy tails: the fewest that show 5 % in the negative control."""
BLOCKS = 400
DIRECTIONS = 4


def discrepancy(rows: np.ndarray, claimed: EstimatorMoments) -> float:
    """Return T² over its critical value: above 1 the claimed moments are refused."""
    rng = np.random.default_rng(99)
    spread = np.sqrt(np.diag(claimed.covariance))
    directions = rng.normal(size=(DIRECTIONS, rows.shape[1])) / np.where(spread > 0, spread, 1.0)
    centred = rows - claimed.mean
    along = centred @ directions.T
    observed = np.column_stack([along**2, (centred**2).sum(axis=1), along])
    expected = np.concatenate(
        [np.einsum("kd,de,ke->k", directions, claimed.covariance, directions), [claimed.trace], np.zeros(DIRECTIONS)]
    )
    means = observed.reshape(BLOCKS, -1, observed.shape[1]).mean(axis=1) - expected
    size = means.shape[1]
    delta = means.mean(axis=0)
    statistic = BLOCKS * delta @ np.linalg.solve(np.cov(means.T), delta)
    critical = size * (BLOCKS - 1) / (BLOCKS - size) * f_law.isf(FALSE_FAIL, size, BLOCKS - size)
    return float(statistic / critical)


def mdp(ending: bool, noisy: bool) -> TabularMDP:
    rng = np.random.default_rng(21)
    transition, reward = rng.dirichlet(np.ones(4), (4, 3)), rng.normal(size=(4, 3, 4))
    terminal = np.array([False, False, False, ending])
    if ending:
        transition[3] = [0.0, 0.0, 0.0, 1.0]
        reward[3] = 0.0
    return TabularMDP([0.4, 0.3, 0.3, 0.0], transition, reward, terminal, 0.7 if noisy else None)


def cases() -> dict[str, tuple[Problem, int | None]]:
    policy = SoftmaxPolicy(np.random.default_rng(22).normal(size=(4, 3)))
    return {
        "finite": (Problem(mdp(True, False), policy, FiniteHorizon(5, 0.8)), None),
        "finite, noisy": (Problem(mdp(False, True), policy, FiniteHorizon(4, 0.7)), None),
        "random horizon": (Problem(mdp(False, True), policy, Discounted(0.5)), None),
        "random horizon, ending": (Problem(mdp(True, False), policy, Discounted(0.6)), None),
        "cut": (Problem(mdp(True, True), policy, Discounted(0.8)), 4),
        "average": (Problem(mdp(False, True), policy, AverageReward()), 4),
    }


def drawn(case: str, seed: int) -> Trajectories:
    problem, steps = cases()[case]
    return sample(problem, MORE if "random" in case else TRAJECTORIES, seed, steps)


def estimators(bounded: bool) -> tuple[Estimator, ...]:
    rng = np.random.default_rng(23)
    by_state = StateValue(rng.normal(size=4))
    found: tuple[Estimator, ...] = (
        TotalReturn(),
        TotalReturn(by_state),
        RewardToGo(),
        RewardToGo(StateValue(), discount_weighting=False),
        GeneralizedAdvantage(0.7),
        GeneralizedAdvantage(0.4, by_state),
        NStepAdvantage(2, by_state),
    )
    return (*found, RewardToGo(TimeStateValue(rng.normal(size=(6, 4))))) if bounded else found


CASES = [case if case == "finite, noisy" else pytest.param(case, marks=pytest.mark.slow) for case in cases()]
"""One by default, the others by `make test-all`."""


@pytest.mark.parametrize("case", CASES)
def test_the_sampled_covariance_is_the_exact_one(case: str) -> None:
    """With negative controls: off by 5 % in either direction, or a mean off by a twentieth of a standard deviation."""
    problem, steps = cases()[case]
    batch = drawn(case, seed=17)
    for number, estimator in enumerate(estimators(case == "finite")):
        exactly, rows = exact.moments(estimator, problem, max_steps=steps), estimator(batch)
        found = discrepancy(rows, exactly)
        assert found <= 1.0, f"{estimator}: T² is {found:.2f} times its critical value"
        if number % 2 == 0:  # total return, reward-to-go, GAE
            for factor in (0.95, 1.05):
                off = replace(exactly, covariance=factor * exactly.covariance, trace=factor * exactly.trace)
                assert discrepancy(rows, off) > 1.0
            assert discrepancy(rows, replace(exactly, mean=exactly.mean + 0.05 * np.sqrt(exactly.variance))) > 1.0


@pytest.mark.parametrize(
    "case",
    [pytest.param("finite, noisy", marks=pytest.mark.slow), "finite", pytest.param("cut", marks=pytest.mark.slow)],
)
def test_a_dropped_discount_is_noticed(case: str) -> None:
    """Negative control: samples of an estimator without γ^t against the moments of the one with it, and the reverse."""
    problem, steps = cases()[case]
    batch = drawn(case, seed=18)
    for kind in (
        TotalReturn,
        RewardToGo,
        lambda discount_weighting: GeneralizedAdvantage(0.7, StateValue(), discount_weighting),
    ):
        kept, dropped = kind(discount_weighting=True), kind(discount_weighting=False)
        assert discrepancy(dropped(batch), exact.moments(kept, problem, max_steps=steps)) > 1.0
        assert discrepancy(kept(batch), exact.moments(dropped, problem, max_steps=steps)) > 1.0


@pytest.mark.parametrize("leave_one_out", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_batches_with_a_mean_return_as_baseline(leave_one_out: bool) -> None:
    """40,000 batches of five: estimates, not rows, have the moments of `batch_moments`."""
    size = 5
    problem, steps = cases()["cut"]
    batch = drawn("cut", seed=19)
    returns = (batch.relative_rewards @ batch.discount_powers).reshape(-1, size)
    means = returns.mean(axis=1, keepdims=True)
    mean = (size * means - returns) / (size - 1) if leave_one_out else np.broadcast_to(means, returns.shape)
    for kind in (TotalReturn, RewardToGo):
        # The estimator for one constant baseline is linear in it: rows(b) = rows(0) − b · (rows(0) − rows(1)).
        none, one = kind()(batch), kind(Constant(1.0))(batch)
        rows = none - mean.reshape(-1, 1) * (none - one)
        estimates = rows.reshape(-1, size, rows.shape[1]).mean(axis=1)
        claimed = exact.batch_moments(kind(AverageReturn(leave_one_out)), problem, size, max_steps=steps)
        assert discrepancy(estimates, claimed) <= 1.0
        other = exact.batch_moments(kind(AverageReturn(not leave_one_out)), problem, size, max_steps=steps)
        assert discrepancy(estimates, other) > 1.0  # negative control


def test_the_false_fail_rate_of_the_statistic() -> None:
    """On 400 sets of normal rows the statistic at the 5 % level refuses 5 % of them.

    The false-fail rate of this test is below 1e-3, were the rows drawn anew: 20 ± 4.4 refusals are expected.
    """
    rng = np.random.default_rng(24)
    root = rng.normal(size=(5, 5))
    covariance = root @ root.T
    claimed = EstimatorMoments(np.zeros(5), float(np.trace(covariance)), np.diag(covariance), covariance)
    size = 2 * DIRECTIONS + 1
    ratio = f_law.isf(0.05, size, BLOCKS - size) / f_law.isf(FALSE_FAIL, size, BLOCKS - size)
    refused = sum(discrepancy(rng.normal(size=(40 * BLOCKS, 5)) @ root.T, claimed) > ratio for _ in range(400))
    assert 5 <= refused <= 42
