"""Search beyond the suite: what shows on longer, wider or cut problems alone is found, innocents are not accused.

All faulty functions equal their target on the whole standard suite: the negative control of the suite itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from exploration_styles import FAULTY, OTHER_KINDS, OTHER_THERE, RIGHT, SCALED_THERE

import pgverify as pgv
from pgverify.errors import InvalidInput

pytestmark = pytest.mark.usefixtures("unchecked_shapes", "as_many_as_for_users")
Outcome = pgv.Outcome

ALONE_AND_EXPLORED = {
    **{name: (function, Outcome.CORRECT) for name, function in (FAULTY | OTHER_KINDS).items()},
    **{name: (function, Outcome.SCALED) for name, function in SCALED_THERE.items()},
    **{name: (function, Outcome.OTHER_TARGET) for name, function in OTHER_THERE.items()},
}


QUICK = ("credit for 7", "actions from 4 on ignored", "cut episodes ignored")
"""Long, wide and cut; the others are slow."""

QUICK_RIGHT = ("reward-to-go", "bootstraps at a cut", "stacks steps")


@pytest.mark.parametrize(
    "name",
    [name if name.startswith(QUICK) else pytest.param(name, marks=pytest.mark.slow) for name in ALONE_AND_EXPLORED],
)
def test_a_fault_that_the_suite_cannot_show_is_found(name: str) -> None:
    function, alone = ALONE_AND_EXPLORED[name]
    assert pgv.check(function, explore=0).outcome is alone
    report = pgv.check(function)
    assert report.outcome is Outcome.BIASED
    assert report.diagnosis is None
    smallest = report.smallest_failure
    assert smallest is not None
    assert smallest.problem.startswith("explored[")
    assert "built again: pgv.Problem(" in report.warnings[0]


@pytest.mark.parametrize(
    "name", [name if name in QUICK_RIGHT else pytest.param(name, marks=pytest.mark.slow) for name in RIGHT]
)
def test_the_innocent_are_correct(name: str) -> None:
    function, note = RIGHT[name]
    report = pgv.check(function)
    assert report.outcome is Outcome.CORRECT
    assert note in " ".join((*report.notes, str(report.scope)))
    assert "of a sequence of random problems" in report.error_rate
    if not note:
        assert "until the cut" not in " ".join(report.notes)


def test_weights_are_explored_too() -> None:
    def weights(batch: pgv.Trajectories) -> np.ndarray:
        paid = np.where(np.arange(batch.num_steps) < 10, batch.rewards, 0.0) * batch.discount_powers
        return paid[:, ::-1].cumsum(axis=1)[:, ::-1]

    assert pgv.check(weights, kind="weights", explore=0).outcome is Outcome.CORRECT
    assert pgv.check(weights, kind="weights").outcome is Outcome.BIASED


def failing(where: Callable[[pgv.Trajectories], bool]) -> Callable[[pgv.Trajectories], np.ndarray]:
    def function(batch: pgv.Trajectories) -> np.ndarray:
        if where(batch):
            raise IndexError("beyond")
        return np.asarray(RIGHT["reward-to-go"][0](batch))

    return function


def test_a_failure_has_an_excuse_at_the_extremes_alone() -> None:
    inside = pgv.check(failing(lambda batch: bool((batch.actions > 5).any())))
    assert inside.outcome is Outcome.INVALID
    assert "beyond the suite, it raised IndexError: beyond" in inside.explanation
    assert "built again" in inside.warnings[0]
    assert pgv.check(failing(lambda batch: batch.discount == 0.0)).outcome is Outcome.CORRECT
    assert pgv.check(failing(lambda batch: bool((batch.lengths == 0).any()))).outcome is Outcome.CORRECT
    assert pgv.check(failing(lambda batch: bool(np.abs(batch.rewards).max() > 1e5))).outcome is Outcome.CORRECT


def test_nan_at_a_cut_has_none() -> None:
    right = RIGHT["reward-to-go"][0]
    report = pgv.check(lambda batch: np.where(batch.truncated[:, None], np.nan, right(batch)))
    assert report.outcome is Outcome.INVALID
    assert "cut after" in report.explanation


def test_the_problem_that_is_reported_shows_the_fault_to_the_user() -> None:
    """The finding is made again by hand: the code is run, and the expectation computed from its trajectories."""
    function = FAULTY["credit for 7 steps"]
    report = pgv.check(function)
    problem = eval(report.warnings[0].split("built again: ")[1], {"pgv": pgv})
    assert problem.objective.horizon == 8  # seven rewards and one more
    assert problem.mdp.num_actions == 2
    finding = report.smallest_failure
    assert finding is not None
    batch, probability = pgv.exact.enumerate_trajectories(problem)
    np.testing.assert_allclose(probability @ np.asarray(function(batch)), finding.found, rtol=1e-9)
    np.testing.assert_allclose(pgv.exact.gradient(problem), finding.expected, rtol=1e-9, atol=1e-15)
    assert pgv.check(function, problems=problem).outcome is Outcome.BIASED


def test_the_more_problems_the_longer_the_search() -> None:
    wide = FAULTY["action 7 ignored"]  # the first problem with eight actions is the third
    assert pgv.check(wide, explore=2).outcome is Outcome.CORRECT
    assert pgv.check(wide, explore=3).outcome is Outcome.BIASED


def test_given_problems_are_not_left() -> None:
    problems = [entry.problem for entry in pgv.suites.get("standard")[:4]]
    calls: list[int] = []

    def counting(batch: pgv.Trajectories) -> np.ndarray:
        calls.append(batch.problem.mdp.num_states)
        return np.asarray(RIGHT["reward-to-go"][0](batch))

    report = pgv.check(counting, problems=problems)
    assert set(calls) <= {problem.mdp.num_states for problem in problems}
    assert "sequence" not in report.error_rate


@pytest.mark.parametrize("wrong", [-1, 2.5, True, "all"])
def test_a_number_of_problems_is_asked_for(wrong: object) -> None:
    with pytest.raises(InvalidInput, match=r"explore is .*, must be an integer of at least 0, the number of"):
        pgv.check(RIGHT["reward-to-go"][0], explore=wrong)


def test_a_law_that_leaves_nothing_is_kept_where_it_leaves_nothing() -> None:
    """Powers that begin at one: γ times the target on the suite, and zero where γ = 0; half of it there is no law."""

    def from_one(batch: pgv.Trajectories) -> np.ndarray:
        return batch.discount * pgv.estimators.RewardToGo()(batch)

    report = pgv.check(from_one)
    assert report.outcome is pgv.Outcome.SCALED, str(report)
    assert "γ" in report.explanation
    half = pgv.check(lambda batch: from_one(batch) if batch.discount > 0 else 0.5 * pgv.estimators.RewardToGo()(batch))
    assert half.outcome is pgv.Outcome.BIASED
