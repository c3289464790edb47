"""Thirty programs with tricky randomness: right, by hand, or refused with the reason."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.adapters.numpy import scripted
from pgverify.errors import InvalidChoice, InvalidInput, InvalidRun, NotRepeatable, TooLarge, UnscriptedDraw

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

R: Any = np.random
HALF = [0.5, 0.5]


def tree(world: Any, depth: int = 3) -> int:
    """Leaves of a tree that branches with probability 1/2: F(0) = 1, F(n) = 1/2 + F(n − 1)."""
    if depth == 0 or world.choose(HALF):
        return 1
    return tree(world, depth - 1) + tree(world, depth - 1)


def polya(world: Any) -> float:
    """An urn whose chances depend on all draws before: a martingale, so that the share stays 1/3."""
    red, all_ = 1, 3
    for _ in range(4):
        red += world.choose([1.0 - red / all_, red / all_])
        all_ += 1
    return red / all_


def stops_at_six(world: Any) -> float:
    count = 1
    while count < 4 and world.choose([1 / 6] * 6) != 5:
        count += 1
    return float(count)


def caught_branch(world: Any) -> float:
    try:
        return 1.0 / world.choose(HALF)
    except ZeroDivisionError:
        return 7.0


def generator_of_draws(world: Any) -> float:
    def draws() -> Iterator[int]:
        while True:
            yield world.choose(HALF)

    source = draws()
    return float(sum(next(source) for _ in range(3)))


def unused_generator(world: Any) -> float:
    lazily = (world.choose(HALF) for _ in range(5))
    return float(next(lazily))


def inner_expectation(world: Any) -> float:
    inner = pgv.choices.expectation(lambda other: [float(other.choose([0.25, 0.75]))])
    return float(world.choose(HALF)) + float(inner.mean[0])


def numpy_and_python(world: Any) -> float:
    with scripted(world):
        return float(R.randint(3)) * random.choice([1.0, 3.0]) + (R.rand() < 0.25)


def scripted_twice(world: Any) -> float:
    with scripted(world), scripted(world):
        return float(R.choice([1.0, 3.0]))


def rejection(world: Any) -> float:
    """The first of at most three tries below one half, by uniform numbers that are compared twice."""
    with scripted(world):
        for _ in range(3):
            u = R.rand()
            if u < 0.5:
                return float(u < 0.25)
    return 0.0


def sorted_by_keys(world: Any) -> float:
    with scripted(world):
        order = R.permutation(3)
        R.shuffle(order)
        return float(order[0] * 4 + order[1] * 2)


RIGHT: dict[str, tuple[Callable[[Any], float], float]] = {
    "nested draws": (lambda w: float(tree(w)), 2.5),
    "an urn": (polya, 1.0 / 3.0),
    "a number of draws by chance": (stops_at_six, 1.0 + 5 / 6 + 25 / 36 + 125 / 216),
    "a chance of zero first": (lambda w: float(w.choose([0.0, 0.25, 0.75])), 1.75),
    "a chance of zero last": (lambda w: float(w.choose([0.25, 0.75, 0.0])), 0.75),
    "one option": (lambda w: float(w.choose([1.0])) + w.choose(HALF), 0.5),
    "tiny chances": (lambda w: 1e9 * w.choose([1.0 - 1e-9, 1e-9]), 1.0),
    "an exception that is caught": (caught_branch, 4.0),
    "a generator": (generator_of_draws, 1.5),
    "a generator that goes on": (unused_generator, 0.5),
    "one inside another": (inner_expectation, 1.25),
    "two libraries": (numpy_and_python, 2.25),
    "two contexts": (scripted_twice, 2.0),
    "rejection": (rejection, 0.25 * (1.0 + 0.5 + 0.25)),
    "a shuffle of a shuffle": (sorted_by_keys, float(np.mean([4 * p[0] + 2 * p[1] for p in permutations(range(3))]))),
    "fractions": (lambda w: float(w.choose([Fraction(1, 3), Fraction(2, 3)])), 2.0 / 3.0),
    "single precision": (lambda w: float(w.choose(np.full(3, 1 / 3, dtype=np.float32))), 1.0),
    "its own generator, from a seed": (lambda w: float(w.choose(HALF)) + len({1, 2}), 2.5),
}


@pytest.mark.parametrize("name", RIGHT)
def test_it_is_right(name: str) -> None:
    program, expected = RIGHT[name]
    found = pgv.choices.expectation(lambda world: [program(world)])
    assert found.mean[0] == pytest.approx(expected, rel=1e-7)


class Leaks:
    """State that goes from run to run, in several ways."""

    def __init__(self) -> None:
        self.count = 0
        self.cache: dict[int, float] = {}
        self.mean = 0.0

    def counted(self, world: Any) -> float:
        self.count += 1
        return float(world.choose(HALF)) + (self.count > 2)

    def cached(self, world: Any) -> float:
        key = world.choose(HALF)
        if key not in self.cache:
            self.cache[key] = float(world.choose(HALF))
        return self.cache[key]

    def running_mean(self, world: Any) -> float:
        value = float(world.choose([0.5, 0.5]))
        self.mean += 0.1 * (value - self.mean)
        return value - self.mean

    def options(self, world: Any) -> float:
        self.count += 1
        return float(world.choose(np.full(1 + self.count % 3, 1.0 / (1 + self.count % 3))) + world.choose(HALF))


def in_a_thread(world: Any) -> float:
    found: list[int] = []

    def draw() -> None:
        with contextlib.suppress(InvalidInput):
            found.append(world.choose(HALF))

    thread = threading.Thread(target=draw)
    thread.start()
    thread.join()
    return float(sum(found))


def kept_world() -> Callable[[Any], float]:
    kept: list[Any] = []

    def run(world: Any) -> float:
        kept.append(world)
        return float(kept[0].choose(HALF))

    return run


def drawing_on_one_branch(world: Any) -> float:
    return float(R.random()) if world.choose(HALF) == 0 else 0.0


def drawing_on_another_branch(world: Any) -> float:
    return float(R.random()) if world.choose(HALF) == 1 else 0.0


def fails_on_one_branch(world: Any) -> float:
    return [1.0, 2.0][world.choose([0.4, 0.3, 0.3])]


def endless(world: Any) -> float:
    while True:
        world.choose([1.0])


REFUSED: dict[str, tuple[Callable[[], Callable[[Any], Any]], type[InvalidInput], str]] = {
    "a count": (lambda: Leaks().counted, NotRepeatable, "state is left over"),
    "a cache": (lambda: Leaks().cached, NotRepeatable, "state is left over"),
    "a running mean": (lambda: Leaks().running_mean, NotRepeatable, "state is left over"),
    "options that change": (lambda: Leaks().options, NotRepeatable, "state is left over"),
    "another thread": (lambda: in_a_thread, InvalidChoice, "another thread"),
    "a world of before": (kept_world, InvalidChoice, "after the end of its run"),
    "a hidden draw": (lambda: drawing_on_one_branch, UnscriptedDraw, "global generator"),
    "a hidden draw later": (
        lambda: drawing_on_another_branch,
        UnscriptedDraw,
        "global generator.*in drawing_on_another",
    ),
    "one bad branch": (lambda: fails_on_one_branch, InvalidRun, "IndexError.*2 of 3"),
    "no end": (lambda: endless, InvalidRun, "a run must end"),
    "a long shuffle": (lambda: _shuffled, TooLarge, "in _shuffled multiply them"),
    "a uniform number": (lambda: _computed, UnscriptedDraw, "computed with"),
    "a negative chance": (lambda: lambda w: float(w.choose([1.5, -0.5])), InvalidChoice, "is -0.5"),
    "infinite": (lambda: lambda w: float(w.choose([np.inf, 0.0])), InvalidChoice, "is inf"),
}


def _shuffled(world: Any) -> float:
    with scripted(world):
        return float(R.permutation(12) @ np.arange(12.0) ** 2)


def _computed(world: Any) -> float:
    with scripted(world):
        return float(-np.log(R.rand()))


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_reason(name: str) -> None:
    make, error, said = REFUSED[name]
    program = make()
    with pytest.raises(error, match=said) as reason:
        pgv.choices.expectation(lambda world: [program(world)])
    assert "\n" not in str(reason.value)


def test_there_are_thirty() -> None:
    assert len(RIGHT) + len(REFUSED) >= 30
