"""What prints: one short line for `repr`, a few lines for `print`, with the numbers and none of the arrays."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pgverify import FiniteHorizon, Problem, SoftmaxPolicy, exact, mdps, plan
from pgverify.estimators import RewardToGo

BANDIT = Problem(mdps.get("three-armed-bandit"), SoftmaxPolicy([[0.2, -0.4, 0.7]]), FiniteHorizon(1))
"""The fixture of the notes on mathematics: tr Cov[g] = .24499 without a baseline, .02400 with b* = .60345."""
ONE_LINE = 200


def numbers(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"=(-?[0-9.e+-]+)", text)]


def test_moments_print_their_size_their_mean_and_their_trace() -> None:
    printed = repr(exact.moments(RewardToGo(), BANDIT))
    assert printed.startswith("EstimatorMoments(d=3, |mean|=")
    assert printed.endswith(", form='full')")
    assert numbers(printed) == pytest.approx([3, np.linalg.norm([0.17736, 0.04585, -0.22321]), 0.24499], abs=1e-5)
    assert "form='diagonal'" in repr(exact.moments(RewardToGo(), BANDIT, "diagonal"))
    assert "form='trace'" in repr(exact.moments(RewardToGo(), BANDIT, "trace"))


def test_best_baselines_print_what_each_class_of_them_reaches() -> None:
    found = exact.optimal_baseline(RewardToGo(), BANDIT)
    assert repr(found).startswith("OptimalBaseline(times=1, states=1, constant=")
    assert numbers(repr(found)) == pytest.approx([1, 1, 0.60345], abs=1e-5)
    lines = str(found).splitlines()
    assert len(lines) == 2 + len(found.trace)
    (best,) = [line.split() for line in lines if line.startswith("  values")]
    assert float(best[1]) == pytest.approx(0.02400, abs=1e-5)
    assert float(best[2].removesuffix("%")) == pytest.approx(100 * 0.02400 / 0.24499, abs=0.01)


def test_a_plan_prints_its_number_first() -> None:
    made = plan(RewardToGo(), BANDIT)
    assert repr(made).startswith(f"Plan(trajectories={made.trajectories}, relative_error=0.05")
    assert len(repr(made)) < ONE_LINE
    first = str(made).splitlines()[0]
    assert first.startswith(f"{made.trajectories:,} trajectories, {made.trajectories:,} environment steps")
    assert "0.05 |∇J| with probability 0.95" in first
    assert made.note in str(made)


def test_a_plan_that_cannot_be_says_why() -> None:
    chain = Problem(mdps.get("two-state-chain"), SoftmaxPolicy(np.zeros((2, 2))), FiniteHorizon(3, 0.5))
    made = plan(RewardToGo(discount_weighting=False), chain)
    assert made.trajectories is None
    assert str(made).startswith("No number of trajectories suffices")
    assert "the bias" in str(made)


def test_results_of_hundreds_of_parameters_stay_short() -> None:
    lake = mdps.get("frozen-lake-8x8")
    problem = Problem(lake, SoftmaxPolicy(np.zeros((64, 4))), FiniteHorizon(8))
    for found in (
        exact.moments(RewardToGo(), problem),
        exact.optimal_baseline(RewardToGo(), problem),
        plan(RewardToGo(), problem),
    ):
        assert len(repr(found)) < ONE_LINE
        assert "\n" not in repr(found)
        assert "array" not in repr(found) + str(found)
        assert len(str(found)) < 800
