"""Runs as rows of a vectorised program: the same expectation, or none where rows are not what runs are alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.choices.by_rows import Rows, expectation_by_rows
from pgverify.errors import InvalidInput, NotRepeatable, TooLarge

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

Finish = Callable[[np.ndarray, np.ndarray], np.ndarray]


def vectorised(finish: Finish, leaks: float = 0.0, shuffles: bool = False) -> Callable[[Any], list[float]]:
    """Return a program of two states: five coins a row, whose chances depend on what the row has drawn."""

    def run(worlds: Any) -> list[float]:
        count = len(worlds.worlds) if hasattr(worlds, "worlds") else 1
        states, totals = np.zeros(count, dtype=int), np.zeros((count, 2))
        for step in range(5):
            for i in range(count):
                heads = 0.3 + 0.2 * states[i] + leaks * states.sum() * (count > 1)
                world = worlds.of_row(i, count) if count > 1 else worlds
                states[i] = world.choose([1.0 - heads, heads])
            totals += np.stack([states * (step + 1.0), states**2 - 0.5 * states * step], axis=1)
        scale = 1.0 + worlds.choose([0.5, 0.5]) if shuffles else 1.0
        weights = worlds.weights() if count > 1 else np.ones(1)
        return (scale * finish(totals, weights)).tolist()

    return run


def linear(totals: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return weights @ totals


def centred(totals: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return weights @ (totals - totals.mean(axis=0) * (len(totals) > 1))


def by_rows(run: Any, count: int = 8, limit: int = 1000) -> Any:
    return expectation_by_rows(run, Rows(run, count), limit)


@pytest.mark.parametrize("count", [2, 7, 64])
def test_rows_are_what_the_walk_finds(count: int) -> None:
    run = vectorised(linear)
    found, plain = by_rows(run, count), pgv.choices.expectation(run)
    assert found.mean == pytest.approx(plain.mean, rel=1e-12)
    assert found.runs == plain.runs == 32
    with pytest.raises(TooLarge, match="rows of a vectorised program"):
        found.covariance  # noqa: B018


def test_rows_that_are_not_summed_are_not_believed() -> None:
    assert by_rows(vectorised(centred)) is None


def test_a_draw_of_no_row_that_matters_is_not_believed() -> None:
    assert by_rows(vectorised(linear, shuffles=True)) is None


def test_rows_whose_chances_depend_on_others_are_refused() -> None:
    with pytest.raises(NotRepeatable, match="one row depends on another"):
        by_rows(vectorised(linear, leaks=0.01))


def test_more_runs_than_the_limit() -> None:
    with pytest.raises(TooLarge, match="limit=20"):
        by_rows(vectorised(linear), limit=20)


def test_a_draw_for_another_number_of_rows_is_refused() -> None:
    def run(worlds: Any) -> list[float]:
        if hasattr(worlds, "of_row"):
            worlds.of_row(0, 3).choose([1.0])
        return [1.0]

    with pytest.raises(InvalidInput, match="drew for 3 rows, and there are 8"):
        by_rows(run)
