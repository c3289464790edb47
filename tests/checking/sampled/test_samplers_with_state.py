"""A sampler that changes in the course of its calls: the generator of the first call, asked again, tells."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.checking.sampled.asked_at_the_end import FirstEstimates

Sampler = Callable[[pgv.Problem, int, np.random.Generator], np.ndarray]
pytestmark = pytest.mark.usefixtures("unchecked_shapes")
EASY = named("bandit")


def honest(problem: pgv.Problem, number: int, rng: np.random.Generator) -> np.ndarray:
    batch = pgv.sample(problem, number, seed=int(rng.integers(2**31)))
    return np.asarray(pgv.estimators.RewardToGo()(batch))


def from_call_on(last: int, before: float, after: float) -> Sampler:
    calls = count(1)

    def sampler(problem: pgv.Problem, number: int, rng: np.random.Generator) -> np.ndarray:
        return honest(problem, number, rng) * (before if next(calls) <= last else after)

    return sampler


@pytest.mark.parametrize("last", [1, 5, 50])
def test_one_that_is_halved_later_keeps_state(last: int) -> None:
    report = pgv.check(from_call_on(last, 1.0, 0.5), kind="sampler", problems=EASY)
    assert report.outcome is pgv.Outcome.INVALID
    assert "0.5 times what it gave then" in report.explanation


def test_one_whose_warm_up_is_over_keeps_state() -> None:
    report = pgv.check(from_call_on(3, 0.5, 1.0), kind="sampler", problems=EASY)
    assert report.outcome is pgv.Outcome.INVALID


def test_honest_ones_are_not_accused() -> None:
    """With the generator given, with one of its own, and one that always is half of what it should be."""
    own = np.random.default_rng(3)
    for sampler in (honest, lambda problem, number, _: honest(problem, number, own)):
        report = pgv.check(sampler, kind="sampler", problems=EASY)
        assert report.outcome is pgv.Outcome.CONSISTENT
        assert "keeps state" not in str(report)
    assert pgv.check(from_call_on(0, 1.0, 0.5), kind="sampler", problems=EASY).outcome is pgv.Outcome.SCALED


def test_what_is_seen_at_the_end() -> None:
    """Numbers that are no multiple are told apart from those that are; rounding and numbers of its own are neither."""
    rows = np.random.default_rng(0).normal(size=(16, 3))
    later = {"same": rows, "rounded": rows * (1.0 + 1e-7), "twice": 2.0 * rows, "other": rows[::-1], "zero": 0.0 * rows}
    found = {}
    for name, late in later.items():
        answers = iter([rows, late, late])
        found[name] = FirstEstimates.of(lambda _count, _call, answers=answers: next(answers)).asked_again()  # type: ignore[misc]
    assert found["same"] == found["rounded"] == ("", False)
    assert found["twice"][1]
    assert "2 times" in found["twice"][0]
    assert found["zero"][1]
    assert "other estimates" in found["other"][0]
    assert not found["other"][1]
    answers = iter([rows, rows[::-1], rows + 1.0])
    assert FirstEstimates.of(lambda _count, _call: next(answers)).asked_again() == ("", False)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_said_to_be_so_and_not_to_depend(value) -> None:
    """A correlation with NaN is NaN, which is below nothing: it looked like dependence."""

    def sampler(problem, count, rng):
        estimates = rng.normal(size=(count, problem.policy.parameters.size))
        estimates[1, 0] = value
        return estimates

    report = pgv.check(sampler, kind="sampler")
    assert report.outcome is pgv.Outcome.INVALID
    assert f"returned {value} at [1, 0] of" in report.explanation
    assert "default_rng" in report.next_step


def test_numbers_used_again_are_told_what_to_do() -> None:
    def sampler(problem, count, rng):
        return np.random.default_rng(7).normal(size=(count, problem.policy.parameters.size))

    report = pgv.check(sampler, kind="sampler")
    assert report.outcome is pgv.Outcome.INVALID
    assert "reuse nothing" in report.next_step
