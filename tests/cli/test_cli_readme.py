"""What the page on the command line says is true, and the README's two commands are among those."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from cli_calls import call
from markdown_pages import commands as commands_with_output
from markdown_pages import prints, python_blocks

from pgverify.checking import Outcome
from pgverify.cli import app

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("own_imports", "unchecked_shapes")
def test_the_example_prints_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (source,) = python_blocks(SECTION)
    ((command, shown),) = commands_with_output(SECTION)
    (tmp_path / "losses.py").write_text(f"import numpy as np\n\n\n{source}")
    monkeypatch.chdir(tmp_path)
    assert "\n  …\n" in shown  # lines that are left out
    code, printed, error = call(capsys, *command.removeprefix("pgverify ").split())
    assert (code, error) == (1, "")
    assert prints(shown, printed), printed


def commands() -> list[list[str]]:
    lines = re.findall(r"^pgverify (.*)$", SECTION + README, flags=re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_commands_exist(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    known = {flag for parameter in command.params for flag in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_some_commands_are_shown() -> None:
    assert {words[0] for words in commands()} == {
        "check", "bugs", "cases", "estimators", "exact", "variance", "study", "survey", "report",
    }  # fmt: skip


def test_the_exit_codes_are_those_of_the_outcomes() -> None:
    rows = dict(re.findall(r"^\| (\d) \| (.*?) \|$", SECTION, flags=re.MULTILINE))
    written = {word: int(code) for code, cell in rows.items() for word in re.findall(r"`(\w+)`", cell)}
    assert written == {outcome.value: outcome.exit_code for outcome in Outcome}
