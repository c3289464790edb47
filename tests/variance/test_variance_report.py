"""Every number of a report against lists of trajectories; what is recommended, and what must never be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from listed import listed, listed_row, small_chain

import pgverify as pgv
from pgverify.baselines import AverageReturn, StateValue, TimeStateValue
from pgverify.errors import InvalidEstimator, InvalidInput, InvalidMDP, InvalidSampling
from pgverify.estimators import GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn
from pgverify.variance.curves import CRITIC_OFF

PROBLEM = small_chain()


@pytest.fixture(scope="module")
def report() -> pgv.VarianceReport:
    return pgv.variance_report(PROBLEM, batch_size=20, relative_error=0.1, confidence=0.9)


def lines(table: pd.DataFrame, **where: object) -> pd.DataFrame:
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def test_the_table_is_what_the_listed_trajectories_say(report: pgv.VarianceReport) -> None:
    best = pgv.exact.optimal_baseline(RewardToGo(), PROBLEM)
    estimators = {
        "total return": TotalReturn(),
        "reward-to-go": RewardToGo(),
        "reward-to-go − V": RewardToGo(StateValue()),
        "reward-to-go − b*": RewardToGo(TimeStateValue(best.values)),
        "GAE(0.95), critic V": GeneralizedAdvantage(0.95),
        "one-step actor-critic, critic V": GeneralizedAdvantage(0.0),
        "reward-to-go − V, without γ^t": RewardToGo(StateValue(), discount_weighting=False),
    }
    reference = np.trace(listed(RewardToGo(), PROBLEM)[1])
    least = np.trace(listed(estimators["reward-to-go − b*"], PROBLEM)[1])
    assert set(report.table["estimator"]) == {*estimators, "reward-to-go − mean of the others"}
    for name, estimator in estimators.items():
        row = lines(report.table, estimator=name).iloc[0]
        for column, value in listed_row(estimator, PROBLEM, 20, 0.1, 0.9).items():
            found = np.nan if pd.isna(row[column]) else float(row[column])
            assert found == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), (name, column)
        assert row["ratio_to_reward_to_go"] == pytest.approx(row["trace"] / reference, rel=1e-9)
        assert row["ratio_to_best_baseline"] == pytest.approx(row["trace"] / least, rel=1e-9)


def test_no_baseline_is_better_than_the_best() -> None:
    """b* is a minimum: half a unit away in any cell of time and state, the listed trace is larger."""
    best = pgv.exact.optimal_baseline(RewardToGo(), PROBLEM).values
    least = np.trace(listed(RewardToGo(TimeStateValue(best)), PROBLEM)[1])
    for time, state in np.ndindex(3, 2):
        moved = best.copy()
        moved[time, state] += 0.5
        assert np.trace(listed(RewardToGo(TimeStateValue(moved)), PROBLEM)[1]) > least


def test_a_coupled_batch_is_listed_pair_by_pair() -> None:
    """Batches of two, all of them: N times the trace of the estimate."""
    problem = small_chain(horizon=1)
    estimator = RewardToGo(AverageReturn(leave_one_out=True))
    row = pgv.variance_report(problem, {"others": estimator}, batch_size=2).table.iloc[0]
    found = pgv.exact.enumerated_moments(estimator, problem, 2, limit=50_000)
    assert row["trace"] == pytest.approx(2 * found.trace, rel=1e-9)
    truth = pgv.exact.gradient(problem)
    along = 2 * truth @ found.covariance @ truth / (truth @ truth)
    expected = 1 / np.sqrt(1 + (2 * found.trace - along) / (2 * truth @ truth))
    assert row["cosine"] == pytest.approx(expected, rel=1e-9)


def test_the_number_for_a_coupled_batch_is_that_of_its_own_size() -> None:
    estimator = RewardToGo(AverageReturn(leave_one_out=True))
    count = int(pgv.variance_report(PROBLEM, {"others": estimator}, batch_size=2).table["trajectories"].iloc[0])
    norm = float(np.linalg.norm(pgv.exact.gradient(PROBLEM)))

    def tail(size: int) -> float:
        """Return what is asked of the mean of `size`: margin² N over the trace, in units of the quantile."""
        found = pgv.exact.batch_moments(estimator, PROBLEM, size)
        freedom = found.trace**2 / float((found.covariance**2).sum())
        from scipy.stats import chi2

        return (0.05 * norm) ** 2 / found.trace - chi2.isf(0.05, freedom) / freedom

    assert tail(count) >= -1e-9
    assert tail(count - 1) < 0


def test_shares_and_states_add_up_to_the_trace(report: pgv.VarianceReport) -> None:
    for name in report.shares["estimator"].unique():
        trace = lines(report.table, estimator=name)["trace"].iloc[0]
        assert lines(report.shares, estimator=name)["trace"].sum() == pytest.approx(trace, rel=1e-10)
    assert report.maps["variance"].sum() == pytest.approx(np.trace(listed(RewardToGo(), PROBLEM)[1]), rel=1e-10)
    recommended = report.recommendation.split(":")[0]
    trace = lines(report.table, estimator=recommended)["trace"].iloc[0]
    assert report.maps["variance_recommended"].sum() == pytest.approx(trace, rel=1e-10)


def test_the_maps_are_what_the_listed_trajectories_say(report: pgv.VarianceReport) -> None:
    batch, probability = pgv.exact.enumerate_trajectories(PROBLEM)
    visited = np.zeros(3)
    np.add.at(visited, batch.states[:, :-1], batch.mask * probability[:, None])
    assert report.maps["visits"].to_numpy() == pytest.approx(visited, rel=1e-10)
    _, covariance = listed(RewardToGo(), PROBLEM)
    assert report.maps["variance"].to_numpy() == pytest.approx(np.diag(covariance).reshape(3, 2).sum(axis=1), rel=1e-9)
    truth = pgv.exact.gradient_by_complex_step(PROBLEM).reshape(3, 2)
    assert report.maps["gradient"].to_numpy() == pytest.approx(np.linalg.norm(truth, axis=1), rel=1e-9)
    returns = batch.rewards @ batch.discount_powers
    for state in (0, 1):
        here = batch.states[:, 0] == state
        value = probability[here] @ returns[here] / probability[here].sum()
        assert report.maps["value"][state] == pytest.approx(value, rel=1e-10)


def test_the_curves_are_listed_too(report: pgv.VarianceReport) -> None:
    off = TimeStateValue(CRITIC_OFF * pgv.exact.values(PROBLEM).state)
    truth = pgv.exact.gradient(PROBLEM)
    makers = {
        ("trace decay λ", "GAE(λ), critic V"): lambda x: GeneralizedAdvantage(x),
        ("trace decay λ", "GAE(λ), critic 0.8 V"): lambda x: GeneralizedAdvantage(x, off),
        ("steps n", "n steps, critic V"): lambda x: NStepAdvantage(int(x)),
        ("steps n", "n steps, critic 0.8 V"): lambda x: NStepAdvantage(int(x), off),
    }
    for (curve, label), make in makers.items():
        rows = lines(report.curves, curve=curve, estimator=label)
        assert len(rows) >= 3
        for row in rows.to_dict("records"):
            mean, covariance = listed(make(row["setting"]), PROBLEM)
            assert row["trace"] == pytest.approx(np.trace(covariance), rel=1e-9)
            bias = np.linalg.norm(mean - truth) / np.linalg.norm(truth)
            assert row["relative_bias"] == pytest.approx(bias, rel=1e-8, abs=1e-12)
    # The wrong critic is biased where it is trusted, and not where it is not.
    wrong = lines(report.curves, estimator="GAE(λ), critic 0.8 V")["relative_bias"].to_numpy()
    assert wrong[0] > 1e-3
    assert wrong[-1] == 0.0


def test_what_is_recommended_needs_fewest_and_says_how_many_times_fewer(report: pgv.VarianceReport) -> None:
    name = report.recommendation.split(":")[0]
    able = report.table[report.table["relative_bias"] == 0.0]
    row = lines(able, estimator=name).iloc[0]
    assert row["trajectories"] == able["trajectories"].min()
    saving = lines(able, estimator="reward-to-go")["trajectories"].iloc[0] / row["trajectories"]
    assert f"{saving:.3g} times fewer episodes than reward-to-go" in report.recommendation
    assert f"{row['trajectories']:,} instead of" in report.recommendation
    assert report.facts["saving"] == saving


def test_a_biased_estimator_is_never_recommended_however_quiet() -> None:
    """One step and a wrong critic reach an error of 90 % with fewer trajectories, for they are half as noisy."""
    wrong = GeneralizedAdvantage(0.0, StateValue(np.array([5.0, -5.0, 0.0])))
    found = pgv.variance_report(PROBLEM, {"reward-to-go": RewardToGo(), "wrong critic": wrong}, relative_error=0.9)
    assert lines(found.table, estimator="wrong critic")["relative_bias"].iloc[0] > 0.1
    assert not found.recommendation.startswith("wrong critic")
    assert any(remark.startswith("wrong critic: biased by") for remark in found.remarks)


def test_where_all_are_biased_the_bias_is_counted() -> None:
    problem = pgv.Problem(PROBLEM.mdp, PROBLEM.policy, pgv.FiniteHorizon(3, 0.5))
    dropped = {"dropped": RewardToGo(discount_weighting=False)}
    bias = pgv.variance_report(problem, dropped).table["relative_bias"].iloc[0]
    assert "whatever the number of episodes: the bias" in pgv.variance_report(problem, dropped).recommendation
    loose = pgv.variance_report(problem, dropped, relative_error=min(2 * bias, 1.0)).recommendation
    assert f"a bias of {100 * bias:.3g} % included" in loose


def test_where_nothing_helps_that_is_what_is_said() -> None:
    found = pgv.variance_report(PROBLEM, [RewardToGo()])
    assert "no estimator here needs 1 % fewer" in found.recommendation
    flat = pgv.TabularMDP([1.0], np.ones((1, 2, 1)), [[1.0, 1.0]])
    level = pgv.Problem(flat, pgv.SoftmaxPolicy([[0.0, 1.0]]), pgv.FiniteHorizon(2))
    found = pgv.variance_report(level)
    assert "whatever the number of episodes" in found.recommendation
    assert "∇J is zero" in found.recommendation


@pytest.mark.parametrize(
    ("objective", "max_steps"), [(pgv.Discounted(0.4), None), (pgv.Discounted(0.4), 4), (pgv.FiniteHorizon(6), 4)]
)
def test_other_rollouts_have_reports_too(objective: object, max_steps: int | None, unchecked_shapes: None) -> None:
    problem = pgv.Problem(PROBLEM.mdp, PROBLEM.policy, objective)
    found = pgv.variance_report(problem, max_steps=max_steps)
    row = lines(found.table, estimator="reward-to-go").iloc[0]
    expected = pgv.exact.moments(RewardToGo(), problem, "trace", max_steps).trace
    assert row["trace"] == pytest.approx(expected, rel=1e-12)
    assert lines(found.table, estimator="reward-to-go − b*")["trace"].iloc[0] <= row["trace"] * (1 + 1e-12)


def test_the_average_reward_needs_a_length(unchecked_shapes: None) -> None:
    mdp = pgv.mdps.get("kakade-two-state")
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy([[0.1, 0.4], [0.0, -0.2]]), pgv.AverageReward())
    with pytest.raises(InvalidSampling, match="max_steps"):
        pgv.variance_report(problem)
    found = pgv.variance_report(problem, max_steps=10)
    assert found.table["trace"].gt(0).all()


@pytest.mark.statistical
def test_sampled_traces_stand_beside_the_exact_ones(unchecked_shapes: None) -> None:
    """All intervals hold together with 1 − 1e-8 (seed fixed): a fail by chance is as rare."""
    mine = {
        "reward-to-go": RewardToGo(),
        "others": RewardToGo(AverageReturn(True)),
        "a function": lambda b: RewardToGo()(b),
    }
    found = pgv.variance_report(PROBLEM, mine, samples=8_000, seed=3, batch_size=10, confidence=1 - 1e-8)
    assert list(found.table["evidence"]) == ["exact", "exact", "sampled"]
    inside = found.table["sampled_low"].le(found.table["trace"]) & found.table["trace"].le(found.table["sampled_high"])
    assert inside.all()
    true = np.trace(listed(RewardToGo(), PROBLEM)[1])
    last = found.table.iloc[2]
    assert last["sampled_low"] <= true <= last["sampled_high"]
    assert last["sampled_high"] < 2 * last["sampled_low"]  # and an interval that says something


def test_what_is_refused() -> None:
    with pytest.raises(InvalidEstimator, match=r"declares no recursion.*give samples="):
        pgv.variance_report(PROBLEM, {"mine": lambda batch: batch.rewards})
    with pytest.raises(InvalidEstimator, match=r"must be numbers, \[n, d\]"):
        pgv.variance_report(PROBLEM, {"mine": lambda batch: batch.rewards}, samples=400)
    with pytest.raises(InvalidEstimator, match="at least one estimator"):
        pgv.variance_report(PROBLEM, {})
    with pytest.raises(InvalidEstimator, match="must be a function of a batch"):
        pgv.variance_report(PROBLEM, {"mine": 3})
    with pytest.raises(InvalidEstimator, match="must be a function of a batch"):
        pgv.variance_report(PROBLEM, [RewardToGo])
    with pytest.raises(InvalidSampling, match="samples is 50, must be at least 400"):
        pgv.variance_report(PROBLEM, samples=50)
    with pytest.raises(InvalidSampling, match="batch_size is 1"):
        pgv.variance_report(PROBLEM, batch_size=1)
    with pytest.raises(InvalidMDP, match="two states into one cell"):
        pgv.variance_report(PROBLEM, layout=[[0, 0], [0, 0], [0, 1]])


def test_something_else_than_a_problem_is_refused(unchecked_shapes: None) -> None:
    with pytest.raises(InvalidInput, match="must be a Problem"):
        pgv.variance_report(PROBLEM.mdp)


def test_progress_is_told_and_text_has_every_row(report: pgv.VarianceReport) -> None:
    told: list[str] = []
    pgv.variance_report(PROBLEM, [RewardToGo()], progress=told.append)
    assert told[0] == "gradient and best baselines"
    printed = str(report)
    assert report.recommendation in printed
    for name in report.table["estimator"]:
        assert name in printed
    assert "…" not in printed
    assert len(repr(report)) < 400
