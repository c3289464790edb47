"""The light part of the survey: every row of the libraries that share this environment, judged anew as published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from thirdparty_loading import load

import pgverify as pgv
from pgverify.language.built_in_problems import SAME, token_problem
from pgverify.language.loss_report import LossReport
from pgverify.survey import Survey, SurveyRow
from pgverify.survey.environments import is_here
from pgverify.survey.files import load_survey, survey_files
from pgverify.survey.judged import judged
from pgverify.survey.since import read_table
from pgverify.survey.spread import TREE, variance_of, with_variance_of_groups

load("torch")  # where it is missing nothing here was meant to run

PUBLISHED = {
    (verdict.library, verdict.function): verdict
    for verdict in read_table(Path(__file__).parents[2] / "reports" / "survey.csv")
}
HERE = [survey for survey in map(load_survey, survey_files()) if is_here(survey)]
ROWS = [(survey, row) for survey in HERE for row in survey.rows]


def test_the_four_are_here() -> None:
    """As pinned: another version would leave its rows out unseen."""
    assert {survey.library for survey in HERE} >= {"rlax", "stable-baselines3", "torchrl", "trl"}


@pytest.mark.parametrize(("survey", "row"), ROWS, ids=[f"{survey.library}-{row.function}" for survey, row in ROWS])
def test_a_row_is_as_published(survey: Survey, row: SurveyRow) -> None:
    """Outcome, fault, target, weights and sentence, of functions and of their controls: passing, and planted ones."""
    for module in survey.imports:
        load(module)
    found = judged(survey, row)
    assert replace(found, date="") == replace(PUBLISHED[survey.library, row.function], date="")


def test_the_variance_of_a_loss_is_g_times_that_of_a_group() -> None:
    """With the plain return, whose contributions are independent: that of one completion, by dynamic programming."""

    def plain(batch: Any) -> Any:
        return -(batch.rewards[:, None] * batch.log_probs * batch.mask).sum(1).mean()

    tree = token_problem(next(shape for shape in SAME if shape.name == TREE), 1, "same").problem
    trace = float(np.trace(pgv.exact.moments(pgv.estimators.TotalReturn(), tree).covariance))
    best = float(pgv.exact.optimal_baseline(pgv.estimators.RewardToGo(), tree).trace["values"])
    claim = pgv.targets.PolicyGradient().formula
    report = LossReport(pgv.Outcome.CORRECT, "fine", claim, "exhaustive", "none")
    found = with_variance_of_groups(report, plain, 4)
    assert variance_of(found) == (f"{trace / best:.3g}", TREE)
    assert variance_of(with_variance_of_groups(replace(report, target="J"), plain, 4))[0] == ""
