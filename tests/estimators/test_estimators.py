"""Estimators as functions of a batch: weights, rows, padding, order."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest
from random_problems import random_problem
from rollout_batches import batches

from pgverify import (
    Trajectories,
    sample,
)
from pgverify.baselines import AverageReturn, Constant, NoBaseline, StateValue
from pgverify.errors import InvalidEstimator
from pgverify.estimators import (
    Estimator,
    GeneralizedAdvantage,
    NStepAdvantage,
    RewardToGo,
    StandardizedAdvantage,
    StandardizedReturn,
    StepWeighted,
    TotalReturn,
)
from pgverify.estimators.discounted_sum import discounted_sum
from pgverify.trajectories import concatenate

ROW_BY_ROW = (
    TotalReturn(),
    TotalReturn(StateValue()),
    TotalReturn(discount_weighting=False),
    RewardToGo(),
    RewardToGo(Constant(2.0)),
    RewardToGo(StateValue(), discount_weighting=False),
    GeneralizedAdvantage(0.0),
    GeneralizedAdvantage(0.9),
    GeneralizedAdvantage(0.5, Constant(-1.0), discount_weighting=False),
    NStepAdvantage(1),
    NStepAdvantage(3, Constant(-1.0)),
)
"""Estimators whose row depends on its own trajectory alone."""
OF_THE_BATCH = (
    TotalReturn(AverageReturn()),
    RewardToGo(AverageReturn(leave_one_out=True)),
    StandardizedReturn(),
    StandardizedAdvantage(GeneralizedAdvantage(0.9)),
)
ALL = (*ROW_BY_ROW, *OF_THE_BATCH)


BATCHES = batches()
of_every_kind = pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES.keys())


@of_every_kind
def test_weights_by_a_plain_loop(batch: Trajectories) -> None:
    """Each estimator's w_t from its definition, one trajectory and one step at a time."""
    gamma, lam, table = batch.discount, 0.9, batch.values
    for i in range(8):  # every row is alike; the loop is what takes time
        length = int(batch.lengths[i])
        alone = batch.select(slice(i, i + 1))
        r = [batch.rewards[i, t] - batch.gain for t in range(length)]
        total = sum(gamma**t * r[t] for t in range(length))
        delta = [r[t] + gamma * table[i, t + 1] - table[i, t] for t in range(length)]
        for t in range(length):
            to_go = sum(gamma ** (k - t) * r[k] for k in range(t, length))
            end = min(t + 2, length)
            two = sum(gamma ** (k - t) * r[k] for k in range(t, end)) + gamma ** (end - t) * table[i, end] - table[i, t]
            trace = sum((gamma * lam) ** (k - t) * delta[k] for k in range(t, length))
            for estimator, weight in (
                (TotalReturn(), total),
                (TotalReturn(StateValue()), total - table[i, t]),
                (TotalReturn(discount_weighting=False), sum(r)),
                (RewardToGo(), gamma**t * to_go),
                (RewardToGo(Constant(2.0)), gamma**t * (to_go - 2.0)),
                (RewardToGo(StateValue(), discount_weighting=False), to_go - table[i, t]),
                (GeneralizedAdvantage(lam), gamma**t * trace),
                (NStepAdvantage(2), gamma**t * two),
            ):
                found = estimator.weights(alone)[0, t]
                assert found == pytest.approx(batch.step_scale * weight, rel=1e-12, abs=1e-13)


@of_every_kind
@pytest.mark.parametrize("estimator", ALL, ids=repr)
def test_a_contribution_is_the_weighted_score(estimator: Any, batch: Trajectories) -> None:
    rows = estimator(batch)
    assert rows.shape == (len(batch), batch.policy.parameters.size)
    assert np.array_equal(rows, batch.score_weighted(estimator.weights(batch)))
    assert np.abs(rows).max() > 0.0
    assert isinstance(estimator, Estimator)
    assert isinstance(estimator, StepWeighted)


@of_every_kind
@pytest.mark.parametrize("estimator", ALL, ids=repr)
def test_padding_does_not_matter(estimator: Any, batch: Trajectories) -> None:
    """Three more columns, joined on as `concatenate` does: the same contributions, to the last bit but rounding."""
    extra = 3
    wide = replace(
        batch,
        states=np.pad(batch.states, ((0, 0), (0, extra)), mode="edge"),
        actions=np.pad(batch.actions, ((0, 0), (0, extra)), constant_values=1),
        rewards=np.pad(batch.rewards, ((0, 0), (0, extra)), constant_values=99.0),
        log_probs=np.pad(batch.log_probs, ((0, 0), (0, extra))),
    )
    assert estimator(wide) == pytest.approx(estimator(batch), rel=1e-12, abs=1e-14)


@of_every_kind
@pytest.mark.parametrize("estimator", ALL, ids=repr)
def test_the_order_of_trajectories_is_the_order_of_rows(estimator: Any, batch: Trajectories) -> None:
    order = np.random.default_rng(0).permutation(len(batch))
    assert estimator(batch.select(order)) == pytest.approx(estimator(batch)[order], rel=1e-12, abs=1e-14)


