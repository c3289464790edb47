"""What we do at each vector of parameters, compiled and in NumPy alone; nothing of other libraries is imported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import numpy as np
from pairs import Work
from tables import Tables

import pgverify as pgv
from pgverify.exact import compiled_sums, solution
from pgverify.streaming import sampled_moments


@contextmanager
def numpy_alone() -> Iterator[None]:
    """Leave compiled code out."""
    none = lambda *_: None  # noqa: E731
    with (
        mock.patch.object(sampled_moments, "kernel", none),
        mock.patch.object(compiled_sums, "compiled", none),
        mock.patch.object(solution, "compiled_action_sums", none),
    ):
        yield


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
