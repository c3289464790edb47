"""Whatever is added to a standard deviation, the division has its name; what is near it but is none has none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
SMALL = ("early-stop", "three-starts")
Estimate = Callable[[pgv.Trajectories], np.ndarray]
Divisor = Callable[[np.ndarray, np.ndarray], np.ndarray]


def divided(
    size: int, divisor: Divisor, ddof: int = 1, factor: float = 1.0
) -> Callable[[pgv.Trajectories], np.ndarray]:
    def function(batch: pgv.Trajectories) -> np.ndarray:
        r = (batch.rewards * batch.discount_powers).sum(axis=1).reshape(-1, size)
        mean = r.mean(axis=1, keepdims=True)
        weights = factor * (r - mean) / divisor(r.std(axis=1, ddof=ddof, keepdims=True), mean)
        return batch.score_weighted(np.where(batch.mask, weights.reshape(-1, 1), 0.0))

    return function


def told(function: Estimate, design: pgv.Grouped | pgv.Independent) -> pgv.Report:
    return pgv.check(function, problems=named(*SMALL), design=design, explore=0)


@pytest.mark.parametrize(
    ("size", "added", "ddof"),
    [
        (4, 1e-6, 1),
        pytest.param(8, 1e-3, 0, marks=pytest.mark.slow),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [(8, 1e-4, 1), (4, 1e-3, 1), (4, 0.1, 0), (3, 1e-5, 1)]
        ),
    ],
)
def test_any_number_may_be_added(size: int, added: float, ddof: int) -> None:
    report = told(divided(size, lambda std, _: std + added, ddof), pgv.Grouped(size, 2))
    slug = "group-std" if ddof else "group-std-population"
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, slug)
    assert [match.slug for match in report.matches] == [slug]


def test_it_is_said_what_is_added_also_under_the_root() -> None:
    root = told(divided(4, lambda std, _: np.sqrt(std**2 + 1e-2), 0, -2.0), pgv.Grouped(4, 2))
    assert root.diagnosis == "group-std-population + sign-reversed"
    assert root.notes[-1].endswith("; 0.01 is added to the square of the standard deviation")


@pytest.mark.slow
def test_batches_without_groups() -> None:
    report = told(divided(6, lambda std, _: std + 2e-3), pgv.Independent(sizes=(6,)))
    assert (report.diagnosis, report.notes[-1]) == ("group-std", "0.002 is added to the standard deviation")


@pytest.mark.parametrize(
    "divisor",
    [
        lambda std, mean: std + 1e-3 * np.abs(mean) + 1e-9,
        pytest.param(lambda std, _: np.maximum(std, 0.4), marks=pytest.mark.slow),
        pytest.param(lambda std, _: np.abs(std - 1e-3) + 1e-9, marks=pytest.mark.slow),
        pytest.param(lambda std, _: std + np.resize([1e-3, 1e-2], std.shape), marks=pytest.mark.slow),
    ],
)
def test_what_is_close_but_is_not_it(divisor: Divisor) -> None:
    report = told(divided(4, divisor), pgv.Grouped(4, 2))
    assert (report.outcome, report.diagnosis, report.matches) == (pgv.Outcome.BIASED, None, ())


def test_without_a_discount_one_fault_is_said_once() -> None:
    """Then a return without γ is the return."""
    transition = [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]
    mdp = pgv.TabularMDP([0.5, 0.5], transition, [[1.0, -0.3], [0.2, 0.7]])
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy([[0.4, -0.2], [-0.5, 0.3]]), pgv.FiniteHorizon(2, 1.0))
    report = pgv.check(divided(3, lambda std, _: std + 1e-4), problems=problem, explore=0, design=pgv.Grouped(3, 2))
    assert [match.slug for match in report.matches] == ["group-std"]
    assert report.diagnosis == "group-std"
