"""The light part of the survey: every row of the libraries that share this environment, judged anew as published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from thirdparty_loading import load

from pgverify.survey import Survey, SurveyRow
from pgverify.survey.environments import is_here
from pgverify.survey.files import load_survey, survey_files
from pgverify.survey.judged import judged
from pgverify.survey.since import read_table

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
