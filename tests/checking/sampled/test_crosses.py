"""Expectations over all pairs from crosses of their table: right where it is a sum of products, refused where not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.checking.sampled.crosses import CONFIRMED, MOST_CROSSES, crossed
from pgverify.exact import enumerate_trajectories

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def test_a_sum_of_products_is_added_up_wholly() -> None:
    """F_j(x, y) = Σ_k u_jk(x) v_jk(y) of rank 3: the mean is Σ_k E u_jk E v_jk, with a twentieth of the calls."""
    rng = np.random.default_rng(5)
    left, right, chance = rng.normal(size=(2, 200, 3)), rng.normal(size=(2, 200, 3)), rng.dirichlet(np.ones(200))
    called = []

    def estimate(pair: np.ndarray) -> np.ndarray:
        called.append(tuple(pair))
        return np.einsum("jk,jk->j", left[:, pair[0]], right[:, pair[1]])

    found = crossed(estimate, chance, np.random.default_rng(0))
    assert found is not None
    assert found.confirmed == 2 * CONFIRMED
    expected = np.einsum("jk,jk->j", np.einsum("jxk,x->jk", left, chance), np.einsum("jyk,y->jk", right, chance))
    np.testing.assert_allclose(found.mean, expected, atol=1e-12)
    assert len(called) < 200**2 / 20


@pytest.mark.parametrize("rounded", [np.float64, np.float32])
def test_a_baseline_made_of_the_other_is_four_products(rounded: type) -> None:
    """Whatever it is made of: here the arc tangent of the other's return, on 128 trajectories."""
    (problem,) = named("stochastic-chain")
    batch, probability = enumerate_trajectories(problem)

    def estimate(rows: np.ndarray) -> np.ndarray:
        b = batch.select(rows)
        r = (b.discount_powers * b.rewards).sum(axis=1)
        a = r - np.arctan(3.0 * r[::-1])
        values = b.score_weighted(np.repeat(a[:, None], b.num_steps, 1)).astype(rounded)
        return np.asarray(values.mean(axis=0), dtype=float)

    found = crossed(estimate, probability, np.random.default_rng(0))
    assert found is not None
    np.testing.assert_allclose(found.mean, pgv.exact.gradient(problem), atol=1e-6 if rounded is np.float32 else 1e-12)


def larger_of_two(numbers: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda pair: np.array([max(numbers[pair[0]], numbers[pair[1]])])


def one_pair_apart(numbers: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a product but in one block of 30 × 30 pairs: one in eleven."""
    noise = np.random.default_rng(2).normal(size=(100, 100))
    return lambda pair: np.array([numbers[pair[0]] * numbers[pair[1]] + noise[tuple(pair)] * (pair < 30).all()])


@pytest.mark.parametrize("function", [larger_of_two, one_pair_apart])
def test_what_is_no_sum_of_few_products_is_refused(function: Callable[[np.ndarray], Callable]) -> None:
    """Negative control."""
    numbers = np.random.default_rng(1).normal(size=100)
    assert crossed(function(numbers), np.full(100, 0.01), np.random.default_rng(0)) is None


def test_no_more_crosses_than_allowed() -> None:
    calls, noise = [], np.random.default_rng(2).normal(size=(100, 100))

    def estimate(pair: np.ndarray) -> np.ndarray:
        calls.append(1)
        return np.array([noise[tuple(pair)]])

    assert crossed(estimate, np.full(100, 0.01), np.random.default_rng(0)) is None
    assert len(calls) <= 32 + 200 * MOST_CROSSES + 2 * CONFIRMED * 3  # two that fail, and twice as many once


def test_few_pairs_are_all_called_where_crosses_do_not_suffice() -> None:
    """Of 20 trajectories all 400 ordered pairs, each once: the mean is their sum, and takes no symmetry."""
    noise, chance = np.random.default_rng(2).normal(size=(20, 20)), np.random.default_rng(3).dirichlet(np.ones(20))
    calls: list[tuple[int, ...]] = []

    def estimate(pair: np.ndarray) -> np.ndarray:
        calls.append(tuple(pair))
        return np.array([noise[tuple(pair)]])

    found = crossed(estimate, chance, np.random.default_rng(0))
    assert found is not None
    assert found.mean == pytest.approx([chance @ noise @ chance], rel=1e-12)
    assert len(calls) == len(set(calls)) == 400
