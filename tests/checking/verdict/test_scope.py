"""The scope of a verdict: what was tried, in data and in one line, in files of both versions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.baselines import AverageReturn
from pgverify.checking import Report
from pgverify.checking.verdict.scope import SampledSize
from pgverify.estimators import RewardToGo, TotalReturn

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def test_a_report_says_what_was_tried() -> None:
    report = pgv.check(RewardToGo(), problems=named("bandit", "early-stop", "three-starts"))
    scope = report.scope
    assert scope is not None
    assert [each.sizes for each in scope.problems] == [(1,)] * 3
    assert (scope.steps, scope.states, scope.actions, scope.starts) == (3, 4, 3, 3)
    assert scope.ends == ("horizon", "terminal state")
    assert scope.discounts == (0.7, 0.9, 1.0)
    assert (scope.ratios, scope.critic) == (False, "exact")
    assert sum(line.startswith("  scope: ") for line in str(report).splitlines()) == 1


def test_what_was_sampled_is_in_the_file_and_comes_back() -> None:
    report = pgv.check(TotalReturn(AverageReturn(leave_one_out=True)), problems=named("bandit", "early-stop"))
    assert report.scope is not None
    assert any(each.sampled for each in report.scope.problems)
    assert "fewer than 1 of" in str(report)
    assert Report.from_json(report.to_json()) == report


def test_a_document_of_version_1_is_read() -> None:
    report = pgv.check(RewardToGo(), problems=named("bandit"))
    body = json.loads(report.to_json())
    assert body["version"] == 2
    del body["scope"]
    old = Report.from_json(json.dumps({**body, "version": 1}))
    assert old.scope is None
    assert old.outcome is report.outcome


def test_what_nothing_bounds_is_said() -> None:
    assert "any bias could hide" in str(SampledSize(33, 48, float("inf"), 1 / 48))
    assert "unseen" in str(SampledSize(33, 48, 0.02, 1 / 48))


def test_the_critic_is_the_other_one_where_wrong_ones_were_judged() -> None:
    def advantage(batch: pgv.Trajectories) -> np.ndarray:
        values = batch.values
        error = np.where(batch.mask, batch.rewards + batch.discount * values[:, 1:] - values[:, :-1], 0.0)
        return batch.score_weighted(error * batch.discount_powers)

    report = pgv.check(advantage, explore=0)
    assert report.scope is not None
    assert report.scope.critic == "other"
    assert "other critic" in str(report)
