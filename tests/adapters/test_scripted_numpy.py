"""NumPy's and Python's draws, dictated: each against its law by hand; what is left when the context is over."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.adapters.numpy import GLOBAL, ScriptedGenerator, scripted
from pgverify.errors import InvalidInput, InvalidRun, UnscriptedDraw

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

R: Any = np.random

LAWS: dict[str, tuple[Callable[[], float], float]] = {
    "choice": (lambda: R.choice([1.0, 2.0, 5.0], p=[0.5, 0.25, 0.25]), 2.25),
    "choice of many": (lambda: R.choice(3, size=2).sum(), 2.0),
    "choice without": (lambda: float(np.ptp(R.choice(3, size=2, replace=False))), 4.0 / 3.0),
    "permutation": (lambda: R.permutation(3) @ [1.0, 10.0, 100.0], 111.0),
    "first of a permutation": (lambda: float(R.permutation(3)[0] == 2), 1.0 / 3.0),
    "shuffle": (lambda: _shuffled([1.0, 2.0, 9.0])[0], 4.0),
    "randint": (lambda: R.randint(2, 5), 3.0),
    "binomial": (lambda: R.binomial(3, 0.3) ** 2, 3 * 0.3 * 0.7 + 0.81),
    "multinomial": (lambda: R.multinomial(2, [0.3, 0.7]) @ [1.0, 3.0], 2 * (0.3 + 2.1)),
    "normal": (lambda: R.normal(1.0, 2.0) ** 2, 5.0),
    "randn": (lambda: float((R.randn(2) ** 2).sum()), 2.0),
    "uniform": (lambda: float(R.rand() < 0.3), 0.3),
    "uniform, other side": (lambda: float(np.float64(0.3) > R.random()), 0.3),
    "uniform twice": (lambda: _twice(R.uniform()), 0.2 + 2.0 * 0.3 + 3.0 * 0.5),
    "uniform in a table": (lambda: float(np.searchsorted(np.cumsum([0.2, 0.3, 0.5]), R.rand())), 1.3),
    "uniforms": (lambda: float((R.rand(2) < 0.3).sum()), 0.6),
    "uniform beside a table": (lambda: float((np.cumsum([0.2, 0.3]) < R.rand()).sum()), 1.3),
    "uniform before a table": (lambda: float(np.argmax(R.rand() <= np.cumsum([0.2, 0.3, 0.5]))), 1.3),
    "uniform of a range": (lambda: float(R.uniform(2.0, 4.0) < 2.6), 0.3),
    "uniforms of ranges": (lambda: float((R.uniform([0.0, 1.0], [1.0, 3.0]) > [0.4, 1.4]).sum()), 0.6 + 0.8),
    "uniform from above": (lambda: float(1.0 - R.rand() < 0.3), 0.3),
    "uniform made whole": (lambda: float(int(R.rand() * 4)), 1.5),
    "uniform moved, whole, compared": (lambda: _whole(2.0 * R.rand() + 1.0), 0.5 * 1 + 0.25 * 2 + 0.25 * 4),
    "integers of a table": (lambda: float(np.random.default_rng(1).integers([1, 2, 4]).sum()), 0.5 + 1.5),
    "binomial of a table": (lambda: float(R.binomial(2, [0.25, 0.5]).sum()), 1.5),
    "random_integers": (lambda: float(R.random_integers(3)), 2.0),
    "what is left of chances": (lambda: R.multinomial(1, [0.25, 0.25, 0.1]) @ [1.0, 2.0, 4.0], 2.75),
    "generator by its parts": (lambda: float(R.Generator(R.PCG64(1)).integers(3)), 1.0),
    "generator under another name": (lambda: float(OWN_NAME(R.PCG64(1)).integers(3)), 1.0),
    "choice under another name": (lambda: OWN_CHOICE([1.0, 4.0]), 2.5),
    "random.Random": (lambda: float(random.Random(0).randrange(3)), 1.0),
    "random.uniform": (lambda: float(random.uniform(0.0, 2.0) < 0.5), 0.25),
    "a space of Gymnasium": (lambda: float(_sampled(4)), 1.5),
    "generator": (lambda: float(np.random.default_rng(1).integers(3)), 1.0),
    "permuted": (lambda: np.random.default_rng(1).permuted(np.array([1.0, 3.0]))[0], 2.0),
    "old generator": (lambda: float(R.RandomState(1).randint(3)), 1.0),
    "random": (lambda: float(random.random() < 0.4), 0.4),
    "random.choice": (lambda: random.choice([1.0, 4.0]), 2.5),
    "random.choices": (lambda: sum(random.choices([1.0, 4.0], [3.0, 1.0], k=2)), 3.5),
    "random.sample": (lambda: float(sum(random.sample(range(3), 2))), 2.0),
    "random.shuffle": (lambda: _python_shuffled([1.0, 2.0, 9.0])[0], 4.0),
    "random.randrange": (lambda: random.randrange(1, 6, 2), 3.0),
    "random.gauss": (lambda: random.gauss(1.0, 2.0) ** 2, 5.0),
}


OWN_NAME, OWN_CHOICE = R.Generator, R.choice
"""As `from numpy.random import Generator` holds it."""


def _whole(number: Any) -> float:
    whole = int(number)
    return float(whole if whole == 1 else 2.0 if number < 2.5 else 4.0)


def _sampled(count: int) -> int:
    return int(pytest.importorskip("gymnasium").spaces.Discrete(count).sample())


def _shuffled(items: list[float]) -> list[float]:
    R.shuffle(items)
    return items


def _python_shuffled(items: list[float]) -> list[float]:
    random.shuffle(items)
    return items


def _twice(u: Any) -> float:
    """1, 2 or 3 for the part of (0, 1) that u is in, asked for in a clumsy way."""
    if u <= 0.5 and not u > 0.2:
        return 1.0
    return 2.0 if u < 0.5 else 3.0


@pytest.mark.parametrize("name", LAWS)
def test_a_draw_has_its_law(name: str) -> None:
    draw, expected = LAWS[name]

    def run(world: Any) -> list[float]:
        with scripted(world):
            return [float(draw())]

    assert pgv.choices.expectation(run).mean[0] == pytest.approx(expected, rel=1e-9)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "computed with": (lambda: np.log(1.0 - R.rand()), "computed with.*test_scripted_numpy"),
    "two of them": (lambda: R.rand() < R.rand(), "compared with what is no number"),
    "exponential": (lambda: R.exponential(), "by exponential"),
    "no range": (lambda: R.uniform(2.0, np.inf) < 2.5, "from 2 to inf"),
    "random.triangular": (lambda: random.triangular(0.0, 2.0), r"random\.triangular"),
    "a product of two": (lambda: R.rand() * R.rand() < 0.2, "computed with"),
    "too many whole numbers": (lambda: int(R.rand() * 1e6), "1,000,000 whole numbers"),
    "of a generator": (lambda: np.random.default_rng(0).gamma(2.0), "by gamma"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_options_is_refused(name: str) -> None:
    def run(world: Any) -> list[float]:
        with scripted(world):
            with contextlib.suppress(Exception):  # a program that catches everything hides nothing
                REFUSED[name][0]()
            return [0.0]

    with pytest.raises(UnscriptedDraw, match=REFUSED[name][1]):
        pgv.choices.expectation(run)


def test_everything_is_restored_after_an_exception_too() -> None:
    before = {name: getattr(np.random, name) for name in (*GLOBAL, "default_rng", "RandomState", "exponential")}
    python = {name: getattr(random, name) for name in ("random", "choice", "shuffle", "uniform")}
    state = np.random.get_state()[1].tolist()  # noqa: NPY002

    def run(world: Any) -> list[float]:
        with scripted(world):
            if R.rand() < 0.5:
                raise ZeroDivisionError
            return [0.0]

    with pytest.raises(InvalidInput, match="ZeroDivisionError"):
        pgv.choices.expectation(run)
    assert {name: getattr(np.random, name) for name in before} == before
    assert {name: getattr(random, name) for name in python} == python
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


def test_a_generator_made_before_is_found_and_may_be_given_another() -> None:
    class Agent:
        rng: Any = np.random.default_rng(0)

    agent = Agent()

    def run(world: Any) -> list[float]:
        with scripted(world):
            return [float(agent.rng.integers(2))]

    def scripts(world: Any) -> list[float]:
        agent.rng = ScriptedGenerator(world)
        return run(world)

    with pytest.raises(UnscriptedDraw, match="test_scripted_numpy"):
        pgv.choices.expectation(run)
    assert pgv.choices.expectation(scripts).mean[0] == 0.5


def test_no_world() -> None:
    with pytest.raises(InvalidInput, match="world is 3, must be a world"), scripted(3):
        pass


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: R.choice(2, p=[0.5, 0.4]), "do not sum to 1, but to 0.9"),
        (lambda: R.choice(2, p=[0.5, 0.3, 0.2]), "one for each item"),
        (lambda: R.choice(2, 3, replace=False), "larger sample"),
        (lambda: R.choice(3, 2, replace=False, p=[1.0, 0.0, 0.0]), "fewer non-zero"),
        (lambda: R.choice([]), "cannot be empty"),
        (lambda: R.multinomial(2, [0.7, 0.7, 0.0]), "pvals"),
    ],
)
def test_what_numpy_would_not_draw_is_not_drawn(draw: Callable[[], Any], said: str) -> None:
    """A loop that would fail when it runs must not be called right because its chances were mended."""
    with pytest.raises(ValueError, match=r"\w"):
        draw()

    def run(world: Any) -> list[float]:
        with scripted(world):
            return [float(np.sum(draw()))]

    with pytest.raises(InvalidRun, match=f"ValueError.*{said}"):
        pgv.choices.expectation(run)
