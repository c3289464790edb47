"""The variance against the best baseline, beside the moments that the exact room has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import pgverify as pgv
from pgverify import Outcome
from pgverify.checking import Report
from pgverify.survey.asking import asked, problems
from pgverify.survey.entry import Survey, SurveyRow
from pgverify.survey.judged import judged
from pgverify.survey.spread import ON, problem_for_variance, variance_of, with_variance

GOOD = Report(Outcome.CORRECT, "fine", "exhaustive", "policy_gradient", "none")
PROBLEM = problem_for_variance()


def ratio(estimator: object) -> float:
    """Return the same by dynamic programming."""
    trace = float(np.trace(pgv.exact.moments(estimator, PROBLEM).covariance))  # type: ignore[arg-type]
    return trace / float(pgv.exact.optimal_baseline(pgv.estimators.RewardToGo(), PROBLEM).trace["values"])


@pytest.mark.parametrize(
    "estimator",
    [
        pgv.estimators.TotalReturn(),
        pgv.estimators.RewardToGo(),
        pgv.estimators.RewardToGo(baseline=pgv.baselines.StateValue()),
    ],
)
@pytest.mark.parametrize("factor", [1.0, 0.25])
def test_it_is_that_of_dynamic_programming_whatever_the_factor(
    estimator: object, factor: float, unchecked_shapes: None
) -> None:
    found = with_variance(GOOD, lambda batch: factor * estimator(batch), "gradient")  # type: ignore[operator]
    text, on = variance_of(found)
    assert (text, on) == (f"{ratio(estimator):.3g}", ON)


def test_weights_are_as_good_as_estimates(unchecked_shapes: None) -> None:
    def to_go(batch: pgv.Trajectories) -> object:
        return np.flip(np.cumsum(np.flip(batch.rewards, 1), 1), 1)

    assert variance_of(with_variance(GOOD, to_go, "weights"))[0] == f"{ratio(pgv.estimators.RewardToGo()):.3g}"


@pytest.mark.parametrize(
    ("report", "kind", "function", "reason"),
    [
        (replace(GOOD, outcome=Outcome.BIASED), "gradient", pgv.estimators.RewardToGo(), "of estimates of ∇J only"),
        (replace(GOOD, target="surrogate"), "gradient", pgv.estimators.RewardToGo(), "another claim"),
        (GOOD, "agent", pgv.estimators.RewardToGo(), "not listed"),
        (GOOD, "gradient", lambda batch: batch.score_weighted(batch.rewards**2), "not listed"),  # no multiple of ∇J
        (GOOD, "gradient", lambda _: 1 / 0, "not listed"),
    ],
)
def test_where_there_is_none_there_is_a_reason(
    report: Report, kind: str, function: object, reason: str, unchecked_shapes: None
) -> None:
    text, said = variance_of(with_variance(report, function, kind))  # type: ignore[arg-type]
    assert text == ""
    assert reason in said


def test_a_row_has_its_factor_and_its_variance(unchecked_shapes: None) -> None:
    def half(batch: pgv.Trajectories) -> object:
        return 0.5 * pgv.estimators.RewardToGo()(batch)

    row = SurveyRow("half", "∇J", "so", lambda: asked(half, problems=problems("coin", "early-stop")), Outcome.SCALED)
    verdict = judged(Survey("one", ("one==1",), (), (row,)), row)
    assert (verdict.factor, verdict.variance) == ("0.5", f"{ratio(pgv.estimators.RewardToGo()):.3g}")
