"""A function whose answers change after its first calls: neither random nor right, and said to keep state."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named
from slow_cases import slow_but

import pgverify as pgv
from pgverify.checking.calling.kept_state import NEXT_STEP
from pgverify.checking.exhaustive.asked_again import CHANGED
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Function = Callable[[pgv.Trajectories], np.ndarray]
Outcome = pgv.Outcome


def by_call(factor: Callable[[int], float]) -> Function:
    """Return reward-to-go times a factor that depends on how often the function was called."""
    calls = [0]

    def function(batch: pgv.Trajectories) -> np.ndarray:
        calls[0] += 1
        return RewardToGo()(batch) * factor(calls[0])

    return function


@pytest.mark.parametrize("calls", slow_but([1, 3, 4, 10, 30], [4]))
def test_a_warm_up_that_is_over_is_said(calls: int) -> None:
    """Four calls are less than one round on the first problem, ten are more: what is said is the same."""
    warm = by_call(lambda call: 0.0 if call <= calls else 1.0)
    report = pgv.check(warm, problems=named("bandit", "early-stop"))
    assert report.outcome is Outcome.INCONCLUSIVE
    assert report.explanation.startswith(CHANGED)
    assert "since then: the exact expectation equals the target" in report.explanation
    assert "random" not in report.explanation
    assert report.next_step == NEXT_STEP


def test_a_ramp_is_a_warm_up() -> None:
    report = pgv.check(by_call(lambda call: min(call / 9.0, 1.0)), problems=named("bandit", "early-stop"))
    assert report.outcome is Outcome.INCONCLUSIVE
    assert "random" not in report.explanation


def test_a_fault_that_stays_after_a_warm_up_is_a_fault() -> None:
    warm = by_call(lambda call: 0.0 if call <= 3 else 1.0)
    report = pgv.check(lambda b: warm(b) * (1.0 + (b.actions[:, :1] == 1)), problems=named("bandit", "early-stop"))
    assert report.outcome is Outcome.BIASED
    assert CHANGED in report.explanation


def test_what_changes_on_the_way_is_not_right() -> None:
    """Right for ninety calls, and half of it from then on: what was listed first is no longer so."""
    report = pgv.check(by_call(lambda call: 1.0 if call < 90 else 0.5), problems=named("bandit", "early-stop"))
    assert not report.outcome.good
    assert CHANGED in report.explanation


def test_in_batches_of_a_design_it_is_said_too() -> None:
    warm = by_call(lambda call: 0.0 if call <= 3 else 1.0)
    report = pgv.check(warm, problems=named("bandit"), design=pgv.Independent(sizes=(3,)))
    assert report.outcome is Outcome.INCONCLUSIVE
    assert report.explanation.startswith(CHANGED)


@pytest.mark.slow
def test_what_is_seldom_random_is_no_warm_up() -> None:
    """Negative control: now and then something else, and for long the same."""
    rng = np.random.default_rng(0)
    report = pgv.check(by_call(lambda _: 1.0 + 0.01 * (rng.random() < 0.1)), problems=named("bandit"))
    assert "it is random" in report.explanation
    assert CHANGED not in report.explanation


@pytest.mark.parametrize("right", [RewardToGo(), lambda batch: RewardToGo()(batch).astype(np.float32)])
def test_what_answers_the_same_is_asked_once(right: Function) -> None:
    assert pgv.check(right, problems=named("bandit", "early-stop")).outcome is Outcome.CORRECT
