"""What callers and functions do carelessly gets a sentence: arguments, deleted fields, calls that fail on the side."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.checking import standard_suite
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
COIN, STOP = named("coin", "early-stop")
RIGHT = RewardToGo()
Function = Callable[[pgv.Trajectories], object]

# ------------------------------------------------------------------------------------------------------- problems


def as_array(*problems: pgv.Problem) -> np.ndarray:
    found = np.empty(len(problems), dtype=object)
    found[:] = problems
    return found


@pytest.mark.parametrize(
    "problems",
    [
        COIN,
        standard_suite()[0],
        as_array(COIN, COIN),
        (problem for problem in [COIN, COIN]),
        {"any name": COIN}.values(),
    ],
    ids=["one problem", "one of the suite", "array", "generator", "view"],
)
def test_one_problem_and_any_iterable_are_taken(problems: Iterable[pgv.Problem]) -> None:
    report = pgv.check(RIGHT, problems=problems)
    assert report.outcome is pgv.Outcome.CORRECT
    name = "coin" if problems is standard_suite()[0] else "problems[0]"
    assert report.findings[0].problem == name


@pytest.mark.parametrize(
    ("problems", "sentence"),
    [
        (7, "problems is 7, must be one Problem or an iterable of them; leave it out for the standard suite"),
        (np.array(COIN, dtype=object), r"problems is array\(.*must be one Problem or an iterable"),
        (False, "problems is False, must be"),
        ([], "problems is empty, must hold at least one Problem; leave it out for the standard suite"),
        ((problem for problem in ()), "problems is empty, must hold"),
        (np.array([], dtype=object), "problems is empty, must hold"),
        ("coin", r"problems\[0\] is 'c', must be a Problem"),
        ({"any name": COIN}, r"problems\[0\] is 'any name', must be a Problem"),
        (np.array([COIN, 3], dtype=object), r"problems\[1\] is 3, must be a Problem"),
        (np.array([[COIN]], dtype=object), r"problems\[0\] is array\("),
    ],
)
def test_anything_else_is_refused_in_one_sentence(problems: object, sentence: str) -> None:
    with pytest.raises(pgv.errors.InvalidInput, match=sentence) as refused:
        pgv.check(RIGHT, problems=problems)  # type: ignore[arg-type]
    message = str(refused.value)
    assert "\n" not in message
    assert len(message) < 300


def test_what_a_generator_raises_is_its_own() -> None:
    def broken() -> Iterable[pgv.Problem]:
        yield COIN
        raise TypeError("the caller's own")

    with pytest.raises(TypeError, match="the caller's own"):
        pgv.check(RIGHT, problems=broken())


# ------------------------------------------------------------------------------------------------- deleted fields


@pytest.mark.parametrize("name", ["rewards", "log_probs", "states"])
def test_a_deleted_field_is_a_changed_input(name: str) -> None:
    def deletes(batch: pgv.Trajectories) -> np.ndarray:
        rows = RIGHT(batch)
        del vars(batch)[name]
        return rows

    report = pgv.check(deletes, problems=COIN)
    assert report.outcome is pgv.Outcome.CORRECT
    assert any(warning.startswith(f"changes its input ({name}) on the batch") for warning in report.warnings)


def test_nothing_is_left_of_the_input() -> None:
    def clears(batch: pgv.Trajectories) -> np.ndarray:
        rows = RIGHT(batch)
        vars(batch).clear()
        return rows

    warnings = pgv.check(clears, problems=COIN).warnings
    assert any("changes its input (states, actions, rewards" in warning for warning in warnings)
    assert not any("changes its input" in warning for warning in pgv.check(RIGHT, problems=COIN).warnings)


# ---------------------------------------------------------------------------- calls that fail for an invariant alone


def padded_values(batch: pgv.Trajectories) -> bool:
    return bool(batch.rewards[~batch.mask].any())


def longer(batch: pgv.Trajectories) -> bool:
    return batch.num_steps > 3


def doubled(batch: pgv.Trajectories) -> bool:
    """Twice 1.4, the largest reward."""
    return bool(np.abs(batch.rewards[batch.mask]).max() > 2.0)


def constant(batch: pgv.Trajectories) -> bool:
    """More than one step, and every reward is 1."""
    return bool((batch.rewards[batch.mask] == 1.0).all())


def shifted(batch: pgv.Trajectories) -> bool:
    """Rewards of 1.2 and −0.4, and 1.5 more."""
    return bool(np.isclose(batch.rewards[..., None], [2.7, 1.1]).any())


def another_model(batch: pgv.Trajectories) -> bool:
    return bool(batch.problem.mdp.reward.max() > 1.5)


def raises(_: np.ndarray) -> object:
    raise ValueError("not this one")


def not_a_number(rows: np.ndarray) -> object:
    return np.nan * rows


def wrong_shape(rows: np.ndarray) -> object:
    return rows[:, :-1]


FAILURES: list[tuple[Callable[[np.ndarray], object], str]] = [
    (raises, "it raised ValueError: not this one on the batch"),
    (not_a_number, "it returned nan at"),
    (wrong_shape, "it returned shape ("),
]


def failing(where: Callable[[pgv.Trajectories], bool], how: Callable[[np.ndarray], object]) -> Function:
    """Reward-to-go, but on some batches."""
    return lambda batch: how(RIGHT(batch)) if where(batch) else RIGHT(batch)


@pytest.mark.parametrize(("how", "why"), FAILURES)
@pytest.mark.parametrize(
    ("where", "check"),
    [(padded_values, "padding values"), (longer, "padded steps"), (doubled, "reward scale")],
)
def test_a_failing_call_is_told(
    where: Callable[[pgv.Trajectories], bool], check: str, how: Callable[[np.ndarray], object], why: str
) -> None:
    report = pgv.check(failing(where, how), problems=STOP)
    assert report.outcome is pgv.Outcome.CORRECT
    told = [warning for warning in report.warnings if "could not be tried" in warning]
    assert len(told) == len(report.warnings) == 1, "what was not tried is not said to be broken"
    assert told[0].startswith(f"'{check}' could not be tried on problem problems[0]: {why}")
    untried = [finding for finding in report.findings if finding.found == ()]
    assert [(finding.check, finding.holds) for finding in untried] == [(check, False)]


@pytest.mark.parametrize(("how", "why"), FAILURES)
@pytest.mark.parametrize(("where", "check"), [(shifted, "reward shift"), (constant, "constant reward")])
def test_a_failing_call_with_other_rewards_is_told(
    where: Callable[[pgv.Trajectories], bool], check: str, how: Callable[[np.ndarray], object], why: str
) -> None:
    report = pgv.check(failing(where, how), problems=COIN)
    assert report.outcome is pgv.Outcome.CORRECT
    told = [warning for warning in report.warnings if warning.startswith(f"'{check}' could not be tried")]
    assert len(told) == 1
    assert why in told[0]


def test_a_failing_call_with_another_model_is_told() -> None:
    report = pgv.check(failing(another_model, raises), problems=STOP)
    assert report.outcome is pgv.Outcome.CORRECT
    assert [warning.split(" could")[0] for warning in report.warnings] == ["'model'"]


def test_company_that_is_needed_with_constant_rewards_only_is_told_as_such() -> None:
    """One trajectory alone is refused; the report does not say so of all rewards."""
    report = pgv.check(failing(lambda batch: len(batch) == 1 and constant(batch), raises), problems=COIN)
    assert report.outcome is pgv.Outcome.CORRECT
    assert len(report.warnings) == 1
    assert report.warnings[0].startswith(
        "'constant reward' could not be tried on problem problems[0]: it needs more than one trajectory"
    )


def test_chance_with_other_rewards_only_is_told() -> None:
    calls: list[int] = []

    def drifts(batch: pgv.Trajectories) -> np.ndarray:
        calls.append(len(calls))
        return RIGHT(batch) * (1.0 + len(calls) * shifted(batch))

    report = pgv.check(drifts, problems=COIN)
    # With the rewards of the problem it is right, but samples of those cannot show what it does with others.
    assert report.outcome is pgv.Outcome.INCONCLUSIVE
    assert "two answers were given only to a batch that had been altered" in report.explanation


def test_a_part_of_the_trajectories_that_fails_is_told() -> None:
    """80 trajectories are listed together and one by one; invariants are tried on 24 of them."""
    report = pgv.check(failing(lambda batch: len(batch) == 24, raises), problems=named("many-states"))
    assert report.outcome is pgv.Outcome.CORRECT
    assert any(warning.startswith("'part of the trajectories' could not be tried") for warning in report.warnings)


@pytest.mark.parametrize("problem", [COIN, STOP])
def test_nothing_is_told_where_all_could_be_tried(problem: pgv.Problem) -> None:
    assert pgv.check(RIGHT, problems=problem).warnings == ()
