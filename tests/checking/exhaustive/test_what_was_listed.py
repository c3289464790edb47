"""Whatever a function does on one problem, listing it ends in one of a few ways, each with its own fields."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.baselines import AverageReturn
from pgverify.checking.calling.alarm import Alarm
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.calling.time_spent import NEVER, Deadline
from pgverify.checking.exhaustive import what_was_listed as ways
from pgverify.checking.exhaustive.effort import Effort
from pgverify.checking.exhaustive.one_problem import NEEDS_COMPANY, list_expectation
from pgverify.checking.exhaustive.whole_suite import Progress, listed_on
from pgverify.estimators import RewardToGo, TotalReturn
from pgverify.suites import SuiteProblem

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Function = Callable[[pgv.Trajectories], np.ndarray]
(COIN,) = named("coin")
RIGHT = RewardToGo()
LEAVE_ONE_OUT = TotalReturn(AverageReturn(leave_one_out=True))
SHORT = Effort(tried=(2, 3), sizes=(2, 3, 4))


def listed(function: Function, problem: pgv.Problem = COIN, deadline: Deadline = NEVER) -> ways.Listed | ways.Unlisted:
    with Alarm(10.0) as alarm:
        return list_expectation(LimitedFunction(function, False, alarm, deadline), problem, effort=SHORT)


def wide(horizon: int) -> pgv.Problem:
    """Three arms: 3^T trajectories."""
    mdp = pgv.TabularMDP([1.0], np.ones((1, 3, 1)), [[1.0, 2.0, 3.0]])
    return pgv.Problem(mdp, pgv.SoftmaxPolicy([[0.0, 0.1, 0.2]]), pgv.FiniteHorizon(horizon))


def test_alone() -> None:
    found = listed(RIGHT)
    assert isinstance(found, ways.ListedAlone)
    assert found.expectation.mean == pytest.approx(pgv.exact.gradient(COIN), rel=1e-12)


def test_in_batches() -> None:
    found = listed(LEAVE_ONE_OUT)
    assert isinstance(found, ways.ListedInBatches)
    assert (found.coupled, found.ordered) == (2, 0)
    assert [item.batch_size for item in found.expectations] == [2, 3, 4]


def test_order_that_matters_is_evidence_of_the_result() -> None:
    """The first of three counts twice; of pairs nothing is seen."""

    def first_twice(batch: pgv.Trajectories) -> np.ndarray:
        rows = RIGHT(batch)
        return (rows.sum(axis=0) + rows[0]) / (len(batch) + 1) if len(batch) > 2 else rows

    found = listed(first_twice)
    assert isinstance(found, ways.ListedInBatches)
    assert (found.coupled, found.ordered, found.once) == (3, 3, False)
    assert found.alone is not None


def test_company_is_needed() -> None:
    def refuses(batch: pgv.Trajectories) -> np.ndarray:
        if len(batch) < 2:
            raise ValueError("two, please")
        return LEAVE_ONE_OUT(batch)

    found = listed(refuses)
    assert isinstance(found, ways.ListedInBatches)
    assert found.alone is None
    said = "needs more than one trajectory: on one alone it raised ValueError: two, please"
    assert found.notes == {NEEDS_COMPANY: said}


def test_failing() -> None:
    calls = []

    def tires(batch: pgv.Trajectories) -> np.ndarray:
        calls.append(len(batch))
        if len(calls) > 4:
            raise OSError("gone")
        return RIGHT(batch)

    first, later = listed(lambda _: np.zeros(7)), listed(tires)
    assert isinstance(first, ways.Failing)
    assert isinstance(later, ways.Failing)
    assert (first.answered, first.failure.happened) == (False, "returned shape (7,), must be (2, 2) or (2,)")
    assert (later.answered, later.failure.happened) == (True, "raised OSError: gone")
    assert str(later).startswith("answered once, but then raised OSError: gone on the batch s=")
    assert calls == [2, 1, 1, 2, 1]  # the first change ends it


def test_random() -> None:
    numbers = iter(range(100))
    found = listed(lambda _: np.full(2, 1.0 + next(numbers)))
    assert isinstance(found, ways.Random)
    assert found.difference.gap == 3.0  # the list, two trajectories, and the list again
    assert str(found) == "two calls on the same batch differ by 3"


def test_too_many() -> None:
    found = listed(RIGHT, wide(8))
    assert isinstance(found, ways.TooMany)
    assert (found.trajectories, found.most) == (3**8, 5_000)
    assert str(found) == "has 6,561 trajectories, at most limit=5,000 are listed"


def test_late() -> None:
    assert isinstance(listed(RIGHT, deadline=Deadline.after(0.0)), ways.Late)


def test_progress_gathers_the_evidence_of_its_problems() -> None:
    """The order matters to the second problem alone: the first is listed again, in every order."""
    coin, stop = (SuiteProblem(name, "", *named(name)) for name in ("coin", "early-stop"))

    def first_twice_if_lengths_differ(batch: pgv.Trajectories) -> np.ndarray:
        rows = LEAVE_ONE_OUT(batch)
        return (rows.sum(axis=0) + rows[0]) / (len(batch) + 1) if np.ptp(batch.lengths) else rows

    with Alarm(10.0) as alarm:
        implementation = LimitedFunction(first_twice_if_lengths_differ, False, alarm)
        before = listed_on(Progress(), implementation, [coin, stop], [0], False)
        after = listed_on(before, implementation, [coin, stop], [1], False)
    once = [listing.once for progress in (before, after) for _, listing in progress.known([coin, stop])]
    assert (before.ordered, after.ordered) == (0, 2)
    assert once == [True, False, False]
