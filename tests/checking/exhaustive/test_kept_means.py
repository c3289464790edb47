"""Shipped expectations of the catalogue are those computed: `make catalogue-means` after a change of either."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import pgverify as pgv
from pgverify.bugs import ENTRIES
from pgverify.checking.exhaustive import kept_means
from pgverify.checking.exhaustive.catalogue_means import exact_mean, known_mean
from pgverify.checking.exhaustive.kept_means import SIZES, KeptQuestion, everything_asked, kept_mean
from pgverify.checking.exhaustive.write_kept_means import computed
from pgverify.suites.standard import standard_suite

PROBLEMS = {entry.name: entry.problem for entry in standard_suite()}
EVERYTHING = tuple(everything_asked())
ROUNDING = 1e-11
"""Relative to the largest entry: the means of batches are sums over up to 100,000 of them."""


def wrong(asked: KeptQuestion, factor: float = 1.0) -> bool:
    """Whether what is kept is not what is computed, or not kept at all."""
    kept = kept_mean(asked.function, PROBLEMS[asked.problem], asked.batch_size, asked.ordered, asked.alone)
    mean = computed(asked)
    if kept is None:
        return True
    if kept[0] is None or mean is None:
        return kept[0] is not mean
    return bool(np.abs(factor * kept[0] - mean).max() > ROUNDING * max(1.0, float(np.abs(mean).max())))


def few(step: int) -> tuple[KeptQuestion, ...]:
    return tuple(asked for asked in EVERYTHING[::step] if asked.batch_size <= 3)


@pytest.mark.usefixtures("unchecked_shapes", "as_many_as_for_users")
def test_a_sample_of_them_is_what_is_computed() -> None:
    sample = few(397)
    assert len({asked.problem for asked in sample}) > 5
    assert [asked.key for asked in sample if wrong(asked)] == []
    assert any(wrong(asked, factor=1.0 + 1e-9) for asked in sample)


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked_shapes", "as_many_as_for_users")
@pytest.mark.parametrize("problem", PROBLEMS)
def test_all_of_them_are(problem: str) -> None:
    assert [asked.key for asked in EVERYTHING if asked.problem == problem and wrong(asked)] == []


def test_every_entry_is_kept_on_every_problem() -> None:
    """A catalogue with one entry more needs them written anew."""
    kept = kept_means._kept()
    assert kept is not None
    assert set(kept.place) == {asked.key for asked in EVERYTHING}
    assert len(EVERYTHING) > 2 * len(ENTRIES) * len(PROBLEMS)


def test_other_functions_problems_and_sizes_are_computed() -> None:
    bug, coin = ENTRIES[0], PROBLEMS["coin"]
    assert kept_mean(bug.implementation, coin, 1, bug.ordered, False) is not None
    assert kept_mean(bug.implementation, coin, max(SIZES["coin"]) + 1, bug.ordered, False) is None
    assert kept_mean(lambda batch: bug.implementation(batch), coin, 1, bug.ordered, False) is None
    moved = replace(coin, policy=pgv.SoftmaxPolicy([[0.1, 0.2]]))
    assert kept_mean(bug.implementation, moved, 1, bug.ordered, False) is None
    found = known_mean(bug.implementation, moved, 1, bug.ordered)
    np.testing.assert_array_equal(found, exact_mean(bug.implementation, moved, 1, bug.ordered))


def test_without_the_file_everything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_means, "_kept", lambda: None)
    bug, coin = ENTRIES[0], PROBLEMS["coin"]
    assert kept_mean(bug.implementation, coin, 1, bug.ordered, False) is None
