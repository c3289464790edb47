"""Seeds that are given twice in one update: outside the check the same numbers would come again, which is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking import Outcome

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

PROBLEMS = [entry for entry in pgv.suites.get("standard") if entry.name in ("bandit", "early-stop")]


def reinforce(world: Any, seeded: Any, reset: Any) -> Any:
    """Return the mean of two episodes of REINFORCE, each with what draws its actions from `seeded`."""
    problem = world.problem
    table, gamma = np.asarray(problem.policy.logits), problem.objective.discount
    gradient = np.zeros_like(table)
    with pgv.adapters.numpy.scripted(world):
        for number in range(2):
            rng, rows, done = seeded(number), [], False
            state, _ = world.env.reset(**reset(number))
            while not done:
                pi = np.exp(table[state]) / np.exp(table[state]).sum()
                action = int(rng.choice(len(pi), p=pi))
                following, reward, done, _, _ = world.env.step(action)
                rows.append((state, action, reward, pi))
                state = following
            to_go = 0.0
            for t, (here, action, reward, pi) in reversed(list(enumerate(rows))):
                to_go = reward + gamma * to_go
                gradient[here] -= gamma**t * to_go * pi
                gradient[here, action] += gamma**t * to_go
    return gradient.ravel() / 2


def judged(seeded: Any, reset: Any = lambda _: {}) -> Any:
    def update(world: Any) -> Any:
        return reinforce(world, seeded, reset)

    return pgv.check(update, kind="agent", policy=lambda world: world.problem.policy, problems=PROBLEMS)


def legacy(seed: int) -> Any:
    np.random.seed(seed)  # noqa: NPY002 — as it is written
    return np.random


AGAIN = {
    "a generator in every episode": lambda _: np.random.default_rng(0),
    "an old one": lambda _: np.random.RandomState(0),
    "the global one": lambda _: legacy(0),
}
ONCE = {
    "a seed for every episode": lambda number: np.random.default_rng(number),
    "no seed": lambda _: np.random.default_rng(),
    "seeded twice, with nothing drawn in between": lambda number: np.random if number else [legacy(0), legacy(0)][1],
    "seeded once": lambda number: np.random if number else legacy(0),
}


@pytest.mark.parametrize("how", AGAIN)
def test_a_seed_that_comes_again_is_said(how: str) -> None:
    report = judged(AGAIN[how])
    assert report.outcome is Outcome.CORRECT  # over all seeds, of which there would be one
    assert any("a generator is given the seed 0 a second time in one run" in each for each in report.warnings), report


@pytest.mark.parametrize("how", ONCE)
def test_other_seeds_are_fine(how: str) -> None:
    assert judged(ONCE[how]).warnings == ()


def test_seeds_of_the_environment() -> None:
    again = judged(ONCE["a seed for every episode"], lambda _: {"seed": 7})
    assert any("an environment is given the seed 7 a second time" in each for each in again.warnings), again
    once = judged(ONCE["a seed for every episode"], lambda number: {} if number else {"seed": 7})
    each = judged(ONCE["a seed for every episode"], lambda number: {"seed": number})
    assert once.warnings == each.warnings == ()


def test_a_second_environment_of_the_same_seed() -> None:
    def both(world: Any) -> Any:
        for env in (world.env, world.another_env()):
            env.reset(seed=3)
            env.reset(seed=3)  # before any step this changes nothing
        return [float(world.choose([0.5, 0.5]))]

    found = pgv.choices.expectation(lambda world: both(pgv.agents.AgentWorld(PROBLEMS[0].problem, world)))
    assert [remark.count("the seed 3") for remark in found.remarks] == [1]
    assert "the seed 3 a second time" in str(found)
