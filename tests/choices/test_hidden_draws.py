"""Draws that nobody dictates, and state, on a branch that the first run does not take: refused, with what they are."""

from __future__ import annotations

import contextlib
import copy
import os
import random
import secrets
import time
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.errors import InvalidInput, NotRepeatable, UnscriptedDraw

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

HALF = [0.5, 0.5]
HELD = np.random.default_rng(7)

DRAWS: dict[str, tuple[Callable[[], float], str]] = {
    "os.urandom": (lambda: os.urandom(1)[0] % 2, "random bytes.*in <lambda>"),
    "secrets": (lambda: secrets.randbelow(2), "random bytes.*test_hidden_draws"),
    "uuid": (lambda: uuid.uuid4().int % 2, "random bytes.*test_hidden_draws"),
    "the system's generator": (lambda: random.SystemRandom().random() < 0.5, "random bytes"),
    "a new generator of random": (lambda: random.Random().random() < 0.5, "drew from a generator of type Random|bytes"),
    "a generator without a seed": (lambda: np.random.default_rng().random() < 0.5, "PCG64|bytes"),
    "a generator by its parts": (lambda: np.random.Generator(np.random.PCG64(3)).random(), "PCG64"),
    "an old generator": (lambda: np.random.RandomState(3).rand(), "MT19937"),
    "a copied generator": (lambda: copy.deepcopy(HELD).random(), "PCG64"),
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("branch", [0, 1])
def test_a_draw_on_either_branch_is_refused(name: str, branch: int) -> None:
    draw, said = DRAWS[name]
    with pytest.raises(UnscriptedDraw, match=said) as reason:
        pgv.choices.expectation(lambda world: [float(draw()) if world.choose(HALF) == branch else 2.0])
    assert "\n" not in str(reason.value)


def test_what_is_made_and_not_drawn_from_is_fine() -> None:
    def run(world: Any) -> list[float]:
        rng = np.random.default_rng(0), random.Random(), np.random.Generator(np.random.PCG64())
        assert isinstance(rng[0], np.random.Generator)
        assert isinstance(rng[1], random.Random)
        assert isinstance(np.random.RandomState(1), np.random.RandomState)
        name = uuid.uuid4().hex + str(len(os.urandom(3)))  # the name of a run, which changes nothing
        return [world.choose(HALF) + 0.0 * len(name)]

    found = pgv.choices.expectation(run)
    assert (found.mean[0], found.runs) == (0.5, 2)


def tree(draw: Callable[[], float], depth: int, one: Callable[[list[int]], bool]) -> Callable[[Any], list[float]]:
    """Return a program of 3^depth runs, one of which, or one line of which, draws."""

    def run(world: Any) -> list[float]:
        taken = [world.choose([0.25, 0.25, 0.5]) for _ in range(depth)]
        return [sum(taken) + (draw() if one(taken) else 0.0)]

    return run


@pytest.mark.parametrize(
    ("draw", "parts"),
    [
        (lambda: np.random.default_rng(3).random(), {}),
        (lambda: np.random.default_rng(3).random(), {"resume": "sums"}),
        (lambda: random.Random(3).random(), {}),
    ],
)
def test_one_run_of_many_that_makes_a_generator_is_refused(draw: Any, parts: dict[str, str], tmp_path: Any) -> None:
    """From a seed it draws the same every time: repeated runs alone would not show it, and few are."""
    given = {name: tmp_path / value for name, value in parts.items()}
    with pytest.raises(UnscriptedDraw, match="on one branch") as reason:
        pgv.choices.expectation(tree(draw, 5, lambda taken: taken == [2, 0, 1, 2, 1]), **given)
    assert "test_hidden_draws.py" in str(reason.value)


def test_every_option_of_every_line_is_taken_once_more() -> None:
    """Of 242 runs one takes a rare option, behind which the clock is asked."""

    def run(world: Any) -> list[float]:
        taken = [world.choose([0.25, 0.25, 0.5]) for _ in range(5)]
        rare = taken == [1, 2, 0, 1, 2] and world.choose([0.999, 0.001])
        return [sum(taken) + (float(time.perf_counter_ns()) if rare else 0.0)]

    with pytest.raises(NotRepeatable, match="a run, repeated at the end"):
        pgv.choices.expectation(run)


class Leaks:
    """State that does not show in the first run when it is repeated."""

    def __init__(self) -> None:
        self.count = 0
        self.seen = False

    def once(self, world: Any) -> float:
        option = world.choose([0.25] * 4)
        self.count += 1
        return float(option + (self.count == 3))

    def until_the_last(self, world: Any) -> float:
        option, coin = world.choose([0.25] * 4), world.choose(HALF)
        self.seen = (self.seen or (option == 1 and coin == 1)) and option != 3
        return float(option + (option == 2 and self.seen))

    def clock(self, world: Any) -> float:
        return float(time.perf_counter_ns()) if world.choose(HALF) else 0.0


@pytest.mark.parametrize("name", ["once", "until_the_last", "clock"])
def test_state_that_the_first_run_does_not_show_is_refused(name: str) -> None:
    program = getattr(Leaks(), name)
    with pytest.raises(
        NotRepeatable, match=r"a run, repeated at the end, returns .*, and leave out what asks the clock"
    ):
        pgv.choices.expectation(lambda world: [program(world)])


def test_what_was_replaced_is_put_back() -> None:
    before = (os.urandom, np.random.Generator, np.random.default_rng, random.Random.__init__)
    for run in (lambda world: [float(world.choose(HALF))], lambda world: [1.0 / world.choose(HALF)]):
        with contextlib.suppress(InvalidInput):
            pgv.choices.expectation(run)
        assert (os.urandom, np.random.Generator, np.random.default_rng, random.Random.__init__) == before
