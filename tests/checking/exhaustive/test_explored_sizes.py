"""Batches larger than pairs beyond the suite: what begins at three trajectories and shows on long or wide problems."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from slow_cases import slow_but

import pgverify as pgv
from pgverify.checking import Report
from pgverify.checking.exhaustive import explored_sizes

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Function = Callable[[pgv.Trajectories], np.ndarray]
Weights = Callable[[pgv.Trajectories, np.ndarray], np.ndarray]


def leave_one_out(b: pgv.Trajectories) -> np.ndarray:
    returns = (b.discount_powers * b.rewards).sum(axis=1)
    others = (returns.sum() - returns) / max(len(b) - 1, 1)
    return np.where(b.mask, (returns - others)[:, None], 0.0)


def from_three_on(changed: Weights) -> Function:
    """Return leave-one-out, in pairs; from three trajectories on, with a fault."""
    return lambda b: b.score_weighted(changed(b, leave_one_out(b)) if len(b) >= 3 else leave_one_out(b))


def cut_off(b: pgv.Trajectories, weights: np.ndarray) -> np.ndarray:
    return np.where(np.arange(b.num_steps) < 8, weights, 0.0)


FAULTS: dict[str, Function] = {
    "no credit after 8 steps": from_three_on(cut_off),
    "actions from 4 on": from_three_on(lambda b, w: np.where(b.actions < 4, w, 0.0)),
    "start states from 5 on": from_three_on(lambda b, w: np.where(b.states[:, :1] < 5, w, 0.0)),
    "half where it is cut": from_three_on(lambda b, w: np.where(b.truncated[:, None], 0.5 * w, w)),
    "twice at γ = 0": from_three_on(lambda b, w: w * (1.0 if b.discount > 0.0 else 2.0)),
    "states from 9 on reversed": from_three_on(lambda b, w: np.where(b.states[:, :-1] < 9, w, -w)),
    "action 6 halved from 100 on": lambda b: b.score_weighted(
        np.where((b.actions == 6) & (len(b) >= 100), 0.5, 1.0) * leave_one_out(b)
    ),
}


@pytest.fixture
def small_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the standard suite be three of its problems, that on which larger batches are drawn among them."""
    from pgverify.checking import oracle

    kept = [each for each in pgv.suites.get("standard") if each.name in ("bandit", "early-stop", "three-starts")]
    monkeypatch.setattr(oracle, "chosen_suite", lambda *_: kept)


@pytest.mark.usefixtures("small_suite")
@pytest.mark.parametrize("name", slow_but(FAULTS, ["no credit after 8 steps"]))
def test_what_begins_at_three_is_seen_beyond_the_suite(name: str) -> None:
    report = pgv.check(FAULTS[name])
    assert not report.outcome.good, str(report)
    assert "problem explored[" in report.explanation
    assert any("built again" in warning for warning in report.warnings)


@pytest.mark.slow
@pytest.mark.usefixtures("small_suite")
@pytest.mark.parametrize("name", sorted(FAULTS))
def test_neither_the_suite_nor_pairs_can_show_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: it is the larger batches beyond the suite that do."""
    monkeypatch.setattr(explored_sizes, "_chosen", lambda *_: [])
    assert pgv.check(FAULTS[name]).outcome is pgv.Outcome.CORRECT


def in_threes(b: pgv.Trajectories) -> np.ndarray:
    returns = (b.discount_powers * b.rewards).sum(axis=1)
    weights = returns.copy()
    for first in range(0, len(b), 3):
        some = returns[first : first + 3]
        weights[first : first + 3] = some - (some.sum() - some) / max(len(some) - 1, 1)
    return b.score_weighted(np.where(b.mask, weights[:, None], 0.0))


INNOCENT: dict[str, tuple[Function, pgv.Outcome]] = {
    "leave-one-out": (lambda b: b.score_weighted(leave_one_out(b)), pgv.Outcome.CORRECT),
    "float32": (lambda b: b.score_weighted(leave_one_out(b).astype(np.float32)), pgv.Outcome.CORRECT),
    "in threes": (in_threes, pgv.Outcome.CORRECT),
    "(n − 1)/n": (lambda b: b.score_weighted(leave_one_out(b)) * (1 - 1 / max(len(b), 1.5)), pgv.Outcome.SCALED),
    "1/T": (lambda b: b.score_weighted(leave_one_out(b)) / b.num_steps, pgv.Outcome.SCALED),
}


@pytest.mark.usefixtures("small_suite")
@pytest.mark.parametrize("name", slow_but(INNOCENT, ["leave-one-out"]))
def test_an_innocent_stays_what_it_is(name: str) -> None:
    function, outcome = INNOCENT[name]
    report = pgv.check(function)
    assert report.outcome is outcome, str(report)
    scope = report.scope
    assert scope is not None
    assert len(scope.sampled_beyond) >= 3
    assert {one.size for each in scope.sampled_beyond for one in each.sampled} == {10, 300}
    assert f"of 10, 300 sampled on {len(scope.sampled_beyond)} of them" in str(scope)
    assert Report.from_json(report.to_json()) == report


@pytest.mark.usefixtures("small_suite")
def test_nothing_is_drawn_where_trajectories_are_on_their_own() -> None:
    report = pgv.check(pgv.estimators.RewardToGo())
    assert report.scope is not None
    assert report.scope.sampled_beyond == ()
