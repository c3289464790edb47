"""Entries of the catalogue on problems that they were not made for: an answer of the policy's size, or none."""

from __future__ import annotations

import pytest
from slow_cases import slow_but

import pgverify as pgv
from pgverify.bugs.catalogue import ENTRIES
from pgverify.checking.verdict.targets import mean_of

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


SETTINGS = ["clipped-action-scored", "squash-correction-missing", "action-dims-not-summed"]
"""The first is the largest by far."""


@pytest.mark.parametrize("slug", slow_but(SETTINGS, SETTINGS[1:]))
def test_every_entry_has_the_size_of_the_policy_or_no_answer(slug: str) -> None:
    """On the settings of entries for real actions, where those for other numbers of dimensions answer, too."""
    setting = pgv.bugs.get(slug).setting
    assert setting is not None
    problem = setting()
    for bug in ENTRIES:
        mean = mean_of(bug, "implementation", problem, 1)
        assert mean is None or mean.shape == (len(problem.policy.parameters),), bug.slug


@pytest.mark.parametrize("slug", slow_but(SETTINGS, SETTINGS[1:]))
def test_a_fault_on_such_a_problem_is_judged(slug: str) -> None:
    """It ended in a ValueError of NumPy's: the suspects' answers were compared whatever their size."""
    bug = pgv.bugs.get(slug)
    assert bug.setting is not None
    report = pgv.check(bug.implementation, problems=bug.setting())
    assert report.outcome is pgv.Outcome.BIASED
