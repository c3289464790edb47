"""Reports without a model: the same numbers as with one, intervals that cover, and no claim that they do not bear."""

from __future__ import annotations

import numpy as np
import pytest
from listed import listed, small_chain

import pgverify as pgv
from pgverify.errors import InvalidData, InvalidEstimator, InvalidPolicy
from pgverify.estimators import GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn
from pgverify.variance import from_batches, stored_rollouts
from pgverify.variance.stored_noise import signal_of, trace_of_square

PROBLEM = small_chain()
BATCH = pgv.sample(PROBLEM, 3_000, seed=5)


def scores(batch: pgv.Trajectories) -> np.ndarray:
    return PROBLEM.policy.score()[batch.states[:, :-1], batch.actions]


def stored(batch: pgv.Trajectories, **changes: object) -> pgv.Trajectories:
    given = {
        "lengths": batch.lengths, "terminated": batch.terminated, "discount": batch.discount, "values": batch.values
    } | changes  # fmt: skip
    return stored_rollouts(scores(batch), batch.rewards, **given)


@pytest.fixture(scope="module")
def report() -> pgv.VarianceReport:
    return pgv.VarianceReport.from_batches(stored(BATCH))


@pytest.mark.parametrize(
    "estimator",
    [TotalReturn(), RewardToGo(), RewardToGo(pgv.baselines.StateValue()), GeneralizedAdvantage(0.7), NStepAdvantage(2)],
)
def test_estimators_see_in_stored_arrays_what_they_see_in_trajectories(estimator: pgv.estimators.Estimator) -> None:
    for batch in (BATCH, pgv.sample(PROBLEM, 50, seed=1, max_steps=2)):  # ended, and cut
        assert estimator(stored(batch)) == pytest.approx(estimator(batch), rel=1e-12, abs=1e-13)
        some = stored(batch).select([3, 1])
        assert estimator(some) == pytest.approx(estimator(batch.select([3, 1])), rel=1e-12, abs=1e-13)


def test_the_table_is_that_of_the_trajectories(report: pgv.VarianceReport) -> None:
    rows = RewardToGo()(BATCH)
    row = report.table.set_index("estimator").loc["reward-to-go − V"]
    mine = RewardToGo(pgv.baselines.StateValue())(BATCH)
    assert row["trace"] == pytest.approx(mine.var(axis=0, ddof=1).sum(), rel=1e-12)
    assert row["ratio_to_reward_to_go"] == pytest.approx(row["trace"] / rows.var(axis=0, ddof=1).sum(), rel=1e-12)
    # |∇J|² is unbiased: what noise adds to the square of the mean is taken off.
    quietest = min((RewardToGo(), RewardToGo(pgv.baselines.StateValue())), key=lambda e: e(BATCH).var(axis=0).sum())
    seen = quietest(BATCH)
    square = float((seen.mean(axis=0) ** 2).sum() - seen.var(axis=0, ddof=1).sum() / len(seen))
    assert report.facts["gradient_norm"] == pytest.approx(np.sqrt(square), rel=0.05)
    assert report.evidence == "sampled"
    assert report.omitted


@pytest.mark.statistical
def test_intervals_hold_together(unchecked_shapes: None) -> None:
    """40 reports at 90 %: more than 14 that miss anywhere have a chance of 1e-5 (binomial, .1 each); seeds fixed."""
    truth = {
        name: np.trace(listed(estimator, PROBLEM)[1])
        for name, estimator in (("reward-to-go", RewardToGo()), ("total return", TotalReturn()))
    }
    norm = float(np.linalg.norm(pgv.exact.gradient(PROBLEM)))
    missed = 0
    for seed in range(40):
        batch = pgv.sample(PROBLEM, 400, seed=100 + seed)
        estimators = {"reward-to-go": RewardToGo(), "total return": TotalReturn()}
        found = from_batches(batch, estimators, confidence=0.9)
        table, facts = found.table.set_index("estimator"), found.facts
        ratio = truth["total return"] / truth["reward-to-go"]
        missed += not (
            all(table.loc[name, "low"] <= trace <= table.loc[name, "high"] for name, trace in truth.items())
            and table.loc["total return", "ratio_low"] <= ratio <= table.loc["total return", "ratio_high"]
            and facts["gradient_norm_low"] <= norm <= facts["gradient_norm_high"]
        )
    assert missed <= 14


