"""Any exact multiple is SCALED, with its law, or its factors; from pairs alone nothing is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import FEW, named
from slow_cases import slow_but

import pgverify as pgv
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
RIGHT = RewardToGo()
PROBLEMS = named(*FEW, "delayed-reward")
LAWS: dict[str, Callable[[pgv.Trajectories], np.ndarray]] = {
    "n/(n+1)": lambda b: RIGHT(b).sum(axis=0) / (len(b) + 1),
    "√n": lambda b: RIGHT(b).sum(axis=0) / np.sqrt(len(b)),
    "n/T": lambda b: RIGHT(b).sum(axis=0) / b.num_steps,
    "1/T": lambda b: RIGHT(b) / b.num_steps,
    "⌈n/2⌉/n": lambda b: RIGHT(b)[::2].sum(axis=0) / len(b),
    "3⌊n/3⌋/n": lambda b: RIGHT(b)[: len(b) // 3 * 3 or len(b)].sum(axis=0) / len(b),
    "n": lambda b: RIGHT(b).sum(axis=0),
    "0.5 × √n": lambda b: 0.5 * RIGHT(b).sum(axis=0) / np.sqrt(len(b)),
}


@pytest.mark.parametrize("law", slow_but(LAWS, ["1/T", "n/(n+1)"]))
def test_the_law_is_found(law: str) -> None:
    report = pgv.check(LAWS[law], problems=PROBLEMS)
    assert report.outcome is pgv.Outcome.SCALED, str(report)
    assert f"the exact expectation is {law} (" in report.explanation
    reverse = pgv.check(lambda batch: -LAWS[law](batch), problems=PROBLEMS)
    summed = law in ("n", "n/T")  # which has a name of its own
    expected = "sum-over-steps + sign-reversed" if summed else "sign-reversed"
    assert (reverse.outcome, reverse.diagnosis) == (pgv.Outcome.BIASED, expected)


def by_problem(batch: pgv.Trajectories) -> float:
    """Return a number that follows nothing: 2 to 5, by the number of states and γ."""
    return 1.0 + batch.problem.mdp.num_states ** float(batch.discount)


def test_without_a_law_the_factors_are_listed() -> None:
    report = pgv.check(lambda batch: by_problem(batch) * RIGHT(batch), problems=PROBLEMS)
    assert report.outcome is pgv.Outcome.SCALED
    shown = f"{1.0 + 3.0**0.7:.4g} (problems[2])"
    assert shown in report.explanation
    assert "harmless" not in report.next_step


def test_factors_of_both_signs_are_no_multiple() -> None:
    """Negative control: the direction is wrong on some problems."""
    report = pgv.check(lambda batch: (by_problem(batch) - 2.5) * RIGHT(batch), problems=PROBLEMS)
    assert report.outcome is pgv.Outcome.BIASED


def test_pairs_alone_say_nothing_of_larger_batches() -> None:
    """No triples of coin-door are listed here: half the target in pairs; samples of larger ones are no multiple."""

    def only_in_pairs(batch: pgv.Trajectories) -> np.ndarray:
        rows = RIGHT(batch)
        return 0.5 * rows if len(batch) == 2 else rows * np.arange(len(batch))[:, None] ** 2 * batch.lengths.mean()

    report = pgv.check(only_in_pairs, problems=named("coin-door"))
    assert {size for problem in report.scope.problems for size in problem.sizes} == {2}
    assert report.outcome is pgv.Outcome.BIASED, str(report)
    assert "in pairs the exact expectation is 0.5 times the target" in report.explanation
    assert "harmless" not in report.next_step
    with_triples = pgv.check(only_in_pairs, problems=named("coin-door", "bandit", "early-stop"))
    assert with_triples.outcome is pgv.Outcome.BIASED


def test_a_division_by_the_deviation_is_no_multiple() -> None:
    def standardised(batch: pgv.Trajectories) -> np.ndarray:
        values = batch.rewards @ batch.discount_powers
        weights = (values - values.mean()) / (values.std() + 1e-8)
        return batch.score_weighted(np.repeat(weights[:, None], batch.num_steps, axis=1))

    report = pgv.check(standardised, problems=PROBLEMS)
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, "group-std-population")


def test_a_factor_on_one_problem_alone_is_no_multiple() -> None:
    """Negative control: right but for one problem and size, where it is 3/4 of the target for want of directions."""

    def there_only(batch: pgv.Trajectories) -> np.ndarray:
        return RIGHT(batch) * (0.75 if batch.problem.mdp.num_states == 4 else 1.0)

    assert pgv.check(there_only, problems=PROBLEMS).outcome is pgv.Outcome.BIASED


def test_those_that_contribute_are_a_multiple_without_a_law() -> None:
    """The mean of those with P(ĝ ≠ 0) = p is (1 − (1 − p)^n)/p times ∇J: positive, and another everywhere."""

    def contributing(batch: pgv.Trajectories) -> np.ndarray:
        rows = RIGHT(batch)
        return rows.sum(axis=0) / max(int((np.abs(rows).max(axis=1) > 0).sum()), 1)

    prizes = [
        pgv.Problem(
            pgv.TabularMDP([1.0], np.ones((1, 3, 1)), [[1.0, 0.0, 0.0]]), pgv.SoftmaxPolicy([z]), pgv.FiniteHorizon(1)
        )
        for z in ([0.3, -0.2, 0.5], [-1.0, 0.1, 0.4], [0.9, 0.0, -0.6])
    ]
    report = pgv.check(contributing, problems=prizes)
    assert report.outcome is pgv.Outcome.SCALED, str(report)
    p = prizes[0].policy.probabilities()[0, 0]
    factor = (1.0 - (1.0 - p) ** 2) / p
    assert f"{factor:.4g} (problems[0], batch of 2)" in report.explanation
