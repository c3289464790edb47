"""Multiples of the target that begin at some size of batches, which one problem can list or none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.verdict.laws_of_size import in_words
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.scale_laws import Multiple

pytestmark = pytest.mark.usefixtures("unchecked_shapes", "thorough", "as_many_as_for_users")
Array = np.ndarray
Function = Callable[[pgv.Trajectories], Array]


def totals(batch: pgv.Trajectories) -> Array:
    return np.asarray((batch.discount_powers * batch.rewards).sum(axis=1))


def weighted(batch: pgv.Trajectories, weights: Array) -> Array:
    return batch.score_weighted(np.repeat(weights[:, None], batch.num_steps, axis=1))


def less_row(place: int) -> Function:
    def estimate(batch: pgv.Trajectories) -> Array:
        returns = totals(batch)
        return weighted(batch, returns - (returns[place] if len(returns) > place else 0.0))

    return estimate


def from_size(begin: int, weights: Callable[[pgv.Trajectories, Array], Array]) -> Function:
    def estimate(batch: pgv.Trajectories) -> Array:
        returns = totals(batch)
        return weighted(batch, returns if len(returns) < begin else weights(batch, returns))

    return estimate


def leave_one_out(returns: Array) -> Array:
    return np.asarray((returns - returns.mean()) * len(returns) / (len(returns) - 1))


MULTIPLES: dict[str, tuple[Function, str]] = {
    "row 5 of all": (less_row(5), "(n−1)/n (n the batch size) in batches of 6 and more"),
    "row 12 of all": (less_row(12), "(n−1)/n (n the batch size) in batches of 16 and more"),
    "the first twenty": (from_size(21, lambda _, r: r * (np.arange(len(r)) < 20)), "20 × 1/n (n the batch size)"),
    "√(32/n)": (from_size(33, lambda _, r: r * np.sqrt(32 / len(r))), "5.65685 × 1/√n (n the batch size)"),
    "half of leave-one-out": (from_size(12, lambda _, r: leave_one_out(r) / 2), "0.5 in batches of 16 and more"),
    "a mean over steps": (from_size(12, lambda b, r: r / b.num_steps), "0.5 (random-end, batch of 16)"),
    "odd sizes of eleven": (from_size(2, lambda _, r: r / 2 if len(r) % 11 == 0 else r), "0.5 (batches of 33)"),
}
"""By hand: R_k is independent of the score of all rows but k, so E ĝ = (1 − 1/n) ∇J; of n rows 20 count; and so on."""


NO_MULTIPLES: dict[str, Function] = {
    "a maximum": from_size(13, lambda _, r: r - r.max()),
    "no discount": from_size(13, lambda b, _: b.rewards.sum(axis=1)),
    "other sign": from_size(13, lambda _, r: -r),
    "a mean over own steps": from_size(13, lambda b, r: r / np.maximum(b.lengths, 1)),
    "row 5, without discount": from_size(6, lambda b, r: r - b.rewards.sum(axis=1).max() / 2),
}


@pytest.mark.parametrize("name", MULTIPLES)
def test_a_multiple_from_some_size_on_is_scaled_by_its_law(name: str) -> None:
    function, law = MULTIPLES[name]
    report = pgv.check(function, explore=0)
    assert report.outcome is Outcome.SCALED
    assert law in report.explanation


@pytest.mark.parametrize("name", NO_MULTIPLES)
def test_what_is_no_multiple_from_some_size_on_is_biased(name: str) -> None:
    assert pgv.check(NO_MULTIPLES[name], explore=0).outcome is Outcome.BIASED


OWN = [entry.problem for entry in pgv.suites.get("standard") if entry.name in ("early-stop", "three-starts")]
"""Two problems with several directions: batches of 21 and more are too many to be listed."""


def test_a_multiple_on_ones_own_problems_is_scaled() -> None:
    report = pgv.check(less_row(20), problems=OWN)
    assert report.outcome is Outcome.SCALED
    assert "(n−1)/n (n the batch size) in batches of" in report.explanation


def test_what_is_no_multiple_on_ones_own_problems_is_biased() -> None:
    report = pgv.check(from_size(21, lambda b, _: b.rewards.sum(axis=1)), problems=OWN)
    assert report.outcome is Outcome.BIASED


def test_factors_have_the_law_that_they_follow_from_a_size_on() -> None:
    one = {("coin", 2): 1.0, ("coin", 6): 5 / 6, ("coin", 9): 8 / 9, ("long", 33): 32 / 33}
    assert in_words(one) == "(n−1)/n (n the batch size) in batches of 6 and more, and 1 in smaller ones,"
    assert in_words({("a", 2): 0.5, ("a", 3): 1 / 3, ("b", 10): 0.1}) == "1/n (n the batch size)"
    assert in_words({("a", 2): 1.0, ("a", 3): 0.5, ("b", 10): 0.5, ("b", 33): 0.5}).startswith("0.5 in batches of 3")


def test_of_many_factors_the_first_and_the_last_are_listed() -> None:
    shown = in_words({("a", n): 1 / n**2 for n in (2, 3, 4, 5, 6, 9, 33)})
    assert shown.split("; ")[2:5] == ["0.0625 (batches of 4)", "…", "0.02778 (batches of 6)"]
    assert shown.endswith("0.0009183 (batches of 33)")


def test_factors_without_a_law_are_listed_with_where_they_were_found() -> None:
    """Two sizes are met by many laws; and what differs from problem to problem follows none in the size alone."""
    assert in_words({("a", 2): 1.0, ("a", 6): 5 / 6}) == "1 (batches of 2); 0.8333 (batches of 6)"
    assert in_words({("a", 6): 0.5, ("b", 6): 0.25}) == "0.5 (a, batch of 6); 0.25 (b, batch of 6)"
    assert in_words({("a", 1): 0.5, ("b", 1): 0.25}) == "0.5 (a); 0.25 (b)"


def test_a_law_goes_on_where_larger_batches_follow_it() -> None:
    own = Multiple(1.0, "(n−1)/n", "(n−1)/n")
    assert own.goes_on({("b", 33): 32 / 33})
    assert not own.goes_on({("b", 33): 1.0})
    assert not Multiple(0.5, "0.5").goes_on({("b", 33): 1.0})
    assert Multiple(0.5, "0.5 (a); 0.25 (b)", lawful=False).goes_on({("b", 33): 7.0})


def test_a_law_of_what_was_listed_that_larger_batches_do_not_follow_is_not_said() -> None:
    """The mean of all as everybody's baseline below 100 rows, of all others from there on: (n−1)/n, and then 1."""
    report = pgv.check(from_size(2, lambda _, r: leave_one_out(r) if len(r) >= 100 else r - r.mean()), explore=0)
    assert report.outcome is Outcome.SCALED
    assert "1 (batches of 128)" in report.explanation


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "outcome"), [(less_row(12), Outcome.SCALED), (NO_MULTIPLES["other sign"], Outcome.BIASED)]
)
def test_a_multiple_in_the_larger_batches_of_a_design_is_scaled(function: Function, outcome: Outcome) -> None:
    assert pgv.check(function, design=pgv.Independent(sizes=(8, 16, 64)), explore=0).outcome is outcome


@pytest.mark.slow
@pytest.mark.parametrize("begin", [4, 5])
def test_a_fault_that_shows_on_no_problem_given_has_no_law(begin: int) -> None:
    """Composed with a law it equals whatever is a multiple: the law must hold in all batches that were listed."""
    report = pgv.check(less_row(begin), explore=0)
    assert not any(match.law for match in report.matches)


def test_what_a_known_fault_explains_is_no_multiple_of_ones_own_problem() -> None:
    """On one step with rewards 0 and 1 the worst of all as baseline keeps the direction: Σ r ψ but where all are 1."""
    stay = np.zeros((2, 4, 2))
    stay[:, :, 1] = 1.0
    mdp = pgv.TabularMDP([1.0, 0.0], stay, [[1.0, 0.0, 0.0, 0.0], [0.0] * 4], [False, True])
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy(np.zeros((2, 4))), pgv.FiniteHorizon(1, 1.0))
    report = pgv.check(lambda b: weighted(b, 1.0 * (totals(b) > totals(b).mean())), problems=problem)
    assert report.outcome is Outcome.BIASED
