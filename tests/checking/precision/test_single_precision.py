"""Single precision, on the whole suite: right in any style is CORRECT, thousandths are seen, half says how much."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from single_styles import FAULTY, STYLES, Array
from slow_cases import slow_but

import pgverify as pgv
from pgverify.checking.calling.significant_bits import significant_bits, unit_roundoff
from pgverify.estimators import RewardToGo
from pgverify.suites import SuiteProblem

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
RIGHT = RewardToGo()


def bfloat16(values: Array) -> Array:
    """The eight bits of bfloat16, rounded to even, in numbers of single precision."""
    words = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((words + 0x7FFF + ((words >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)


@pytest.mark.parametrize("name", slow_but(STYLES, [*list(STYLES)[::5], "a_constant_off"]))
def test_right_styles_are_correct_on_the_whole_suite(name: str) -> None:
    report = pgv.check(STYLES[name])
    assert report.outcome is pgv.Outcome.CORRECT, str(report)
    assert "single precision" in report.explanation
    assert not any("couples" in warning for warning in report.warnings)
    left_out = [warning for warning in report.warnings if "left out" in warning]
    assert bool(left_out) == (name == "a_constant_off"), left_out  # |w| = 10, and π(1 − π) = .001 on one problem


@pytest.mark.parametrize("name", slow_but(FAULTY, list(FAULTY)[::4]))
def test_faults_of_thousandths_are_not(name: str) -> None:
    report = pgv.check(FAULTY[name])
    assert report.outcome is pgv.Outcome.BIASED, str(report)


@pytest.mark.parametrize(
    "shorten",
    [lambda x: x.astype(np.float16), lambda x: x.astype(np.float16).astype(float), lambda x: x.mean(0, np.float16)],
)
def test_half_precision_is_correct_and_says_what_could_hide(shorten: Callable[[Array], Array]) -> None:
    report = pgv.check(lambda batch: shorten(RIGHT(batch).astype(np.float16)))
    assert report.outcome is pgv.Outcome.CORRECT, str(report)
    assert "half precision, which could hide a bias of 0.0" in report.explanation
    assert any("near-deterministic is left out" in warning for warning in report.warnings)
    assert not any("couple" in warning or "changes the expectation" in warning for warning in report.warnings)


@pytest.mark.parametrize("factor", [1.0, 1.002])
def test_bfloat16_is_inconclusive_and_says_what_could_hide(factor: float) -> None:
    report = pgv.check(lambda batch: bfloat16(factor * RIGHT(batch)))
    assert report.outcome is pgv.Outcome.INCONCLUSIVE, str(report)
    assert "could hide a bias of" in report.explanation
    assert not any("couple" in warning for warning in report.warnings)


@pytest.mark.parametrize("shorten", [bfloat16, lambda x: x.astype(np.float16)])
def test_a_fault_larger_than_what_hides_is_seen_in_any_precision(shorten: Callable[[Array], Array]) -> None:
    assert pgv.check(lambda batch: shorten(1.5 * RIGHT(batch))).outcome is pgv.Outcome.BIASED
    wrong = RewardToGo(discount_weighting=False)
    assert not pgv.check(lambda batch: shorten(wrong(batch))).outcome.good
    assert pgv.check(lambda batch: shorten(0.0 * RIGHT(batch))).outcome is pgv.Outcome.NO_SIGNAL


def test_a_problem_on_which_rounding_hides_a_thousandth_is_left_out_by_name() -> None:
    """π(1) = 6e-6: 4ε E Σ|w_t| is .04 of the target; the second problem counts, and a fault there is seen."""
    rare = pgv.Problem(
        pgv.TabularMDP([1.0], np.ones((1, 2, 1)), [[1.0, 0.0]]), pgv.SoftmaxPolicy([[12.0, 0.0]]), pgv.FiniteHorizon(1)
    )
    problems = [SuiteProblem("rare", "", rare), SuiteProblem("plain", "", _bandit())]
    report = pgv.check(STYLES["shifted"], problems=problems)
    assert report.outcome is pgv.Outcome.CORRECT, str(report)
    assert any("rare is left out" in warning for warning in report.warnings)
    assert pgv.check(STYLES["shifted"], problems=problems[:1]).outcome is pgv.Outcome.INCONCLUSIVE
    assert pgv.check(RIGHT, problems=problems[:1]).outcome is pgv.Outcome.CORRECT  # double precision tells

    def wrong(batch: pgv.Trajectories) -> Array:
        right = np.asarray(STYLES["shifted"](batch))
        return right * np.where(batch.actions[:, 0] == 1, np.float32(1.003), np.float32(1.0))[:, None]

    assert pgv.check(wrong, problems=problems).outcome is pgv.Outcome.BIASED


def _bandit() -> pgv.Problem:
    return pgv.Problem(
        pgv.TabularMDP([1.0], np.ones((1, 3, 1)), [[1.0, 0.7, -0.5]]),
        pgv.SoftmaxPolicy([[0.2, -0.4, 0.7]]),
        pgv.FiniteHorizon(1),
    )


@pytest.mark.parametrize(("number", "bits"), [(0.0, 0), (1.0, 1), (-0.75, 2), (1.0 + 2.0**-7, 8), (0.1, 53)])
def test_significant_bits_are_counted(number: float, bits: int) -> None:
    assert significant_bits(np.array([[number, 0.0]])) == bits


def test_the_unit_of_rounding_is_that_of_ieee() -> None:
    assert significant_bits(np.array([0.1], np.float32).astype(float)) == 24
    assert significant_bits(np.array([0.1], np.float16).astype(float)) <= 11
    assert unit_roundoff(24) == np.finfo(np.float32).eps / 2.0
    assert unit_roundoff(11) == np.finfo(np.float16).eps / 2.0
    assert unit_roundoff(53) == unit_roundoff(3) == 0.0


def test_double_precision_is_not_excused_by_a_problem_that_is_badly_conditioned() -> None:
    """A bias of 2e-4 on near-deterministic alone: 4ε E Σ|w_t| would hide it, were it not right to 1e-9 elsewhere."""

    def wrong(batch: pgv.Trajectories) -> Array:
        return RIGHT(batch) * (1.0 + 2e-4 * (np.asarray(batch.policy.parameters).max() == 7.0))

    assert pgv.check(wrong).outcome is pgv.Outcome.BIASED
