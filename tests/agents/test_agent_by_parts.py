"""An agent's runs in several processes, and begun again where they were ended."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from many_runs import PROBLEM, Loop, elsewhere

import pgverify as pgv
from pgverify.checking import Outcome
from pgverify.checking.agents.agent_run import AgentRun, RunLimits
from pgverify.checking.agents.sent_run import received, sent
from pgverify.checking.calling.alarm import Alarm
from pgverify.checking.calling.time_spent import Deadline
from pgverify.checking.isolation.named_function import load_function
from pgverify.errors import InvalidFile, InvalidInput

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def judged(update: Any, **options: Any) -> Any:
    return pgv.check(update, kind="agent", problems=PROBLEM, **options)


@pytest.mark.slow
def test_two_processes_find_what_one_does() -> None:
    assert judged(Loop(), processes=2).outcome is Outcome.CORRECT
    wrong = judged(Loop(-1.0), processes=2)
    assert wrong.outcome is Outcome.BIASED, wrong
    assert wrong.findings[0].trajectories == judged(Loop()).findings[0].trajectories == 250


@pytest.mark.slow
def test_the_runs_that_count_are_made_in_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANY_RUNS_HOME", str(os.getpid()))
    assert judged(elsewhere, processes=2).outcome is Outcome.CORRECT
    assert judged(elsewhere).outcome is Outcome.BIASED


@pytest.mark.slow
def test_what_no_process_could_find_is_said() -> None:
    loop = Loop()
    loop.policy = lambda world: world.problem.policy  # type: ignore[method-assign]
    report = judged(loop, processes=2)
    assert report.outcome is Outcome.INVALID
    assert "at the top of a module" in report.explanation


def test_it_goes_on_where_it_was_ended(tmp_path: Path) -> None:
    """Each attempt makes some hundred runs before its walk begins; without the folder none would come to the end."""
    whole = Loop()
    assert judged(whole, resume=tmp_path / "whole").outcome is Outcome.CORRECT
    with pytest.raises(KeyboardInterrupt):
        judged(Loop(after=whole.runs - 60), resume=tmp_path / "sums")
    again = Loop()
    report = judged(again, resume=tmp_path / "sums")
    assert report.outcome is Outcome.CORRECT, report
    assert again.runs < whole.runs - 60
    assert [file.name for file in (tmp_path / "sums").iterdir()]


def test_the_sums_of_another_agent_are_refused(tmp_path: Path) -> None:
    judged(Loop(), resume=tmp_path)
    with pytest.raises(InvalidFile, match="those of another program"):
        judged(Loop(-1.0), resume=tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"processes": 0}, "processes is 0"),
        ({"processes": True}, "processes is True"),
        ({"processes": 10**6}, "processes is 1000000"),
        ({"resume": 3}, "resume is 3, must be a folder"),
        ({"resume": ""}, "must be a folder"),
        ({"resume": __file__}, "must be a folder"),
    ],
)
def test_calls_that_are_wrong(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        judged(Loop(), **options)


@pytest.mark.parametrize("options", [{"processes": 2}, {"resume": "folder"}])
def test_they_belong_to_agents(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match='belong to kind="agent"'):
        pgv.check(lambda batch: batch.returns, **options)


def test_a_function_of_a_file_is_found_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "own_loop.py"
    file.write_text("def update(world):\n    return [1.0]\n\nmade = lambda world: [1.0]\n")
    found = load_function(f"{file}:update")
    assert sent(found) == (f"{file}:update", None)
    assert received(*sent(found))(None) == [1.0]
    assert sent(judged) == ("", judged)
    unnamed = load_function(f"{file}:made")
    assert sent(unnamed) == ("", unnamed)


def test_a_run_that_is_made_anew_has_its_own_clock_and_reset() -> None:
    with Alarm(3.0) as alarm:
        loop = Loop()
        run = AgentRun(loop, PROBLEM, False, loop.reset, RunLimits(alarm, Deadline.after(50.0)))
        make, arguments = run.__reduce__()
        assert arguments[4] is True  # the reset is the agent's own
        _, of_limits = run.limits.__reduce__()
        assert of_limits[0] == 3.0
        assert 0.0 < of_limits[1] <= 50.0
    again = make(*arguments)
    assert again.reset == again.update.reset
