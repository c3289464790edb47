"""An answer is a value, or a failure in its parts; what was noticed comes with it, and with nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.checking.calling.alarm import Alarm
from pgverify.checking.calling.answer import Answer, Failure, Value
from pgverify.checking.calling.calls import Calls, Changed, NoEstimate
from pgverify.checking.calling.implementation import LimitedFunction, OutOfTime
from pgverify.checking.calling.time_spent import Deadline
from pgverify.estimators import RewardToGo

BATCH, _ = pgv.exact.enumerate_trajectories(named("coin")[0])
SHOWN = "the batch s=[0, 0] a=[0] r=[1.2]; s=[0, 0] a=[1] r=[-0.4]"


def answer(function: Callable[[pgv.Trajectories], Any], weights: bool = False) -> Answer:
    with Alarm(10.0) as alarm:
        return LimitedFunction(function, weights, alarm).estimate(BATCH)


def raising(batch: pgv.Trajectories) -> np.ndarray:
    raise ValueError("no")


def with_nan(batch: pgv.Trajectories) -> np.ndarray:
    return np.array([[0.0, 0.0], [np.nan, 0.0]])


@pytest.mark.parametrize(
    ("function", "happened", "batch", "between"),
    [
        (raising, "raised ValueError: no", SHOWN, " on "),
        (lambda _: np.zeros(3), "returned shape (3,), must be (2, 2) or (2,)", SHOWN, ", on "),
        (lambda _: np.zeros(2, dtype=bool), "returned dtype bool, must be float64, float32 or float16", SHOWN, ", on "),
        (with_nan, "returned nan at [1, 0]", "the batch s=[0, 0] a=[1] r=[-0.4]", ", on "),
    ],
)
def test_a_failure_has_parts(
    function: Callable[[pgv.Trajectories], Any], happened: str, batch: str, between: str
) -> None:
    failure = answer(function)
    assert isinstance(failure, Failure)
    assert (failure.happened, failure.batch) == (happened, batch)
    assert str(failure) == f"{happened}{between}{batch}"


def test_the_estimate_is_the_mean_of_the_rows() -> None:
    for function, weights in ((RewardToGo(), False), (RewardToGo().weights, True)):
        value = answer(function, weights)
        assert isinstance(value, Value)
        assert value.array == pytest.approx(RewardToGo()(BATCH).mean(axis=0), rel=1e-14)


def test_notes_belong_to_the_calls_in_which_they_were_made() -> None:
    """The first note of a kind is kept; calls made for another result know nothing of it."""

    def printing(batch: pgv.Trajectories) -> np.ndarray:
        print(len(batch))
        return RewardToGo()(batch)

    with Alarm(10.0) as alarm:
        implementation = LimitedFunction(printing, False, alarm)
        first, second = Calls(implementation), Calls(implementation)
        first.answer(BATCH.select([0]))
        first.answer(BATCH)
    assert first.notes == {"prints": "prints '1' on the batch s=[0, 0] a=[0] r=[1.2]"}
    assert second.notes == {}


def test_what_stops_a_listing_is_data() -> None:
    numbers = iter(range(10))
    with Alarm(10.0) as alarm:
        with pytest.raises(NoEstimate) as missing:
            Calls(LimitedFunction(raising, False, alarm)).estimate(BATCH)
        counting = Calls(LimitedFunction(lambda _: np.full(2, 1.0 + next(numbers)), False, alarm))
        with pytest.raises(Changed) as changed:
            counting.same_again(BATCH, counting.estimate(BATCH), 1e-9)
        with pytest.raises(OutOfTime):
            LimitedFunction(RewardToGo(), False, alarm, deadline=Deadline.after(0.0)).estimate(BATCH)
    assert missing.value.failure.happened == "raised ValueError: no"
    assert (changed.value.difference.gap, changed.value.difference.size) == (1.0, 2)
    assert str(changed.value) == "two calls on the same batch of 2 differ by 1"
