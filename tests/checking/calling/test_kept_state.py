"""State between calls is seen, said, and told from chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.checking.calling.alarm import Alarm
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.calling.kept_state import CALL_BEFORE, CYCLES, DRIFTS, dependence, kept_state
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
