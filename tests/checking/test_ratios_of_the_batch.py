"""Ratios that are upside down, or applied twice, where another policy acted: named by their entries."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pgverify as pgv
from pgverify.collected_problem import CollectedProblem

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Weights = Callable[[pgv.Trajectories, np.ndarray], np.ndarray]


def problem() -> CollectedProblem:
    """Return two steps in two states, of which another policy chooses the actions."""
    transition = [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]
    mdp = pgv.TabularMDP([0.5, 0.5], transition, [[1.0, -0.3], [0.2, 0.7]])
    policy, acting = pgv.SoftmaxPolicy([[0.4, -0.2], [-0.5, 0.3]]), pgv.SoftmaxPolicy([[-0.3, 0.5], [0.6, 0.1]])
    return CollectedProblem(mdp, policy, pgv.FiniteHorizon(2, 0.9), acting=acting)


def to_go(batch: pgv.Trajectories, ratios: np.ndarray) -> np.ndarray:
    """Return the per-decision weights Σ_{k≥t} γ^k ρ_0 ⋯ ρ_k r_k."""
    paid = batch.discount_powers * batch.rewards * batch.mask * np.cumprod(ratios, axis=1)
    return np.cumsum(paid[:, ::-1], axis=1)[:, ::-1]


def by_episode(batch: pgv.Trajectories, ratios: np.ndarray) -> np.ndarray:
    return to_go(batch, np.ones_like(ratios)) * ratios.prod(axis=1, keepdims=True)


def function(weights: Weights, power: float, factor: float = 1.0) -> Callable[[pgv.Trajectories], np.ndarray]:
    def estimate(batch: pgv.Trajectories) -> np.ndarray:
        ratios = np.where(batch.mask, batch.importance, 1.0) ** power
        return factor * batch.score_weighted(np.where(batch.mask, weights(batch, ratios), 0.0))

    return estimate


@pytest.mark.parametrize(
    ("estimate", "slug"),
    [
        (function(to_go, -1.0), "log-rho-swapped"),
        pytest.param(function(by_episode, -1.0), "log-rho-swapped", marks=pytest.mark.slow),
        pytest.param(
            function(lambda batch, ratios: ratios * to_go(batch, ratios), 1.0),
            "ratio-applied-twice",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_ratio_is_named(estimate: Callable[[pgv.Trajectories], np.ndarray], slug: str) -> None:
    report = pgv.check(estimate, problems=problem())
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, slug)


def test_what_is_near_it_is_not() -> None:
    half = pgv.check(function(to_go, -0.5), problems=problem())
    assert (half.outcome, half.diagnosis, half.matches) == (pgv.Outcome.BIASED, None, ())
    assert pgv.check(function(to_go, 1.0), problems=problem()).outcome is pgv.Outcome.CORRECT


@pytest.mark.slow
@pytest.mark.parametrize(("factor", "slug"), [(1.0, "log-rho-swapped"), (-1.0, "log-rho-swapped + sign-reversed")])
def test_so_it_is_on_the_suite(factor: float, slug: str) -> None:
    assert pgv.check(function(to_go, -1.0, factor), suite="off-policy").diagnosis == slug
