"""Exact expectations of programs: values by hand, and one refusal for each way in which a program is none."""

from __future__ import annotations

import multiprocessing
import random
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.choices import TreeProgress
from pgverify.errors import InvalidChoice, InvalidInput, InvalidRun, NotRepeatable, TooLarge, UnscriptedDraw

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # whose own random draws would be found


def nested(world: Any) -> np.ndarray:
    heads = world.choose([0.25, 0.75])
    return np.array([1.0 + world.choose([0.5, 0.5]) if heads else 5.0])


def test_a_draw_whose_number_depends_on_a_draw() -> None:
    found = pgv.choices.expectation(nested)
    mean = 0.25 * 5.0 + 0.75 * 1.5
    assert found.mean == pytest.approx([mean])
    assert found.covariance == pytest.approx(np.array([[0.25 * 25.0 + 0.75 * 2.5 - mean**2]]))
    assert found.variance == pytest.approx(found.covariance[0])
    assert found.runs == 3


def test_a_branch_of_probability_zero_is_no_run() -> None:
    found = pgv.choices.expectation(lambda world: np.array([[3.0, 1.0 / 0.5, np.nan][world.choose([0.5, 0.5, 0.0])]]))
    assert (found.mean[0], found.runs) == (2.5, 2)


def test_a_program_without_a_draw_has_one_run() -> None:
    found = pgv.choices.expectation(lambda world: [1.0, 2.0])  # noqa: ARG005
    assert found.runs == 1
    assert (found.covariance == 0.0).all()


def test_a_walk_that_ends_by_chance() -> None:
    """The number of heads before the first tail, stopped at 10: Σ_{k=1..10} 0.6^k."""

    def run(world: Any) -> list[float]:
        count = 0
        while count < 10 and world.choose([0.4, 0.6]):
            count += 1
        return [float(count)]

    found = pgv.choices.expectation(run)
    assert found.mean[0] == pytest.approx(sum(0.6**k for k in range(1, 11)), rel=1e-13)
    assert found.runs == 11


def test_draws_that_change_nothing_are_left_out_and_said() -> None:
    def run(world: Any) -> list[float]:
        total = float(sum(world.choose([0.5, 0.5]) for _ in range(6)))
        world.choose([0.1] * 10)
        return [total]

    found = pgv.choices.expectation(run)
    assert (found.mean[0], found.runs) == (pytest.approx(3.0), 64)
    assert len(found.left_out) == 1
    assert "in run" in found.left_out[0]


def test_a_draw_that_matters_is_not_left_out() -> None:
    """Negative control: the same program, whose last draw enters the result one time in ten."""

    def run(world: Any) -> list[float]:
        total = float(sum(world.choose([0.5, 0.5]) for _ in range(6)))
        return [total + (world.choose([0.1] * 10) == 9)]

    found = pgv.choices.expectation(run)
    assert (found.mean[0], found.runs, found.left_out) == (pytest.approx(3.1), 640, ())


def test_progress_is_told_with_the_time_that_is_left() -> None:
    told: list[TreeProgress] = []
    pgv.choices.expectation(
        lambda world: [float(sum(world.choose([0.5, 0.5]) for _ in range(8)))], progress=told.append
    )
    assert told
    assert told[-1].seconds_left is None or told[-1].seconds_left >= 0.0


def leaks() -> Callable[[Any], Any]:
    seen: list[int] = []

    def run(world: Any) -> list[float]:
        seen.append(0)
        return [float(world.choose([0.5, 0.5]) + len(seen))]

    return run


def leaks_into_probabilities() -> Callable[[Any], Any]:
    seen: list[int] = []

    def run(world: Any) -> list[float]:
        seen.append(0)
        p = 0.5 / len(seen)
        return [float(world.choose([p, 1.0 - p]) + world.choose([0.5, 0.5]))]

    return run


def catches_all(world: Any) -> list[float]:
    try:
        return [float(world.choose([0.5, 0.4]))]
    except Exception:
        return [0.0]


REFUSED: dict[str, tuple[Callable[[Any], Any], type[InvalidInput], str]] = {
    "no option": (lambda w: [w.choose([])], InvalidChoice, "at least 1"),
    "sum": (lambda w: [w.choose([0.5, 0.4])], InvalidChoice, "sum to 0.9"),
    "NaN": (lambda w: [w.choose([np.nan, 1.0])], InvalidChoice, "is nan"),
    "negative": (lambda w: [w.choose([-0.5, 1.5])], InvalidChoice, "is -0.5"),
    "caught": (catches_all, InvalidChoice, "sum to 0.9"),
    "length": (lambda w: np.zeros(1 + w.choose([0.5, 0.5])), InvalidRun, "2 numbers, and 1"),
    "not finite": (lambda w: [1.0, np.inf * (1 + w.choose([0.5, 0.5]))], InvalidRun, "in entry 1"),
    "exception": (
        lambda w: [1.0 / w.choose([0.5, 0.5])],
        InvalidRun,
        "ZeroDivisionError.*test_choices_expectation.*0 of 2",
    ),
    "too many": (lambda w: [sum(w.choose([0.5, 0.5]) for _ in range(40))], TooLarge, "about 1.1e"),
    "global of NumPy": (
        lambda w: [w.choose([0.5, 0.5]) + np.random.random()],  # noqa: NPY002
        UnscriptedDraw,
        "global.*test_choices_expectation",
    ),
    "module random": (lambda w: [w.choose([0.5, 0.5]) + random.random()], UnscriptedDraw, "random module"),
    "made generator": (lambda w: [w.choose([0.5, 0.5]) + np.random.default_rng(1).random()], UnscriptedDraw, "PCG64"),
    "state": (leaks(), NotRepeatable, "repeated at the end"),
    "state in probabilities": (leaks_into_probabilities(), NotRepeatable, "draw 1 .* has probability"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_judged_is_refused_in_one_sentence(name: str) -> None:
    run, error, said = REFUSED[name]
    with pytest.raises(error, match=said) as reason:
        pgv.choices.expectation(run)
    assert "\n" not in str(reason.value)


def test_names_of_temporary_files_and_of_locks_are_no_draws() -> None:
    """Both are made up at random, and by libraries: a log file, a buffer that several processes may share."""

    def run(world: Any) -> list[float]:
        with tempfile.TemporaryFile() as file:
            multiprocessing.get_context("spawn").RLock()
            return [float(world.choose([0.5, 0.5])) + file.tell()]

    assert pgv.choices.expectation(run).mean == pytest.approx([0.5])


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: random.Random(1), "type Random"),
        (lambda: np.random.default_rng(3), "PCG64 at .*test_choices_expectation"),
    ],
)
def test_generators_that_are_held_are_looked_at(made: Any, said: str) -> None:
    own = made()
    with pytest.raises(UnscriptedDraw, match=said):
        pgv.choices.expectation(lambda world: [world.choose([0.5, 0.5]) + own.random()])
