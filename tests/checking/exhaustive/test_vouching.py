"""No problem vouches for another: a coupling that is harmless on one may be a fault on the next, at the same size."""

from __future__ import annotations

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes", "thorough", "as_many_as_for_users")


def coupled_at(size: int, harm: str, on: int):  # type: ignore[no-untyped-def]
    """Return reward-to-go, but in batches of `size`: there leave-one-out, or a fault with `on` parameters."""

    def function(batch: pgv.Trajectories) -> np.ndarray:
        if len(batch) != size:
            return RewardToGo()(batch)
        r = np.asarray((batch.discount_powers * batch.rewards).sum(axis=1))
        a = r - (r.sum() - r) / (size - 1)
        if batch.policy.parameters.size == on:
            a = r - r.mean() if harm == "own mean" else a / (r.std() + 1e-3) if harm == "divided" else 0.0 * r
        return batch.score_weighted(np.where(batch.mask, a[:, None], 0.0))

    return function


@pytest.mark.parametrize("harm", ["own mean", "divided", "nothing"])
@pytest.mark.parametrize("size", [7, 16])
def test_harm_on_the_problem_that_is_not_listed_is_never_correct(size: int, harm: str) -> None:
    """Batches of 7 and 16 of two trajectories are listed; of the six of three-starts, 792 and 20,349, they are not."""
    problems = named("bandit", "three-starts")
    report = pgv.check(coupled_at(size, harm, problems[1].policy.parameters.size), problems=problems)
    multiple = harm == "own mean"
    allowed = (pgv.Outcome.SCALED,) if multiple else (pgv.Outcome.BIASED, pgv.Outcome.INCONCLUSIVE)
    assert report.outcome in allowed


@pytest.mark.parametrize("size", [7, 16])
def test_harmless_on_both_is_correct(size: int) -> None:
    """Negative control."""
    report = pgv.check(coupled_at(size, "", -1), problems=named("bandit", "three-starts"))
    assert report.outcome is pgv.Outcome.CORRECT


@pytest.mark.slow
@pytest.mark.parametrize("name", ["three-starts", "delayed-reward", "long"])
@pytest.mark.parametrize("size", [7, 33])
def test_harm_on_one_problem_of_the_suite_is_never_correct(size: int, name: str) -> None:
    """On the last two nothing but pairs is listed."""
    (problem,) = named(name)
    report = pgv.check(coupled_at(size, "own mean", problem.policy.parameters.size), explore=0)
    assert report.outcome is not pgv.Outcome.CORRECT
