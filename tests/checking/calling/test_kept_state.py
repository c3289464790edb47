"""State between calls is seen, said, and told from chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.checking.calling.alarm import Alarm
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.calling.kept_state import (
    CALL_BEFORE,
    CYCLES,
    DRIFTS,
    IN_A_ROW,
    MOVES,
    dependence,
    kept_state,
    state_in,
)
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Function = Callable[[pgv.Trajectories], np.ndarray]


def less(batch: pgv.Trajectories, baseline: float) -> np.ndarray:
    return RewardToGo()(batch) - baseline * batch.score_weighted(np.ones_like(batch.rewards))


def of_the_batch_before() -> Function:
    memory = [0.0]

    def function(batch: pgv.Trajectories) -> np.ndarray:
        before, memory[0] = memory[0], float(batch.rewards.sum(axis=1).mean())
        return less(batch, before)

    return function


def running(rate: float) -> Function:
    memory = [0.0]

    def function(batch: pgv.Trajectories) -> np.ndarray:
        before = memory[0]
        memory[0] += rate * (float(batch.rewards.sum(axis=1).mean()) - before)
        return less(batch, before)

    return function


def every(period: int) -> Function:
    calls = [0]

    def function(batch: pgv.Trajectories) -> np.ndarray:
        calls[0] += 1
        return RewardToGo()(batch) * (1.5 if calls[0] % period == 0 else 1.0)

    return function


def noisy(seed: int, values: int = 0) -> Function:
    rng = np.random.default_rng(seed)

    def function(batch: pgv.Trajectories) -> np.ndarray:
        noise = rng.integers(values) if values else rng.normal()
        return RewardToGo()(batch) * (1.0 + 0.1 * float(noise))

    return function


def seen(function: Function) -> str:
    batch, _ = every_trajectory(named("early-stop")[0])
    with Alarm(10.0) as alarm:
        return kept_state(LimitedFunction(function, False, alarm), batch)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (of_the_batch_before(), CALL_BEFORE),
        (running(0.1), DRIFTS),
        (running(0.9), DRIFTS),
        (every(2), CYCLES.format(period=2)),
        (every(5), CYCLES.format(period=5)),
    ],
)
def test_each_kind_of_memory_has_its_sentence(function: Function, words: str) -> None:
    assert seen(function) == words


def test_chance_and_none_at_all_are_no_memory() -> None:
    # Two values recur every 2..5 calls, 12 in a row, with a probability below 4·2⁻⁷ each: these seeds do not.
    assert [seen(noisy(seed, values)) for seed in range(10) for values in (0, 2)] == [""] * 20
    assert seen(RewardToGo()) == ""


@pytest.mark.parametrize("kept", [0.5, 0.1, 0.9])
def test_entries_that_come_and_go_by_chance_do_not_settle(kept: float) -> None:
    """The longest step is that of the heaviest entry again and again, and sooner or later a shorter one.

    Such an entry turns back, and never leads on: 1 after 0 is followed by 0. Entries of one weight, and of four.
    """
    for seed in range(200):
        rng = np.random.default_rng(seed)
        for weights in (np.ones(6), np.array([1.0, 1.0, 1.0 / 3.0, 1.0 / 3.0])):
            row, after = ((rng.random((calls, len(weights))) < kept) * weights for calls in (IN_A_ROW, 4))
            assert state_in(row, after) not in (DRIFTS, MOVES)


def test_what_settles_does_so_in_steps_that_lead_on_or_shorten() -> None:
    calls = np.arange(float(IN_A_ROW))[:, None]
    after = np.arange(4.0)[:, None]  # another state each time
    window = np.minimum(calls, 5.0)  # the mean of the last five: five equal steps, then none
    running = 1.0 - 0.999 ** np.minimum(calls, 1.0) * 1e-3**calls  # within rounding of its end after five steps
    several = np.hstack([0.5**calls, -(0.9**calls)])
    assert [state_in(row, after) for row in (window, running, several)] == [DRIFTS] * 3
    wiggling = running + 1e-16 * (-1.0) ** calls  # what the last bit of a number does is nothing
    assert state_in(wiggling, after) == DRIFTS


def test_a_memory_is_no_chance_in_a_report_and_its_estimates_count_for_less() -> None:
    settled = pgv.check(running(0.1), problems=named("bandit"))
    assert settled.outcome is pgv.Outcome.INCONCLUSIVE
    assert settled.explanation.startswith("it keeps state between calls")
    assert "state held" in settled.next_step
    before = pgv.check(of_the_batch_before(), problems=named("bandit"))
    assert before.outcome is pgv.Outcome.CONSISTENT
    assert "batch of the call before" in before.explanation
    chance = pgv.check(noisy(0), problems=named("bandit"))
    assert "it is random" in chance.explanation
    assert "state" not in f"{chance.explanation} {chance.warnings}"


def test_two_in_a_row_share_a_batch_and_others_depend_on_all_before() -> None:
    assert "share a batch" in dependence(CALL_BEFORE)
    for state in (DRIFTS, CYCLES.format(period=2)):
        assert "depend on each other" in dependence(state)
