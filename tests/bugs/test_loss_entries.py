"""Every entry that is a loss: the verdict its effect calls for, on two trees and more, and the name it is to get."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest

import pgverify as pgv
from pgverify.bugs import LOSS_ENTRIES, Effect, LossBug, get
from pgverify.bugs.losses.complex_step import ByComplexStep, clipped, greater, held, lesser
from pgverify.bugs.losses.written import rloo
from pgverify.language.built_in_problems import built_in_problems
from pgverify.language.completion_batch import CompletionBatch
from pgverify.language.row_table import row_table

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # every loss is called hundreds of times

THREAD = re.compile(r"[\w.-]+/[\w.-]+#\d+")
PAPER = re.compile(r"arXiv:\d{4}\.\d{5}")

OUTCOMES = {
    Effect.BIASED: pgv.Outcome.BIASED,
    Effect.OTHER_TARGET: pgv.Outcome.OTHER_TARGET,
    Effect.INNOCENT: pgv.Outcome.CORRECT,
}


@cache
def verdict(slug: str, right: bool = False) -> pgv.language.LossReport:
    bug = get(slug)
    return pgv.check_lm(
        bug.correct if right else bug.implementation,
        group_size=bug.group_size,
        prompts=bug.prompts,
        target=bug.target,
        sampler=bug.sampler,
        framework="numpy",
    )


@pytest.mark.parametrize("bug", LOSS_ENTRIES, ids=lambda bug: bug.slug)
def test_an_entry_has_its_verdict_and_its_name(bug: LossBug) -> None:
    report = verdict(bug.slug)
    assert report.outcome is OUTCOMES[bug.effect], str(report)
    assert report.diagnosis == bug.diagnosis, str(report)
    assert report.evidence == "exhaustive"
    if bug.diagnosis:
        assert sum(not finding.holds for finding in report.findings) >= 2
        if not bug.known_as:
            assert (report.cause, report.cure) == (bug.cause, bug.cure)
            assert set(report.source) == set(bug.source)


@pytest.mark.parametrize("bug", LOSS_ENTRIES, ids=lambda bug: bug.slug)
def test_its_counterpart_is_correct(bug: LossBug) -> None:
    """Negative control: the same call, the right loss."""
    report = verdict(bug.slug, right=True)
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.CORRECT, None), str(report)


@pytest.mark.parametrize("bug", LOSS_ENTRIES, ids=lambda bug: bug.slug)
def test_an_entry_says_what_why_and_where(bug: LossBug) -> None:
    assert bug.cause.strip().endswith(".")
    assert bug.cure.strip().endswith(".")
    assert all(THREAD.fullmatch(place) or PAPER.fullmatch(place) for place in bug.source)
    assert any(THREAD.fullmatch(place) for place in bug.source)


def test_more_than_twenty_public_threads_are_cited() -> None:
    assert len({place for bug in LOSS_ENTRIES for place in bug.source if THREAD.fullmatch(place)}) >= 40


def test_most_entries_have_their_own_name() -> None:
    faulty = [bug for bug in LOSS_ENTRIES if bug.diagnosis]
    assert sum(verdict(bug.slug).diagnosis == bug.slug for bug in faulty) >= 0.95 * len(faulty)


def some_batch() -> CompletionBatch:
    table = row_table(built_in_problems(2, "old")[2], 3)
    rows = np.array([0, 2, 3, 4, 5, 7])
    numbers = table.numbers[:, rows]
    group = np.arange(6) // 3
    return CompletionBatch(*numbers, table.mask[rows], table.rewards[rows], group, group)


HOLDS = {
    "kl-k3-in-reward",
    "kl-to-old-policy",
    "kl-ignored",
    "entropy-without-gradient",
    "ratio-missing",
    "tis-sequence-mean",
    "ratio-of-one",
}
"""Losses with factors that are held, which differences would differentiate."""


@pytest.mark.parametrize("bug", [b for b in LOSS_ENTRIES if b.slug not in HOLDS], ids=lambda bug: bug.slug)
def test_derivatives_by_complex_steps_are_those_by_differences(bug: LossBug) -> None:
    """(f(x + h) − f(x − h))/2h, one table entry after another."""
    batch = some_batch()
    value, by_log_probs, by_entropies = bug.implementation(batch)
    assert value == pytest.approx(float(np.real(bug.loss(batch))))
    for name, derivative in (("log_probs", by_log_probs), ("entropies", by_entropies)):
        table, step = getattr(batch, name), 1e-6
        for place in np.ndindex(*table.shape):
            there, back = table.copy(), table.copy()
            there[place] += step
            back[place] -= step
            up, down = (float(np.real(bug.loss(batch._replace(**{name: x})))) for x in (there, back))
            assert derivative[place] == pytest.approx((up - down) / (2 * step), abs=1e-7)


def test_what_is_held_has_no_derivative() -> None:
    """d/dx of sg(x)·x is x, of x² it is 2x; of a bound 0; of the smaller of two that of the smaller."""
    batch = some_batch()
    x = batch.log_probs

    def slope(function):
        return ByComplexStep(lambda b: function(b.log_probs).sum(axis=(-2, -1)))(batch)[1]

    np.testing.assert_allclose(slope(lambda y: held(y) * y), x, rtol=1e-14)
    np.testing.assert_allclose(slope(lambda y: y * y), 2 * x, rtol=1e-14)
    np.testing.assert_allclose(slope(lambda y: clipped(y, -0.7, -0.5)), (x >= -0.7) & (x <= -0.5))
    np.testing.assert_allclose(slope(lambda y: lesser(y, 2 * y)), 2.0)  # y < 0
    np.testing.assert_allclose(slope(lambda y: greater(y, 2 * y)), 1.0)


def test_the_leave_one_out_loss_by_hand() -> None:
    """∂(−Σ A log π/B)/∂ log π = −A/B on own tokens, A = R − mean of the two others."""
    batch = some_batch()
    r = batch.rewards
    advantage = [r[0] - (r[1] + r[2]) / 2, r[1] - (r[0] + r[2]) / 2, r[2] - (r[0] + r[1]) / 2]
    advantage += [r[3] - (r[4] + r[5]) / 2, r[4] - (r[3] + r[5]) / 2, r[5] - (r[3] + r[4]) / 2]
    np.testing.assert_allclose(ByComplexStep(rloo)(batch)[1], -np.array(advantage)[:, None] * batch.mask / 6)