@of_every_kind
@pytest.mark.parametrize("estimator", ROW_BY_ROW, ids=repr)
def test_a_row_depends_on_its_own_trajectory_alone(estimator: Any, batch: Trajectories) -> None:
    parts = [batch.select(slice(0, 7)), batch.select(slice(7, None))]
    rows = np.concatenate([estimator(part) for part in parts])
    assert rows == pytest.approx(estimator(batch), rel=1e-12, abs=1e-14)
    assert estimator(concatenate(parts)) == pytest.approx(rows, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("estimator", OF_THE_BATCH, ids=repr)
def test_a_batch_statistic_does_depend_on_the_others(estimator: Any) -> None:
    """Negative control of the test above."""
    batch = BATCHES["finite"]
    part = batch.select(slice(0, 7))
    assert np.abs(estimator(part) - estimator(batch)[:7]).max() > 1e-3


def test_leaving_one_out_needs_two() -> None:
    """(R_j summed over the others)/(n−1), by a plain loop; one trajectory has no others."""
    batch = BATCHES["finite"].select(slice(0, 3))
    returns = [sum(0.9**t * r for t, r in enumerate(row)) for row in batch.rewards]
    found = AverageReturn(leave_one_out=True).evaluate(batch)[:, 0]
    for i in range(3):
        if batch.lengths[i] > 0:
            assert found[i] == pytest.approx(sum(returns[j] for j in range(3) if j != i) / 2)
    with pytest.raises(InvalidEstimator, match="batch has 1 trajectory, must have at least 2 to leave one out"):
        AverageReturn(leave_one_out=True).evaluate(batch.select(slice(0, 1)))


@of_every_kind
def test_standardised_weights_have_mean_zero_and_variance_one(batch: Trajectories) -> None:
    """Over trajectories for returns, over real steps for advantages; and (R + c)·k standardises to the same."""
    returns = batch.relative_rewards @ batch.discount_powers
    expected = (returns - returns.mean()) / returns.std()
    found = StandardizedReturn(0.0).weights(batch) / batch.step_scale
    assert found == pytest.approx(np.where(batch.mask, expected[:, None], 0.0), rel=1e-11, abs=1e-12)
    weights = StandardizedAdvantage(RewardToGo(), 0.0).weights(batch) / batch.step_scale
    real = weights[batch.mask]
    assert real.mean() == pytest.approx(0.0, abs=1e-13)
    assert real.std() == pytest.approx(1.0, rel=1e-13)
    assert not weights[~batch.mask].any()
    tripled = replace(batch, rewards=3.0 * batch.rewards, rollout=replace(batch.rollout, gain=3.0 * batch.gain))
    found = StandardizedAdvantage(RewardToGo(), 0.0).weights(tripled) / batch.step_scale
    assert found == pytest.approx(weights, rel=1e-11, abs=1e-12)


def test_what_does_not_vary_standardises_to_zero() -> None:
    batch = BATCHES["finite"]
    still = replace(batch, rewards=np.zeros_like(batch.rewards))
    for estimator in (StandardizedReturn(0.0), StandardizedAdvantage(RewardToGo(), 0.0), StandardizedReturn()):
        assert not estimator(still).any()


def test_lambda_one_is_reward_to_go_with_the_critic_as_baseline() -> None:
    """Σ_k γ^{k−t} δ_k = G_t − V(s_t) where the episode terminates."""
    for kind in ("finite", "random horizon"):
        batch = BATCHES[kind]
        for critic in (StateValue(), Constant(3.0), NoBaseline()):
            advantage = GeneralizedAdvantage(1.0, critic).weights(batch)
            expected = RewardToGo(critic).weights(batch)
            assert advantage[batch.mask] == pytest.approx(expected[batch.mask], rel=1e-12, abs=1e-12)


def test_discounted_sum_by_hand() -> None:
    """(1, 2, 4) with κ = ½: 4, then 2 + 2 = 4, then 1 + 2 = 3; κ = 0 leaves the terms."""
    steps = np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 8.0]])
    assert discounted_sum(steps, 0.5).tolist() == [[3.0, 4.0, 4.0], [2.0, 4.0, 8.0]]
    assert np.array_equal(discounted_sum(steps, 0.0), steps)
    assert discounted_sum(np.zeros((2, 0)), 0.5).shape == (2, 0)


def test_estimators_are_frozen_and_compare_by_value() -> None:
    assert RewardToGo() == RewardToGo(NoBaseline(), True)
    assert RewardToGo(Constant(1.0)) != RewardToGo(Constant(2.0))
    with pytest.raises(FrozenInstanceError):
        RewardToGo().discount_weighting = False  # type: ignore[misc]


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("trace_decay", [-0.1, 1.1, np.nan, "0.9", None])
def test_lambda_lies_between_zero_and_one(trace_decay: Any) -> None:
    with pytest.raises(InvalidEstimator, match=r"trace_decay is .*, must be a number in \[0, 1\]"):
        GeneralizedAdvantage(trace_decay)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("steps", [0, -1, 1.5, None])
def test_n_is_a_positive_integer(steps: Any) -> None:
    with pytest.raises(InvalidEstimator, match=r"steps is .*, must be an integer of at least 1"):
        NStepAdvantage(steps)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("kind", [StandardizedReturn, lambda e: StandardizedAdvantage(epsilon=e)])
def test_epsilon_is_not_negative(kind: Any) -> None:
    for epsilon in (-1e-8, np.nan, "0"):
        with pytest.raises(InvalidEstimator, match=r"epsilon is .*, must be a number"):
            kind(epsilon)


def test_extreme_policies_give_finite_rows() -> None:
    """Probabilities down to e^-100 and rewards of several hundred: no estimator returns NaN or infinity."""
    for seed in range(10):
        problem = random_problem(np.random.default_rng(seed), "finite", logit_scales=(40.0,))
        batch = sample(problem, 20, seed)
        for estimator in ALL:
            assert np.isfinite(estimator(batch)).all()
