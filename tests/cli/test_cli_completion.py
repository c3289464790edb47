"""Shells learn the commands and their options."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def answered(arguments: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    environment = (
        os.environ | {"PYTHONPATH": str(ROOT), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"} | variables
    )
    return subprocess.run(
        [sys.executable, "-m", "pgverify", *arguments], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("typed", "word", "expected"),
    [("pgverify st", "1", {"study"}), ("pgverify study r", "2", {"run"})],
)
def test_bash_is_told_what_may_follow(typed: str, word: str, expected: set[str]) -> None:
    found = answered([], _PGVERIFY_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=word)
    assert found.returncode == 0
    assert set(found.stdout.split()) == expected
    assert found.stderr == ""


def test_options_are_offered() -> None:
    found = answered([], _PGVERIFY_COMPLETE="complete_bash", COMP_WORDS="pgverify check --tar", COMP_CWORD="2")
    assert found.stdout.split() == ["--target"]


def test_the_lines_for_a_shell_are_shown() -> None:
    found = answered(["--show-completion", "bash"])
    assert found.returncode == 0
    assert "complete -o default -F _pgverify_completion pgverify" in found.stdout
    assert found.stderr == ""
