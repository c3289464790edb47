"""The error rates of `SequentialTest`, and its sample sizes. The long version: benchmarks/sequential_rates.py.

False-fail rate of this file: at most 1e-7 in all, each of its counts being bounded at 2e-9. Seeds are fixed.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import binom

from pgverify.stats import SequentialOutcome, SequentialTest
from pgverify.stats.power import f_noncentrality
from pgverify.stats.sequential_plan import Looks

pytestmark = pytest.mark.statistical
RATES = (0.05, 0.01)


def load() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "sequential_simulation.py"
    spec = importlib.util.spec_from_file_location("sequential_simulation", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


simulation = load()


def planned(family: str, d: int, rate: float = min(RATES), budget: int = 3200) -> Looks:
    rarest = simulation.FAMILIES[family]
    return Looks.planned(dimension=d, first_look=200, budget=budget, growth=2.0, rarest=rarest, rate=rate)


@pytest.mark.parametrize(("family", "d"), [("exponential", 1), ("normal", 3), ("rare0.05", 3), ("t3", 2)])
def test_the_simulation_is_the_package(family: str, d: int) -> None:
    """The same samples give the same look, outcome, p value and hidden bias, run by run."""
    runs, rate, looks = 12, 0.05, planned(family, d, 0.05)
    limit = 0.2
    bias = np.full(d, 0.04)
    found = simulation.simulate(family, d, looks, (rate,), runs, seed=7, bias=bias, limit=limit)
    rng, parts, n = np.random.default_rng([7, 0]), [], 0
    for count in looks.counts:
        parts.append(simulation.batch(family, d, rng, runs, count - n, bias))
        n = count
    test = SequentialTest(
        rate, limit, rate, budget=3200, first_look=200, growth=2.0, rarest=simulation.FAMILIES[family]
    )
    for run in range(runs):
        result = test.run(lambda _, index, run=run: parts[index][run], np.zeros(d), scale=1.0)
        assert result.looks == looks.counts
        hit = {
            SequentialOutcome.BIASED: found.biased,
            SequentialOutcome.CONSISTENT: found.consistent,
        }.get(result.outcome)
        earliest = min(x for x in (found.biased[0, run], found.consistent[0, run], 10**6) if x >= 0)
        if hit is None:
            assert earliest == 10**6
            assert result.hidden_bias == pytest.approx(found.hidden[0, run], rel=1e-6)
        else:
            assert looks.counts[hit[0, run]] == result.n
            assert hit[0, run] == earliest


@pytest.mark.parametrize("family", ["normal", "exponential", "lognormal", "t3", "rare0.05"])
def test_false_alarms_are_at_most_alpha(family: str) -> None:
    runs = 1000
    found = simulation.simulate(family, 1, planned(family, 1), RATES, runs, seed=1)
    for alpha, biased in zip(RATES, found.biased, strict=True):
        assert (biased >= 0).sum() <= binom.isf(2e-9, runs, alpha)
    if family in ("normal", "exponential", "rare0.05"):
        assert (found.open == 1).all()  # and not because no look counted


def test_without_the_guard_they_are_not() -> None:
    """Negative control: the plain group-sequential Hotelling test on importance weights, 4 to 10 times alpha."""
    runs = 1000
    found = simulation.simulate("weights1.5", 1, planned("weights1.5", 1), RATES, runs, seed=2)
    for alpha, plain, biased in zip(RATES, found.plain, found.biased, strict=True):
        assert (plain >= 0).sum() > binom.isf(2e-9, runs, alpha)
        assert (biased >= 0).sum() <= binom.isf(2e-9, runs, alpha)


@pytest.mark.parametrize("family", ["normal", "exponential"])
@pytest.mark.parametrize("d", [1, 3])
def test_false_consistent_is_at_most_its_rate(family: str, d: int) -> None:
    """The bias exactly at the limit, in the worst direction; negative control: without bias it is said."""
    along, sd = simulation.worst_direction(d)
    limit, runs, looks = 0.2 * sd, 400, planned(family, d)
    at_limit = simulation.simulate(family, d, looks, RATES, runs, seed=3, bias=limit * along, limit=limit)
    unbiased = simulation.simulate(family, d, looks, RATES, 100, seed=4, limit=limit)
    for rate, wrong, right in zip(RATES, at_limit.consistent, unbiased.consistent, strict=True):
        assert (wrong >= 0).sum() <= binom.isf(2e-9, runs, rate)
        assert (right >= 0).sum() >= 70


@pytest.mark.parametrize(("family", "d", "most"), [("normal", 1, 1.6), ("normal", 3, 1.7), ("exponential", 1, 2.0)])
def test_samples_against_a_fixed_number_of_the_same_power(family: str, d: int, most: float) -> None:
    """E n where a fixed Hotelling test of power 0.9 needs 5000; `most` is over 6 standard errors above it."""
    alpha, fixed, runs = 1e-3, 5000, 40
    along, sd = simulation.worst_direction(d)
    rank = max(1, d - 1)
    bias = along * sd * np.sqrt(f_noncentrality(rank, fixed - rank, alpha, 0.9) / fixed)
    looks = Looks.planned(dimension=d, first_look=400, budget=20_000, growth=1.5, rarest=None, rate=alpha)
    found = simulation.simulate(family, d, looks, (alpha,), runs, seed=5, bias=bias, chunk=20).biased[0]
    assert (found >= 0).all()
    assert np.array(looks.counts)[found].mean() <= most * fixed
