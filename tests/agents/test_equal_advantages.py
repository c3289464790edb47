"""Normalised advantages that are equal but for rounding: what comes out is up to the machine, the name is not."""

from __future__ import annotations

import numpy as np
import pytest
from further_faults import RETURNED
from planted_faults import ADVANTAGE, planted

import pgverify as pgv
from pgverify.checking.agents.equal_advantages import left_to_rounding
from pgverify.checking.agents.window_estimates import collected

SUITE = {entry.name: entry for entry in pgv.suites.get("standard")}
NORMALISED = "normalised-in-the-batch"

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def judged(mean: str) -> pgv.Report:
    """Return the verdict on advantages normalised in single precision, with a mean that rounding may move."""
    of = "np.asarray(advantage, dtype=np.float32)"
    normalised = (
        f"    advantage = {of}\n    mean = {mean}\n"
        f"    advantage = (advantage - mean) / (advantage.std() + np.float32(1e-8))\n{ADVANTAGE}"
    )
    edits = ((ADVANTAGE, normalised), (RETURNED, f"return np.float32({RETURNED[7:]})"))
    return pgv.check(planted(edits)["update"], kind="agent", problems=[SUITE["early-stop"]])


MEANS = {
    "no ulp": "advantage.mean()",
    "an ulp more": "np.nextafter(advantage.mean(), np.float32(9))",
    "an ulp less": "np.nextafter(advantage.mean(), np.float32(-9))",
}


@pytest.mark.parametrize("way", MEANS)
def test_the_name_does_not_depend_on_the_machine(way: str) -> None:
    report = judged(MEANS[way])
    assert report.outcome is pgv.Outcome.BIASED, report
    assert NORMALISED in [match.slug for match in report.matches], (
        report
    )  # with one environment "over time" is the same


def test_what_is_beyond_an_ulp_has_no_such_name() -> None:
    """Negative control: a mean that is off by a hundredth is no rounding."""
    report = judged("advantage.mean() + np.float32(0.01)")
    assert report.outcome is pgv.Outcome.BIASED, report
    assert not any("normalised" in match.slug for match in report.matches), report


def test_it_is_the_score_of_the_windows_whose_advantages_are_equal() -> None:
    """On early-stop that is one: to stop three times, which pays r and begins anew each time.

    E (1/T) Σ_t w ψ(s, stop) = w P(stop)³ ψ(0, stop), ψ the unit vector less π in the block of state 0. At most
    w = 4 · 2⁻²⁴ r / 1e-8, the ulps of r that are beside the usual ε.
    """
    problem = SUITE["early-stop"].problem
    window = pgv.agents.Window(steps=3)
    found = left_to_rounding(NORMALISED, problem, window)
    given = collected(problem, window)
    again = (given.windows.terminated.all(axis=(1, 2))) & (given.windows.states == 0).all(axis=(1, 2))
    assert again.sum() == 1
    stop, paid = int(given.windows.actions[again][0, 0, 0]), given.windows.rewards[again][0, 0, 0]
    pi = problem.policy.probabilities()
    score = np.zeros_like(pi)
    score[0] = np.eye(len(pi[0]))[stop] - pi[0]
    most = 4.0 * 2.0**-24 * paid / 1e-8 * pi[0, stop] ** 3
    np.testing.assert_allclose(found, np.outer([most, -most], score.ravel()), atol=1e-15)


def test_of_other_faults_nothing_is_left_to_it() -> None:
    assert len(left_to_rounding("done-ignored", SUITE["early-stop"].problem, pgv.agents.Window(steps=3))) == 0
