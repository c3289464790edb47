"""Beyond the suite, in batches of the caller's design: faults that it cannot show, and innocents that stay right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from group_styles import GROUPED
from slow_cases import slow_but

import pgverify as pgv
from pgverify.checking.exhaustive.explored_case import known_case
from pgverify.checking.exhaustive.narrowed_problem import narrowed

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Function = Callable[[pgv.Trajectories], np.ndarray]
GROUPS = pgv.Grouped(size=4, prompts=2)


def advantages(b: pgv.Trajectories, size: int) -> np.ndarray:
    r = (b.rewards * b.discount_powers).sum(axis=1).reshape(-1, size)
    each = r - (r.sum(axis=1, keepdims=True) - r) / (size - 1)
    return np.repeat(each.reshape(-1, 1), b.num_steps, axis=1)


def kept(where: Callable[[pgv.Trajectories], np.ndarray], size: int = 4) -> Function:
    def function(b: pgv.Trajectories) -> np.ndarray:
        return b.score_weighted(np.where(where(b), advantages(b, size or len(b)), 0.0))

    return function


FAULTS = {
    "actions from 4 on": kept(lambda b: b.actions < 4),
    "steps from 8 on": kept(lambda b: np.arange(b.num_steps) < 8),
    "start states from 5 on": kept(lambda b: b.states[:, :1] < 5),
    "states from 9 on": kept(lambda b: b.states[:, :-1] < 9),
    "episodes that are cut": kept(lambda b: b.terminated[:, None]),
    "large rewards": kept(lambda b: np.abs(b.rewards).max(axis=1, keepdims=True) < 1e4),
}


@pytest.fixture
def small_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite is not what is tested here."""
    from pgverify.checking import oracle

    entries = pgv.suites.get("standard")[:3]
    monkeypatch.setattr(oracle, "chosen_suite", lambda *_: entries)


@pytest.mark.usefixtures("small_suite")
@pytest.mark.parametrize("name", slow_but(FAULTS, ["actions from 4 on"]))
def test_what_the_suite_cannot_show_is_looked_for_in_groups(name: str) -> None:
    report = pgv.check(FAULTS[name], design=GROUPS, explore=3 if name == "actions from 4 on" else 24)
    assert report.outcome is pgv.Outcome.BIASED
    assert "explored[" in report.explanation
    assert any("can be built again" in warning for warning in report.warnings)


@pytest.mark.slow
@pytest.mark.usefixtures("small_suite")
@pytest.mark.parametrize("name", sorted(FAULTS))
def test_the_suite_cannot_show_it(name: str) -> None:
    """Negative control."""
    assert pgv.check(FAULTS[name], design=GROUPS, explore=0).outcome is pgv.Outcome.CORRECT


@pytest.mark.slow
@pytest.mark.usefixtures("small_suite")
def test_so_it_is_where_the_whole_batch_is_coupled() -> None:
    design = pgv.Independent(sizes=(16,))
    assert pgv.check(kept(lambda b: b.actions < 4, size=0), design=design).outcome is pgv.Outcome.BIASED
    assert pgv.check(kept(lambda b: b.mask, size=0), design=design).outcome.good


@pytest.mark.slow
@pytest.mark.usefixtures("small_suite")
@pytest.mark.parametrize("factor", [1.0, 0.75])
def test_an_innocent_stays_what_it_is(factor: float) -> None:
    """Negative control: right, or three quarters of it, on all 24 problems."""
    right = kept(lambda b: b.mask)
    report = pgv.check(lambda b: factor * right(b), design=GROUPS)
    assert report.outcome is (pgv.Outcome.CORRECT if factor == 1.0 else pgv.Outcome.SCALED)
    assert report.scope is not None
    assert report.scope.beyond is not None
    assert report.scope.beyond.count >= 20


@pytest.mark.usefixtures("small_suite")
def test_only_the_sizes_of_the_design_are_called_beyond_the_suite() -> None:
    sizes = set()

    def watching(b: pgv.Trajectories) -> np.ndarray:
        sizes.add(len(b))
        return kept(lambda batch: batch.mask)(b)

    pgv.check(watching, design=GROUPS, explore=4)
    assert sizes == {8}


@pytest.mark.parametrize("index", [0, 2, 11, 17])
def test_a_narrowed_problem_is_as_long_and_as_wide(index: int) -> None:
    case = known_case(index)
    small = narrowed(case.explored, lambda smaller: len(smaller.batch) <= 4)
    assert small is not None
    assert len(small.batch) <= 4 < len(case.batch)
    assert small.batch.lengths.max() == case.batch.lengths.max()
    assert small.batch.actions.max() == case.batch.actions.max()
    np.testing.assert_allclose(small.probability.sum(), 1.0)


def test_a_narrowed_problem_has_a_gradient() -> None:
    """Without one only rounding could be compared: at γ = 0 nothing but the first step is paid for."""
    small = [narrowed(known_case(index).explored, lambda smaller: len(smaller.batch) <= 4) for index in range(24)]
    assert all(case.natural > 0.0 for case in small if case is not None)
    assert sum(case is not None for case in small) >= 16


def with_trace(decay: float) -> Function:
    def function(b: pgv.Trajectories) -> np.ndarray:
        v = b.values
        delta = np.where(b.mask, b.rewards + b.discount * v[:, 1:] - v[:, :-1], 0.0)
        a, run = np.zeros_like(delta), np.zeros(len(b))
        for t in reversed(range(b.num_steps)):
            run = delta[:, t] + decay * run
            a[:, t] = run
        return b.score_weighted(a * b.discount_powers)

    return function


@pytest.mark.parametrize("design", [pgv.Independent(sizes=(6,)), pgv.Grouped(size=2, prompts=2)], ids=str)
def test_a_critic_that_is_read_in_batches_of_a_design_is_said(design: pgv.Independent | pgv.Grouped) -> None:
    """An exact one hides every fault of a trace."""
    problems = [entry.problem for entry in pgv.suites.get("standard") if entry.name in ("bandit", "early-stop")]
    read = pgv.check(with_trace(0.9), problems=problems, design=design)
    assert any("reads batch.values" in warning for warning in read.warnings)
    plain = pgv.check(kept(lambda b: b.mask, size=2), problems=problems, design=design)
    assert plain.outcome.good
    assert not any("reads batch.values" in warning for warning in plain.warnings)


@pytest.mark.slow
@pytest.mark.usefixtures("small_suite")
@pytest.mark.parametrize("name", sorted(GROUPED))
def test_no_style_of_groups_is_accused_beyond_the_suite(name: str) -> None:
    report = pgv.check(GROUPED[name], design=GROUPS)
    assert report.outcome is pgv.Outcome.CORRECT
    assert report.scope is not None
    assert report.scope.beyond is not None
    assert report.scope.beyond.count >= 15
