"""A bias many times all that varies needs no variance; what is off by less, or could be paid for seldom, is no bias."""

from __future__ import annotations

import numpy as np
import pytest

from pgverify.checking.sampled.beyond_the_range import beyond_the_range
from pgverify.checking.sampled.one_size import RAREST
from pgverify.stats.sequential_rare import RareEvents
from pgverify.stats.sequential_tails import Tails


def said(samples: np.ndarray, target: float, alpha: float = 1e-6, unseen: tuple[RareEvents, ...] = ()) -> bool:
    return beyond_the_range(Tails.of(samples[:, None]), np.array([target]), unseen, alpha)


def seldom(rng: np.random.Generator, share: float, count: int = 1_000) -> np.ndarray:
    """Nearly constant, and now and then not."""
    return 1e-6 * (rng.random(count) < share) + 1e-9 * rng.normal(size=count)


def test_what_varies_little_and_seldom_is_off_where_the_target_is_far() -> None:
    rng = np.random.default_rng(0)
    samples = seldom(rng, 0.01)
    assert said(samples, 1e-3)
    assert said(samples, -1e-3)
    assert not said(samples, 1e-8)


def test_what_rare_trajectories_may_add_forbids_a_word() -> None:
    samples = seldom(np.random.default_rng(0), 0.01)
    assert not said(samples, 1e-3, unseen=(RareEvents(np.ones(1), np.ones((1, 1))),))
    assert said(samples, 1e-3, unseen=(RareEvents(np.zeros(1), np.zeros((1, 1))),))


def test_all_alike_are_off_by_any_gap_but_rounding() -> None:
    assert said(np.full(400, 0.5), 0.4)
    assert not said(np.full(400, 0.5), 0.5)


LAWS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "as rare as is looked for": lambda rng, n: np.where(rng.random(n) < RAREST, 1.0 / RAREST - 1.0, -1.0),
    "skewed": lambda rng, n: rng.exponential(size=n) - 1.0,
}


@pytest.mark.parametrize("law", sorted(LAWS))
def test_a_right_mean_is_not_accused(law: str) -> None:
    """60 runs: at α = .05 three would be allowed, and Hoeffding is far below."""
    rng = np.random.default_rng(3)
    assert not any(said(LAWS[law](rng, 150), 0.0, 0.05) for _ in range(60))


def test_the_bound_is_not_empty() -> None:
    """Negative control: the same samples are accused of a mean that is off by their range."""
    rng = np.random.default_rng(3)
    assert all(said(LAWS[law](rng, 400), 100.0) for law in LAWS)
