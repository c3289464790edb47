"""Where several causes have one expectation, none is guessed; where one problem is given twice, it is one problem."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.bugs import get
from pgverify.checking import SuiteProblem
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Function = Callable[[pgv.Trajectories], np.ndarray]
RIGHT = RewardToGo()


def clipped(batch: pgv.Trajectories) -> np.ndarray:
    return batch.score_weighted(batch.mask * np.clip(batch.rewards, -0.2, 0.5))


@pytest.mark.parametrize("others", [[], ["coin"], ["constant-reward"]])
def test_a_factor_needs_two_problems_or_two_directions(others: list[str]) -> None:
    """In the one direction of two arms everything is a multiple of ∇J, and of zero there is no multiple."""
    problems = named("coin") + [problem for name in others for problem in named(name)]
    assert pgv.check(clipped, problems=problems).outcome is pgv.Outcome.BIASED
    twice = pgv.check(lambda batch: 2.0 * RIGHT(batch), problems=[*problems, *named("bandit")])
    assert (twice.outcome, twice.diagnosis) == (pgv.Outcome.SCALED, None)


def test_two_problems_of_one_name_are_two() -> None:
    coins = (((1.2, -0.4), (-0.3, 0.5)), ((0.5, 1.0), (0.2, 0.1)))
    problems = [
        SuiteProblem(
            "coin",
            "",
            pgv.Problem(
                pgv.TabularMDP([1.0], np.ones((1, 2, 1)), [rewards]), pgv.SoftmaxPolicy([logits]), pgv.FiniteHorizon(1)
            ),
        )
        for rewards, logits in coins
    ]
    assert pgv.check(lambda batch: 2.0 * RIGHT(batch), problems=problems).outcome is pgv.Outcome.SCALED
    assert pgv.check(clipped, problems=problems).outcome is pgv.Outcome.BIASED


def test_a_plain_factor_has_no_other_name() -> None:
    """The standard deviation of the bandit's rewards is 1/2 somewhere: dividing by it is no likelier than a 2."""
    report = pgv.check(lambda batch: 2.0 * RIGHT(batch), problems=named("bandit"))
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.SCALED, None)
    halved = pgv.check(get("group-mean-self").implementation, problems=named("bandit", "early-stop"))
    assert (halved.outcome, halved.diagnosis) == (pgv.Outcome.SCALED, "group-mean-self")


@pytest.mark.usefixtures("as_many_as_for_users")
@pytest.mark.parametrize("problem", ["delayed-reward", "near-deterministic"])
def test_the_mean_over_a_batch_of_equal_lengths_is_the_mean_over_each(problem: str) -> None:
    """1/ΣL = 1/(nT): no trajectory affects another, and three entries of the catalogue are the same factor."""
    report = pgv.check(get("length-per-batch").implementation, problems=named(problem))
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.SCALED, None)
    assert {"length-per-batch", "length-per-trajectory"} <= {match.slug for match in report.matches}
    halved = pgv.check(lambda batch: 0.5 * RIGHT(batch), problems=named(problem))
    assert "group-mean-self" not in {match.slug for match in halved.matches}  # a half in pairs, two thirds in triples


@pytest.mark.usefixtures("as_many_as_for_users")
def test_a_fault_of_ordered_batches_is_compared_on_pairs() -> None:
    """256 ordered pairs are not listed; 136 unordered ones are, and both orders of a pair are as probable."""
    report = pgv.check(get("vtrace-next-trajectory").implementation, problems=named("near-deterministic"))
    same = {match.slug: match.same for match in report.matches}
    assert {"truncation-as-termination", "vtrace-next-trajectory"} <= set(same)
    assert [slug for slug in same if same[slug]] == ["vtrace-next-trajectory"] == [report.diagnosis]


def test_every_equal_target_is_named() -> None:
    """On a line every step earns its own reward alone: γ inside the return discounts nothing of it."""
    estimator = RewardToGo(discount_weighting=False)
    said = pgv.check(estimator, problems=named("bandit", "early-stop")).explanation
    assert said == "the exact expectation equals discount_dropped on every problem"
    undiscounted = get("discount-dropped").implementation
    said = pgv.check(undiscounted, problems=named("delayed-reward")).explanation
    assert said == "the exact expectation equals discount_dropped and undiscounted_policy_gradient on every problem"


@pytest.mark.parametrize("size", [2e4, 5e4, 8e4])
def test_rounding_of_large_numbers_is_neither_silence_nor_a_name(size: float) -> None:
    """Numbers of 8e4 in single precision lose 5e-3: what is beyond that is no zero, and what is within it no name."""

    def large(batch: pgv.Trajectories) -> np.ndarray:
        rows = batch.score_weighted(0.5 * batch.rewards + size)
        return rows.astype(np.float32)

    report = pgv.check(large, problems=named("coin", "bandit"))
    assert report.outcome in (pgv.Outcome.SCALED, pgv.Outcome.BIASED)
    assert report.diagnosis is None
    silent = pgv.check(lambda batch: batch.score_weighted(size * batch.mask), problems=named("bandit"))
    assert silent.outcome is pgv.Outcome.NO_SIGNAL
