"""Updates that were cut, or levelled, after the gradient was known: said so, and nothing is said of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_rounded_weights import judged, loop

from pgverify.checking import Outcome
from pgverify.checking.agents.cut_updates import UNCUT, told_cuts

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

GRADIENTS = list(np.random.default_rng(3).normal(size=(12, 5)))


def clipped(value: np.ndarray, most: float) -> np.ndarray:
    return value * min(1.0, most / (float(np.linalg.norm(value)) + 1e-6))


@pytest.mark.parametrize(
    ("cut", "word"),
    [
        (lambda g: clipped(g, 0.5), "the norm is 0.5"),
        (lambda g: clipped(g, float(np.median([np.linalg.norm(x) for x in GRADIENTS]))), "norms seem to be clipped"),
        (lambda g: np.clip(g, -0.7, 0.7), "the largest entry is 0.7"),
        (lambda g: g / (np.abs(g) + 1e-8), "all entries have one size"),
        (lambda g: np.float32(10.0 * np.sign(g)), "all entries have one size"),
    ],
)
def test_what_was_done_is_said(cut: Any, word: str) -> None:
    (said,) = told_cuts([[cut(g) for g in GRADIENTS[:6]], [cut(g) for g in GRADIENTS[6:]]])
    assert word in said


@pytest.mark.parametrize(
    "made",
    [
        lambda g: g,
        lambda g: np.float32(g),
        lambda g: clipped(g, 100.0),
        lambda g: g[0] * np.array([1.0, -1.0, 0.0]),  # two actions: entries are alike in each, and not among them
        lambda g: np.sign(g[0]) * np.array([1.0, -1.0, 0.0]),  # a problem with one direction
        lambda g: 0.0 * g,
    ],
)
def test_nothing_is_said_of_what_was_not_cut(made: Any) -> None:
    assert told_cuts([[made(g) for g in GRADIENTS]]) == []


def test_the_report_has_it_with_the_next_step() -> None:
    report = judged(loop(lambda _, gradient: clipped(gradient, 0.02)))
    assert report.outcome is Outcome.BIASED
    assert "norms seem to be clipped there" in report.warnings[0]
    assert report.next_step == UNCUT
