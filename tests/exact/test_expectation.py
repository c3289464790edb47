"""The expectation over a list, on laws so small that their moments are computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pgverify.exact.batches import every_multiset, every_sequence
from pgverify.exact.expectation import expectation


def test_moments_of_two_values() -> None:
    """4 e_1 with probability ¼, −4 e_2 otherwise: E = (1, −3), E ĝ_1² = 4, E ĝ_2² = 12, E ĝ_1 ĝ_2 = 0, E max|ĝ| = 4."""
    values = {"first": np.array([4.0, 0.0]), "second": np.array([0.0, -4.0])}
    found = expectation(values.__getitem__, [("first", 0.25), ("second", 0.75)])
    assert found.mean.tolist() == [1.0, -3.0]
    assert found.covariance == pytest.approx(np.array([[3.0, 3.0], [3.0, 3.0]]), rel=1e-14)
    assert found.trace == pytest.approx(6.0, rel=1e-14)
    assert found.largest == 4.0


def test_rows_are_averaged() -> None:
    found = expectation(lambda size: np.arange(2.0 * size).reshape(size, 2), [(1, 0.5), (3, 0.5)])
    assert found.estimates.tolist() == [[0.0, 1.0], [2.0, 3.0]]


def test_what_the_function_raises_is_raised() -> None:
    with pytest.raises(KeyError, match="second"):
        expectation({"first": np.zeros(1)}.__getitem__, [("first", 0.5), ("second", 0.5)])


def test_pairs_of_two() -> None:
    """¾ and ¼: 9/16, 3/16 twice, 1/16; both orders together 6/16."""
    probability = np.array([0.75, 0.25])
    sequences = [([0, 0], 9 / 16), ([0, 1], 3 / 16), ([1, 0], 3 / 16), ([1, 1], 1 / 16)]
    assert list(every_sequence(probability, 2)) == sequences
    assert list(every_multiset(probability, 2)) == [([0, 0], 9 / 16), ([0, 1], 6 / 16), ([1, 1], 1 / 16)]
