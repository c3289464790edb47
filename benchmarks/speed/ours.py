"""What we do at each vector of parameters, compiled and in NumPy alone; nothing of other libraries is imported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from pairs import Work
from tables import Tables

import pgverify as pgv
from pgverify.exact import compiled_sums, solution
from pgverify.streaming import sampled_moments

COMPILED = ((sampled_moments, "kernel"), (compiled_sums, "compiled"), (solution, "compiled_action_sums"))
"""Where compiled code is asked for."""


@contextmanager
def numpy_alone() -> Iterator[None]:
    """Leave compiled code out; put in place by hand, for `mock.patch` takes a tenth of what is measured."""
    kept = [getattr(room, name) for room, name in COMPILED]
    for room, name in COMPILED:
        setattr(room, name, _none)
    try:
        yield
    finally:
        for (room, name), was in zip(COMPILED, kept, strict=True):
            setattr(room, name, was)


def _none(*_: object) -> None:
    """Stand in for a library that was not built."""


def without_compiled(work: Work) -> Work:
    def alone(theta: np.ndarray) -> object:
        with numpy_alone():
            return work(theta)

    return alone


def our_moments(tables: Tables, n: int, diagonal: bool | None = None) -> Work:
    problem, seeds = tables.problem(), iter(range(10**9))
    estimator = pgv.estimators.RewardToGo()

    def work(theta: np.ndarray) -> object:
        return pgv.sample_moments(estimator, problem.with_parameters(theta), n, seed=next(seeds), diagonal=diagonal)

    return work


def our_gradient(tables: Tables) -> Work:
    problem = tables.problem()
    return lambda theta: pgv.exact.gradient(problem.with_parameters(theta))
