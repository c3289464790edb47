"""Every entry of the catalogue gets the verdict that its effect calls for, and its own name."""

from __future__ import annotations

from functools import cache

import pytest
from checking_problems import FEW, SOME, named

import pgverify as pgv
from pgverify.bugs import ENTRIES, Bug, Effect, get

EXPECTED = {
    Effect.BIASED: {"BIASED"},
    Effect.SCALED: {"SCALED"},
    Effect.NO_SIGNAL: {"NO_SIGNAL"},
    Effect.OTHER_TARGET: {"OTHER_TARGET"},
    Effect.NOISIER: {"CORRECT"},
    Effect.INNOCENT: {"CORRECT"},
    Effect.INVALID_COMPARISON: {"CORRECT"},
}
NAMED = {"discount-dropped": {"OTHER_TARGET"}}
"""Biased, but towards a target that has a name."""

SAME = {"reparameterised-sample": {"reparameterised-sample", "normalise-wrong-axis"}}
"""Equivalence classes: the same vector, zero, on the one problem where the first makes sense."""

FAULTY = [bug for bug in ENTRIES if bug.effect.value in "BSZO"]

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


@cache
def verdict(slug: str, whole: bool) -> pgv.checking.Report:
    bug = get(slug)
    problems = (
        [bug.setting()]
        if bug.setting
        else None
        if whole
        else named(*(FEW if bug.batch_size > 1 else (*FEW, "delayed-reward", "coin-door")))
    )
    return pgv.check(bug.implementation, target=bug.target, problems=problems)


def assert_right(bug: Bug, report: pgv.checking.Report) -> None:
    assert report.outcome.value in NAMED.get(bug.slug, EXPECTED[bug.effect]), str(report)
    if bug in FAULTY:
        found = {report.diagnosis} if report.diagnosis else {match.slug for match in report.matches}
        assert found == SAME.get(bug.slug, {bug.slug}), str(report)
    else:
        assert report.diagnosis is None


@pytest.mark.parametrize(
    "slug",
    [
        bug.slug if bug.batch_size == 1 else pytest.param(bug.slug, marks=pytest.mark.slow)  # a second or two each
        for bug in ENTRIES
    ],
)
def test_on_a_few_problems(slug: str) -> None:
    assert_right(get(slug), verdict(slug, whole=False))


@pytest.mark.slow
@pytest.mark.parametrize("slug", [bug.slug for bug in ENTRIES])
def test_on_the_standard_suite(slug: str) -> None:
    assert_right(get(slug), verdict(slug, whole=True))


@pytest.mark.slow
@pytest.mark.parametrize("slug", [bug.slug for bug in FAULTY if bug.batch_size == 1])
def test_the_correct_counterpart_is_not_accused(slug: str) -> None:
    """Negative control: what should have been written passes, on the same problems."""
    bug = get(slug)
    problems = [bug.setting()] if bug.setting else named(*FEW, "near-deterministic")
    report = pgv.check(bug.correct, target=bug.target, problems=problems)
    assert report.outcome is pgv.Outcome.CORRECT, str(report)


def test_nine_in_ten_are_named() -> None:
    """`assert_right` holds every other faulty entry to its own name."""
    assert len(set(SAME) & {bug.slug for bug in FAULTY}) <= 0.1 * len(FAULTY)


def test_laws_of_scale_are_named() -> None:
    assert "(n−1)/n" in verdict("group-mean-self", whole=False).explanation
    assert "0.25 times" in verdict("accumulation-factor", whole=False).explanation


def test_a_fault_times_a_factor_is_named_with_it() -> None:
    fault = get("past-rewards").implementation
    report = pgv.check(lambda batch: 3.0 * fault(batch), problems=named(*SOME))
    assert report.diagnosis == "past-rewards"
    assert report.matches[0].factor == pytest.approx(3.0)
    assert "times 3" in str(report)


def test_faults_that_are_the_same_in_pairs_are_both_listed_where_only_pairs_can_be() -> None:
    """Microbatches of two are the whole batch in a pair: neither of the two faults is guessed."""
    report = pgv.check(get("microbatch-normalised").implementation, problems=named("coin-door"))
    assert {finding.batch_size for finding in report.findings if finding.check == "expectation"} == {2}
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, None)
    assert {match.slug for match in report.matches} == {"length-per-batch", "microbatch-normalised"}
