"""Malformed sparse tables are refused in one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from pgverify import TabularMDP
from pgverify.errors import InvalidMDP

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

P = np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0], [0.25, 0.75]])
START = [1.0, 0.0]


def changed(row: int, column: int, value: float) -> sp.csr_array:
    table = P.copy()
    table[row, column] = value
    return sp.csr_array(table)


def of_objects() -> sp.csr_array:
    table = sp.csr_array(P)
    table.data = table.data.astype(object)
    return table


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "three rows": ({"transition": sp.csr_array(P[:3])}, r"transition is sparse of shape \(3, 2\), must be \[S·A, S\]"),
    "no rows": ({"transition": sp.csr_array((0, 2))}, r"transition is sparse of shape \(0, 2\)"),
    "nothing": ({"transition": sp.csr_array((0, 0))}, r"transition is sparse of shape \(0, 0\)"),
    "NaN": ({"transition": changed(2, 1, np.nan)}, r"transition\.data\[\d\] is nan, every entry must be finite"),
    "infinite": ({"transition": changed(2, 1, np.inf)}, r"transition\.data\[\d\] is inf, every entry"),
    "negative": ({"transition": changed(1, 1, -0.5)}, r"transition holds -0.5 in row 1, a probability must lie"),
    "sum": ({"transition": changed(3, 0, 0.5)}, r"transition\[1, 1\] sums to 1.25, must sum to 1"),
    "empty row": ({"transition": changed(1, 0, 0.0)}, r"transition\[0, 1\] sums to 0, must sum to 1"),
    "complex": ({"transition": sp.csr_array(P + 0j)}, "transition is sparse of complex128 .* must be real numbers"),
    "objects": ({"transition": of_objects()}, "transition is sparse of object, must be real numbers"),
    "vector": ({"transition": sp.coo_array(np.ones(4))}, r"transition is sparse of float64 and shape \(4,\)"),
    "dense reward": ({"reward": np.zeros((2, 2, 2))}, r"reward has shape \(2, 2, 2\), must be \[S, A\] = \(2, 2\)"),
    "narrow reward": ({"reward": sp.csr_array(P[:, :1])}, r"reward is sparse of shape \(4, 1\), must be \[S·A, S\]"),
    "NaN reward": ({"reward": changed(0, 0, np.nan)}, r"reward\.data\[0\] is nan, every entry must be finite"),
    "complex reward": ({"reward": sp.csr_array(P + 0j)}, "reward is sparse of complex128"),
    "sparse reward alone": (
        {"transition": P.reshape(2, 2, 2), "reward": sp.csr_array(P)},
        "reward is sparse, must be .* where transition is not; give both sparse",
    ),
    "sparse noise alone": (
        {"transition": P.reshape(2, 2, 2), "reward_noise": sp.csr_array(P)},
        "reward_noise is sparse, must be",
    ),
    "negative noise": ({"reward_noise": changed(0, 1, -1.0)}, r"reward_noise\[0, 0, 1\] is -1, a standard deviation"),
    "leak": (
        {"terminal": [False, True], "reward": 0.0},
        r"transition\[1, 1, 1\] is 0.75 in terminal state 1, must",
    ),
    "paid end": (
        {"transition": sp.csr_array([[0.5, 0.5], [1, 0], [0, 1], [0, 1]]), "terminal": [False, True]},
        r"reward\[1, 0, 1\] is 1 in terminal state 1, must be 0",
    ),
    "short start": ({"start": [1.0]}, r"start has shape \(1,\), must be \[S\] = \(2,\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_malformed_tables_are_refused_in_one_sentence(name: str) -> None:
    change, message = REFUSED[name]
    parts = {"start": START, "transition": sp.csr_array(P), "reward": np.ones((2, 2))} | change
    with pytest.raises(InvalidMDP, match=message) as refusal:
        TabularMDP(**parts)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).count(". ") == 0


def test_almost_one_in_a_terminal_state_is_shown_in_full() -> None:
    """A row may sum to 1 within 1e-12, but a terminal state keeps all of it: the message must not say "is 1"."""
    with pytest.raises(InvalidMDP, match=r"is 0\.9999999999999\d* in terminal state 0, must be 1"):
        TabularMDP([1.0], [[[1.0 - 1e-13]]], [[0.0]], [True])
