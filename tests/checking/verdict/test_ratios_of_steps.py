"""Products of ratios from which some are missing, and sums for products, have their names; what is near has not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from slow_cases import slow_but

import pgverify as pgv
from pgverify.estimators.discounted_sum import discounted_sum

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def ratios(batch: pgv.Trajectories) -> np.ndarray:
    return np.where(batch.mask, batch.importance, 1.0)


def products(batch: pgv.Trajectories, weights: np.ndarray) -> np.ndarray:
    """Return Σ_t ψ_t Σ_{k≥t} γ^k w_k r_k."""
    return batch.score_weighted(discounted_sum(batch.discount_powers * weights * batch.rewards * batch.mask, 1.0))


def whole(batch: pgv.Trajectories, weights: np.ndarray) -> np.ndarray:
    return products(batch, np.ones(batch.rewards.shape)) * weights[:, None]


def without_first(batch: pgv.Trajectories) -> np.ndarray:
    return np.where(np.arange(batch.num_steps) == 0, 1.0, ratios(batch))


def before(batch: pgv.Trajectories) -> np.ndarray:
    return np.cumprod(np.pad(ratios(batch), ((0, 0), (1, 0)), constant_values=1.0)[:, :-1], axis=1)


def geometric(batch: pgv.Trajectories) -> np.ndarray:
    return np.prod(ratios(batch), axis=1) ** (1.0 / np.maximum(batch.lengths, 1))


Function = Callable[[pgv.Trajectories], np.ndarray]
NAMED: dict[str, tuple[str, Function]] = {
    "own": ("ratio-of-a-step-missing", lambda b: products(b, before(b))),
    "first": ("ratio-of-a-step-missing", lambda b: products(b, np.cumprod(without_first(b), axis=1))),
    "first of all": ("ratio-of-a-step-missing", lambda b: whole(b, np.prod(without_first(b), axis=1))),
    "sum": ("ratios-summed", lambda b: whole(b, np.where(b.mask, b.importance, 0.0).sum(axis=1))),
    "capped": ("ratio-product-capped", lambda b: products(b, np.cumprod(np.minimum(ratios(b), 1.0), axis=1))),
    "capped product": ("ratio-product-capped", lambda b: whole(b, np.minimum(np.prod(ratios(b), axis=1), 1.0))),
    "clipped product": ("ratio-product-capped", lambda b: whole(b, np.clip(np.prod(ratios(b), axis=1), 0.8, 1.2))),
    "none beyond": (
        "ratio-product-capped",
        lambda b: whole(b, np.prod(ratios(b), axis=1) * (np.prod(ratios(b), axis=1) <= 1.5)),
    ),
}
NEAR: dict[str, Function] = {
    "bounded smoothly": lambda b: products(b, np.cumprod(np.tanh(ratios(b)), axis=1)),
    "capped at the first": lambda b: products(b, np.cumprod(np.minimum(without_first(b), 1.0), axis=1)),
    "geometric mean": lambda b: whole(b, geometric(b)),
    "half of it": lambda b: 0.5 * (products(b, before(b)) + products(b, np.cumprod(ratios(b), axis=1))),
    "first halved": lambda b: products(b, np.cumprod(0.5 * (1.0 + without_first(b)), axis=1)),
}


@pytest.mark.parametrize("case", slow_but(NAMED, ["own", "capped"]))
def test_what_is_missing_is_named(case: str) -> None:
    slug, function = NAMED[case]
    report = pgv.check(function, suite="off-policy", explore=0)
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, slug), str(report)


@pytest.mark.parametrize("case", slow_but(NEAR, ["bounded smoothly"]))
def test_what_is_near_has_no_such_name(case: str) -> None:
    report = pgv.check(NEAR[case], suite="off-policy", explore=0)
    assert report.outcome is pgv.Outcome.BIASED
    known = {"ratio-of-a-step-missing", "ratios-summed", "ratio-product-capped"}
    assert not known & {match.slug for match in report.matches}, str(report)
