"""What a function changes around it: tables are put back and tell against it, the rest is put back and noted."""

from __future__ import annotations

import builtins
import decimal
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.calling.surroundings import STATE, Surroundings
from pgverify.checking.calling.tables import WatchedTables
from pgverify.suites.standard import standard_suite

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
RIGHT = pgv.estimators.RewardToGo()


def reward(batch: pgv.Trajectories) -> None:
    table = batch.problem.mdp.reward
    table.setflags(write=True)
    table *= 2.0


def logits(batch: pgv.Trajectories) -> None:
    object.__setattr__(batch.policy, "logits", 0.5 * batch.policy.logits)


def base(batch: pgv.Trajectories) -> None:
    table = batch.policy.parameters.base
    table.setflags(write=True)
    table += 1.0


def probabilities(batch: pgv.Trajectories) -> None:
    table = batch.policy._softmax[0]
    table.setflags(write=True)
    table[:] = 0.5


def discount(batch: pgv.Trajectories) -> None:
    vars(batch.rollout)["discount"] = 0.1


@pytest.mark.parametrize("write", [reward, logits, base, probabilities, discount])
def test_who_writes_to_tables_is_invalid_and_the_next_is_judged_as_before(
    write: Callable[[pgv.Trajectories], None],
) -> None:
    def writes(batch: pgv.Trajectories) -> np.ndarray:
        write(batch)
        return RIGHT(batch)

    first = standard_suite()[:2]
    report = pgv.check(writes, problems=first)
    assert report.outcome is pgv.Outcome.INVALID
    assert "wrote to the tables of the problem" in report.explanation
    assert pgv.check(RIGHT, problems=first).outcome is pgv.Outcome.CORRECT


def test_a_sampler_that_writes_is_invalid() -> None:
    def writes(problem: pgv.Problem, count: int, rng: np.random.Generator) -> np.ndarray:
        problem.mdp.paid.setflags(write=True)
        problem.mdp.paid[:] = 0.0
        return RIGHT(pgv.sample(problem, count, int(rng.integers(2**31))))

    report = pgv.check(writes, kind="sampler", problems=standard_suite()[0])
    assert "wrote to the tables" in report.explanation
    assert float(standard_suite()[0].problem.mdp.paid.max()) == 1.2


def test_tables_that_are_read_are_unchanged() -> None:
    """Negative control, with a table that is computed in between."""
    problem = pgv.Problem(pgv.mdps.get("river-swim"), pgv.SoftmaxPolicy(np.zeros((6, 2))), pgv.FiniteHorizon(2))
    watched = WatchedTables(problem)
    assert watched.changed() == ""
    pgv.exact.gradient(problem)
    assert watched.changed() == ""


def replaces(module: object, name: str) -> Callable[[pgv.Trajectories], np.ndarray]:
    def function(batch: pgv.Trajectories) -> np.ndarray:
        rows = RIGHT(batch)
        setattr(module, name, lambda *_, **__: 0.0)
        return rows

    return function


@pytest.mark.parametrize("name", ["abs", "sum", "max", "isfinite"])
def test_who_replaces_what_verdicts_are_computed_with_has_none(name: str) -> None:
    before = getattr(np, name)
    report = pgv.check(replaces(np, name), problems=standard_suite()[:2])
    assert report.outcome is pgv.Outcome.INVALID
    assert f"numpy.{name}" in report.explanation
    assert getattr(np, name) is before
    assert pgv.check(RIGHT, problems=standard_suite()[:2]).outcome is pgv.Outcome.CORRECT


@pytest.mark.parametrize("name", ["all", "any", "map"])
def test_who_replaces_what_changes_are_looked_for_with_is_seen_as_well(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, surroundings = getattr(builtins, name), Surroundings()
    monkeypatch.setattr(builtins, name, lambda *_: True)
    assert surroundings.restored().deciding == (f"builtins.{name}",)
    assert getattr(builtins, name) is before


def test_everything_else_is_put_back_and_noted(tmp_path: Path) -> None:
    def careless(batch: pgv.Trajectories) -> np.ndarray:
        os.chdir(tmp_path)
        os.environ["PGVERIFY_CARELESS"] = "1"
        sys.setrecursionlimit(4321)
        sys.path.append("nowhere")
        signal.signal(signal.SIGUSR1, lambda *_: None)
        decimal.getcontext().prec = 3
        json.dumps = None  # type: ignore[assignment]
        return RIGHT(batch)

    before, dumps = {what: read() for what, (read, _) in STATE.items()}, json.dumps
    report = pgv.check(careless, problems=standard_suite()[0])
    assert report.outcome is pgv.Outcome.CORRECT
    (note,) = [note for note in report.notes if "put back" in note]
    assert "json.dumps" in note
    assert "the working directory" in note
    assert {what: read() for what, (read, _) in STATE.items()} == before
    assert (json.dumps, decimal.getcontext().prec) == (dumps, 28)


def test_nothing_is_noted_of_who_changes_nothing() -> None:
    """Negative control."""
    changes = Surroundings().restored()
    assert (changes.deciding, changes.others) == ((), ())
    assert pgv.check(RIGHT, problems=standard_suite()[0]).notes == ()
