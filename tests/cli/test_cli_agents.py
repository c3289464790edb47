"""`pgverify check --agent`: somebody's own loop; what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_calls import call, refused

from pgverify.checking import Outcome, Report

pytestmark = pytest.mark.usefixtures("own_imports", "unchecked_shapes")

LOOP = """
import numpy as np
import pgverify as pgv

def update(world):
    problem = world.problem
    pi = problem.policy.probabilities()
    state, _ = world.env.reset()
    action = world.choose(pi[state])
    _, reward, *_ = world.env.step(action)
    gradient = np.zeros(pi.shape)
    gradient[state] -= reward * pi[state]
    gradient[state, action] += reward
    return SIGN * gradient.ravel()

update.policy = lambda world: world.problem.policy
"""


@pytest.fixture
def loop(tmp_path: Path) -> Any:
    def written(sign: str) -> str:
        (tmp_path / "loop.py").write_text(LOOP.replace("SIGN", sign))
        return f"{tmp_path / 'loop.py'}:update"

    return written


def test_ones_own_loop(capsys: pytest.CaptureFixture[str], loop: Any) -> None:
    code, out, err = call(
        capsys, "check", "--agent", loop("1.0"), "--problem", "coin", "--problem", "bandit", "--json", "-"
    )
    report = Report.from_json(out)
    assert (code, report.outcome) == (0, Outcome.CORRECT)
    assert [finding.problem for finding in report.findings] == ["coin", "bandit"]
    assert "problem coin, 1 of 2" in err


def test_a_folder_to_resume_from_is_made(capsys: pytest.CaptureFixture[str], loop: Any, tmp_path: Path) -> None:
    arguments = ("--resume", str(tmp_path / "sums"), "--problem", "coin")
    code, _, _ = call(capsys, "check", "--agent", loop("1.0"), *arguments)
    assert code == 0
    assert (tmp_path / "sums").is_dir()


def test_a_loop_with_a_fault(capsys: pytest.CaptureFixture[str], loop: Any) -> None:
    code, out, _ = call(
        capsys, "check", "--agent", loop("-1.0"), "--problem", "coin", "--problem", "bandit", "--json", "-"
    )
    assert code == 1
    assert json.loads(out)["outcome"] == "BIASED"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--agent", "x:y", "--command", "z"], "either"),
        (["--kwargs", "{}", "x.py:f"], "belong to --agent"),
        (["--processes", "2", "x.py:f"], "belong to --agent"),
        (["--resume", "sums", "x.py:f"], "belong to --agent"),
        (["--agent", "LOOP", "--processes", "0"], "processes is 0"),
        (["--agent", "stable_baselines3:A2C", "--kwargs", "{n: 3}"], "must be a JSON object"),
        (["--agent", "stable_baselines3:A2C", "--kwargs", "[3]"], "must be a JSON object"),
        (["--agent", "LOOP", "--kwargs", '{"a": 1}'], "must be left out"),
        (["--agent", "LOOP", "--problem", "con"], "coin"),
        (["--agent", "LOOP", "--suite", "none"], "suite"),
        (["--agent", "LOOP", "--alpha", "0.01"], "nothing is sampled"),
        (["--agent", "LOOP", "--batch-size", "3"], "must be left out with --agent"),
        (["--agent", "LOOP", "--kind", "weights"], "must be left out with --agent"),
        (["--agent", "LOOP", "--explore", "3"], "explore is 3"),
    ],
)
def test_calls_that_are_wrong(arguments: list[str], said: str, loop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    given = [loop("1.0") if each == "LOOP" else each for each in arguments]
    assert said in refused(capsys, "check", *given)


@pytest.mark.parametrize(
    ("absent", "agent", "said"),
    [
        (("stable_baselines3",), "stable_baselines3:A2C", "needs stable-baselines3, which is not installed"),
        (
            ("torchrl", "gymnasium"),
            "torchrl:PPO",
            'needs torchrl and pgverify[gymnasium], which are not installed: pip install torchrl "pgverify[gymnasium]"',
        ),
        (("trl",), "trl:GRPO", "pip install trl"),
    ],
)
def test_all_that_a_library_takes_is_said_at_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, absent: tuple[str, ...], agent: str, said: str
) -> None:
    monkeypatch.setattr("pgverify.cli.check_agent.find_spec", lambda module: None if module in absent else module)
    assert said in refused(capsys, "check", "--agent", agent)


def test_a_library_that_is_misspelt(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "check", "--agent", "stable_baseline:A2C")
    assert "ready agents are of stable_baselines3, torchrl, trl" in said
