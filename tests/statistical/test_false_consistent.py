"""What benchmarks/false_consistent.py counts is at least what `at_two_tolerances` says, on the same estimates."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pgverify.checking.sampled.goal import Goal
from pgverify.checking.sampled.two_tolerances import SHARP, at_two_tolerances
from pgverify.stats import SequentialOutcome

RATES = (0.5, 0.05)
"""Of the first many are CONSISTENT, whatever they are."""


def load(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up, and one file imports the other
    spec.loader.exec_module(module)
    return module


load("sequential_simulation")
benchmark = load("false_consistent")


def said(estimates: np.ndarray, rate: float) -> float:
    """Return the tolerance within which `check` calls the estimates CONSISTENT; 0 where it does not."""
    test = replace(benchmark.TEST, consistent_rate=rate)
    place = 0

    def draw(count: int, _call: int) -> np.ndarray:
        nonlocal place
        place += count
        return estimates[place - count : place]

    result = at_two_tolerances(Goal(benchmark.TARGET, 1.0, 1.0, ()), test, draw)
    return result.limit if result.outcome is SequentialOutcome.CONSISTENT else 0.0


@pytest.mark.parametrize("law", ["hardly any", "normal", "one in 50 adds 10"])
@pytest.mark.parametrize("kind", ["usual", "sharp"])
def test_what_is_said_is_counted(kind: str, law: str, unchecked_shapes: None) -> None:
    """Of estimates that are right, as of others the word is hardly ever said."""
    tolerance = {"usual": benchmark.TEST.tolerance, "sharp": SHARP}[kind]
    off = benchmark.NOISE[law](np.random.default_rng(5), 4) * 0.3
    counted = benchmark.may_be_called(off, RATES, 1.0)
    spoken = np.array([[said(benchmark.TARGET + tolerance * run, rate) for run in off] for rate in RATES])
    within = (spoken > 0.0) & (spoken <= tolerance)
    assert not (within & ~counted[kind]).any()
    assert within[0].any()  # so that the comparison is not one of nothing


def test_only_runs_out_of_reach_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same words are counted where every run goes through the whole arithmetic, and some do not."""
    off = 0.8 * benchmark.TARGET + 2.0 * benchmark.NOISE["normal"](np.random.default_rng(7), 40)
    found = benchmark.may_be_called(off, RATES, 1.0)
    reach = benchmark._within_reach
    monkeypatch.setattr(benchmark, "_within_reach", lambda off, *_: np.ones(len(off), dtype=bool))
    for kind, each in benchmark.may_be_called(off, RATES, 1.0).items():
        assert np.array_equal(each, found[kind])
    assert found["usual"].sum() > 0
    tests = [benchmark.TEST]
    assert 0 < reach(off, tests, max(RATES), 1.0).sum() < len(off)


def test_a_bias_far_beyond_is_never_counted() -> None:
    """Negative control: ten tolerances, whatever the rate."""
    noise = benchmark.NOISE["normal"](np.random.default_rng(6), 4)
    found = benchmark.may_be_called(10.0 * benchmark.TARGET + noise, RATES, 1.0)
    assert not any(each.any() for each in found.values())
