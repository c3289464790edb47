"""No batch that the check chose itself makes a slow function late: the times of smaller ones tell which would."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import numpy as np
import pytest

import pgverify as pgv
from pgverify import Outcome
from pgverify.baselines import AverageReturn
from pgverify.checking.calling import pace as pace_of_calls
from pgverify.checking.calling.pace import Pace
from pgverify.estimators import RewardToGo, TotalReturn
from pgverify.trajectories import Trajectories

ENTRY = {entry.name: entry.problem for entry in pgv.suites.get("standard")}["early-stop"]


class Clock:
    """Stands still but for what a call is said to take."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace_of_calls.time, "monotonic", clock)
    monkeypatch.setattr(pace_of_calls.time, "process_time", clock)
    return clock


def noted(clock: Clock, seconds: Callable[[int], float], sizes: tuple[int, ...]) -> tuple[Pace, Trajectories]:
    pace, batch = Pace(), pgv.sample(ENTRY, 1, seed=0)

    def estimate(given: Trajectories) -> np.ndarray:
        clock.now += seconds(len(given))
        return np.zeros(2)

    for size in sizes:
        pace.of(estimate, batch.select([0] * size))
    return pace, batch


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (lambda n: 1e-3 * n, 5.0),
        (lambda n: 2.0 + 1e-3 * n, 7.0),  # what each call takes beside
        (lambda n: 1e-6 * n**2, 25.0),  # pairs are compared
        (lambda _: 3.0, 3.0),  # what is compiled for every size anew
    ],
)
def test_the_time_of_a_larger_batch_follows_from_two_smaller_ones(
    clock: Clock, seconds: Callable[[int], float], expected: float
) -> None:
    pace, batch = noted(clock, seconds, (300, 1000))
    assert pace.expected(batch, 5000) == pytest.approx(expected, rel=1e-9)


def test_without_two_batches_time_is_in_proportion_to_the_work(clock: Clock) -> None:
    assert noted(clock, lambda n: 1.0 * n, (3, 32))[0].expected(pgv.sample(ENTRY, 1, seed=0), 1021) == 0.0
    pace, batch = noted(clock, lambda n: 0.01 * n, (100, 110))  # the second is too near the first to tell growth
    assert pace.expected(batch, 1000) == pytest.approx(10.0)
    assert pace.expected(batch, 50) == pytest.approx(1.0)  # never less than what was seen


def slowed(estimate: Callable[[Trajectories], np.ndarray], seconds: float) -> Callable[[Trajectories], np.ndarray]:
    """Return the same function, which works for so long on every trajectory."""

    def slow(batch: Trajectories) -> np.ndarray:
        end = time.process_time() + seconds * len(batch)
        while time.process_time() < end:
            pass
        return estimate(batch).mean(axis=0)

    return slow


@pytest.mark.usefixtures("thorough", "unchecked_shapes")
@pytest.mark.parametrize("coupled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_slow_function_is_judged_by_the_batches_that_it_has_time_for(coupled: bool) -> None:
    """At .25 ms a trajectory 1,021 take a quarter of the limit of 1 s, and 5,005 more than all of it.

    Where something else takes time in a call, fewer are tried.
    """
    estimator = TotalReturn(AverageReturn(leave_one_out=True)) if coupled else RewardToGo()
    report = pgv.check(slowed(estimator, 2.5e-4), problems=ENTRY, time_limit=1.0)
    assert report.outcome is Outcome.CORRECT, report
    (warning,) = (each for each in report.warnings if "raise time_limit" in each)
    left_out = re.match(r"batches of (\d+) and more were not tried on every problem", warning)
    assert left_out is not None, warning
    assert 33 < int(left_out[1]) <= 5005
    if coupled:
        assert report.scope is not None
        tried = max(one.size for one in report.scope.problems[0].sampled)
    else:
        tried = int(report.error_rate.partition("coupling looked for in batches of up to ")[2].partition(";")[0])
    assert 16 < tried < int(left_out[1])


@pytest.mark.usefixtures("thorough", "unchecked_shapes")
def test_a_call_that_does_not_return_is_still_a_failure() -> None:
    """Nothing in the time of smaller ones announces it."""

    def hangs(batch: Trajectories) -> np.ndarray:
        while len(batch) > 64:
            pass
        return RewardToGo()(batch)

    report = pgv.check(hangs, problems=ENTRY, time_limit=0.2)
    assert report.outcome is Outcome.INVALID
    assert "within the time limit" in report.explanation