def test_a_saving_is_claimed_with_its_interval_or_not_at_all(report: pgv.VarianceReport) -> None:
    """Without a constant in the rewards nothing can be saved; with one of ten, nearly all of the variance."""
    offset = np.where(BATCH.mask, BATCH.rewards + 10.0, 0.0)
    much = from_batches(stored_rollouts(scores(BATCH), offset, BATCH.lengths, discount=0.8))
    assert "times fewer episodes than reward-to-go, between" in much.recommendation
    row = much.table.set_index("estimator").loc[much.recommendation.split(":")[0]]
    assert row["ratio_high"] < 1.0
    alone = from_batches(stored(BATCH), {"reward-to-go": RewardToGo(), "total return": TotalReturn()})
    assert alone.recommendation.startswith("Reward-to-go: these rollouts do not show")


def test_a_critic_that_may_be_wrong_is_never_recommended(report: pgv.VarianceReport) -> None:
    table = report.table.set_index("estimator")
    one_step = table.loc["one-step actor-critic, critic V"]
    assert one_step["trace"] == table["trace"].min()  # it is the quietest
    assert not report.recommendation.startswith("one-step")
    assert one_step.isna()["trajectories"]
    assert "critic's errors" in one_step["note"]


def test_noise_alone_is_not_taken_for_a_gradient() -> None:
    """Rewards that do not depend on what is done: |∇J| = 0, and its interval says so."""
    rng = np.random.default_rng(2)
    found = from_batches(stored_rollouts(rng.normal(size=(500, 2, 3)), rng.normal(size=(500, 2))))
    assert found.facts["gradient_norm_low"] == 0.0
    assert found.table["trajectories_high"].isna().all()


def test_the_trace_of_a_square_is_the_same_by_rows_and_by_columns() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(50, 7))
    covariance = np.cov(rows.T)
    assert trace_of_square(rows) == pytest.approx((covariance**2).sum(), rel=1e-12)
    wide = rng.normal(size=(7, 50))
    assert trace_of_square(wide) == pytest.approx((np.cov(wide.T) ** 2).sum(), rel=1e-12)


@pytest.mark.statistical
def test_the_square_of_the_gradient_is_unbiased_and_its_error_right() -> None:
    """2,000 means of 30 normal vectors: the mean of the estimates is |m|² within 5 standard errors (6e-7)."""
    rng = np.random.default_rng(4)
    mean = np.array([0.3, -0.2, 0.0])
    found = [signal_of(mean + rng.normal(size=(30, 3)), 0.95) for _ in range(2_000)]
    squares = np.array([x.square for x in found])
    assert abs(squares.mean() - mean @ mean) < 5 * squares.std() / np.sqrt(2_000)
    covered = np.mean([x.low <= mean @ mean <= x.high for x in found])
    assert 0.9 < covered < 0.99


def test_what_is_refused() -> None:
    ones = np.ones((40, 2, 3))
    with pytest.raises(InvalidData, match=r"scores has shape \(40, 2\)"):
        stored_rollouts(ones[:, :, 0], np.zeros((40, 2)))
    with pytest.raises(InvalidData, match="rewards has shape"):
        stored_rollouts(ones, np.zeros((40, 3)))
    with pytest.raises(InvalidData, match=r"rewards\[1, 1\] is 1 after the 1 steps"):
        stored_rollouts(ones, np.ones((40, 2)), [2] + [1] * 39)
    with pytest.raises(InvalidData, match=r"lengths\[0\] is 3, must lie in 0..2"):
        stored_rollouts(ones, np.ones((40, 2)), [3] * 40)
    with pytest.raises(InvalidData, match="lengths holds fractions, must hold integers"):
        stored_rollouts(ones, np.ones((40, 2)), [1.5] * 40)
    with pytest.raises(InvalidData, match="terminated has dtype"):
        stored_rollouts(ones, np.ones((40, 2)), terminated=[1] * 40)
    with pytest.raises(InvalidData, match="values has shape"):
        stored_rollouts(ones, np.ones((40, 2)), values=np.ones((40, 2)))
    batch = stored_rollouts(ones, np.ones((40, 2)))
    with pytest.raises(InvalidEstimator, match="values is None in the stored rollouts"):
        from_batches(batch, {"needs V": RewardToGo(pgv.baselines.StateValue())})
    with pytest.raises(InvalidPolicy, match="cannot be changed"):
        batch.policy.with_parameters(np.zeros(3))
    with pytest.raises(InvalidData, match="must hold at least 30"):
        from_batches(batch.select(slice(10)))
    with pytest.raises(InvalidData, match="different policies"):
        from_batches([batch, stored_rollouts(ones, np.ones((40, 2)))])


def test_arrays_are_no_batches(unchecked_shapes: None) -> None:
    with pytest.raises(InvalidData, match=r"stored_rollouts\(scores, rewards\)"):
        from_batches(np.ones((40, 2)))
