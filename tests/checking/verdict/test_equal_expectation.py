"""Equal expectation is not equal cause: what a function is, is told by its estimates on batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from checking_problems import FEW, named
from slow_cases import slow_but

import pgverify as pgv
from pgverify.bugs import get
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
RIGHT = RewardToGo()
PROBLEMS = named(*FEW, "delayed-reward")
HALVED = {"group-mean-self", "first-as-baseline", "last-row-lost"}
"""(n−1)/n times the target, all three."""


def whole(batch: pgv.Trajectories, weights: np.ndarray) -> np.ndarray:
    return batch.score_weighted(np.repeat(weights[:, None], batch.num_steps, axis=1))


def returns(batch: pgv.Trajectories) -> np.ndarray:
    return batch.rewards @ batch.discount_powers


FUNCTIONS = {
    "last-row-lost": lambda b: RIGHT(b)[:-1].sum(axis=0) / len(b),
    "first-as-baseline": lambda b: whole(b, returns(b) - returns(b)[0]),
    "group-mean-self": lambda b: whole(b, returns(b) - returns(b).mean()),
    "immediate-reward": lambda b: b.score_weighted(b.rewards),
    "past-rewards": lambda b: b.score_weighted(np.cumsum(b.rewards, axis=1)),
    "reward-clipped": lambda b: RIGHT(clipped(b)),
}


def clipped(batch: pgv.Trajectories) -> pgv.Trajectories:
    return replace(batch, rewards=np.clip(batch.rewards, -1.0, 1.0))


@pytest.mark.parametrize("slug", slow_but(FUNCTIONS, ["first-as-baseline", "immediate-reward"]))
def test_the_one_with_the_same_estimates_is_named(slug: str) -> None:
    report = pgv.check(FUNCTIONS[slug], problems=PROBLEMS)
    assert report.diagnosis == slug, str(report)
    assert [match.slug for match in report.matches if match.same] == [slug]
    assert report.cause == get(slug).cause


@pytest.mark.slow
def test_all_with_the_same_expectation_are_listed() -> None:
    report = pgv.check(FUNCTIONS["last-row-lost"], problems=PROBLEMS)
    assert {match.slug for match in report.matches} == HALVED
    assert "another name of that expectation: first-as-baseline, group-mean-self" in str(report)


def test_the_first_row_lost_is_none_of_them() -> None:
    """Negative control: the expectation of three entries, the estimates of none."""
    report = pgv.check(lambda b: RIGHT(b)[1:].sum(axis=0) / len(b), problems=PROBLEMS)
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.SCALED, None)
    assert {match.slug for match in report.matches} == HALVED
    assert "its expectation equals that of: first-as-baseline, group-mean-self, last-row-lost" in str(report)


def test_one_name_with_other_estimates_is_said_to_be_of_the_expectation() -> None:
    """Rewards that were paid before the action change the estimates, and nothing in the mean."""

    def noisy(batch: pgv.Trajectories) -> np.ndarray:
        early = np.zeros_like(batch.rewards)
        early[:, 1:] = batch.rewards[:, :-1]  # known before the action: it adds noise and no mean
        return get("reward-shifted-late").implementation(batch) + batch.score_weighted(batch.mask * early)

    report = pgv.check(noisy, problems=PROBLEMS)
    assert report.diagnosis == "reward-shifted-late"
    assert not report.matches[0].same
    assert "its expectation equals that of reward-shifted-late, not its every estimate" in str(report)
