"""Every fault of the catalogue shows on at least two problems of the standard suite.

A fault that shows on one alone would be missed when that problem is changed. What the oracle says is not asked here:
expectations and variances are computed from the listed batches.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pgverify import Problem
from pgverify.bugs import ENTRIES, Bug, Effect, get
from pgverify.checking import SuiteProblem, standard_suite
from pgverify.checking.exhaustive.batch_lists import ordered_batches
from pgverify.checking.exhaustive.listed_problem import every_trajectory, natural_scale
from pgverify.checking.verdict.targets import mean_of, target_vector

ROUNDING = 1e-9
"""Relative to the size of a gradient estimate."""

NEEDED = 2

COUPLED = {"broadcast-outer-product"}
"""Mixes the steps of its batch, though a single trajectory is enough to show it: its batches are listed."""

FAULTY = (Effect.BIASED, Effect.SCALED, Effect.OTHER_TARGET, Effect.NO_SIGNAL)
GENERAL = [bug for bug in ENTRIES if bug.setting is None]
"""The others need a setting of their own (Gaussian policies, groups of prompts), and make no sense on the suite."""

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def size_of(bug: Bug) -> int:
    """Return the smallest batch in which the fault can be listed."""
    return max(bug.batch_size, 2) if bug.slug in COUPLED else bug.batch_size


def wrong_on(bug: Bug, which: str, entry: SuiteProblem) -> bool:
    """Return whether an expectation differs from its target there; for no signal, is zero where the target is not."""
    size = size_of(bug)
    found = mean_of(bug, which, entry.problem, size)
    target = target_vector(bug.target, entry.problem, size)
    if found is None or target is None:  # batches too many to be listed
        return False
    limit = ROUNDING * max(natural_scale(entry.problem), float(np.abs(target).max()))
    if bug.effect is Effect.NO_SIGNAL:
        return bool(np.abs(found).max() <= limit < np.abs(target).max())
    return bool(np.abs(found - target).max() > limit)


def trace_of(bug: Bug, which: str, problem: Problem) -> float | None:
    """Return tr Cov of the estimate from the smallest batch; None where its batches are too many."""
    batch, probability = every_trajectory(problem)
    function = getattr(bug, which)
    if bug.batch_size == 1:
        estimates = function(batch)
    else:
        batches = ordered_batches(probability, bug.batch_size)
        if batches is None:
            return None
        probability = np.array([chance for _, chance in batches])
        estimates = np.stack([function(batch.select(rows)).mean(axis=0) for rows, _ in batches])
    return float(probability @ ((estimates - probability @ estimates) ** 2).sum(axis=1))


def noisier_on(bug: Bug, which: str, entry: SuiteProblem) -> bool:
    """Return whether the variance is larger there than that of the correct counterpart."""
    found, right = trace_of(bug, which, entry.problem), trace_of(bug, "correct", entry.problem)
    return found is not None and right is not None and found > right * (1.0 + ROUNDING)


def first_two(shows: Callable[[Bug, str, SuiteProblem], bool], bug: Bug, which: str = "implementation") -> list[str]:
    """Return the names of the first problems, at most two, on which an entry shows."""
    names: list[str] = []
    for entry in standard_suite():
        if len(names) < NEEDED and shows(bug, which, entry):
            names.append(entry.name)
    return names


@pytest.mark.parametrize("bug", [bug for bug in GENERAL if bug.effect in FAULTY], ids=lambda bug: bug.slug)
def test_a_wrong_expectation_shows_twice(bug: Bug) -> None:
    assert len(first_two(wrong_on, bug)) == NEEDED


@pytest.mark.parametrize("bug", [bug for bug in GENERAL if bug.effect is Effect.NOISIER], ids=lambda bug: bug.slug)
def test_a_larger_variance_shows_twice(bug: Bug) -> None:
    assert len(first_two(noisier_on, bug)) == NEEDED


@pytest.mark.parametrize("slug", ["past-rewards", "kl-k1-as-loss", "group-mean-self", "broadcast-outer-product"])
def test_the_right_expectation_shows_nowhere(slug: str) -> None:
    """Negative control: the correct counterparts, compared with the same targets."""
    assert first_two(wrong_on, get(slug), "correct") == []


def test_the_same_variance_shows_nowhere() -> None:
    """Negative control: a counterpart compared with itself."""
    assert first_two(noisier_on, get("reward-shifted-early"), "correct") == []


def test_few_entries_are_exempt() -> None:
    exempt = [bug for bug in ENTRIES if bug.setting is not None]
    assert len(exempt) <= 10
    assert {bug.effect for bug in exempt} <= {*FAULTY, Effect.INNOCENT}
