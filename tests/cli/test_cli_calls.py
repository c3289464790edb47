"""The command line as a whole: one sentence for every wrong call, never a traceback; help is quick."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cli_calls import call
from tiny_studies import write_study

import pgverify as pgv

WRONG = {
    "unknown command": ("frobnicate", "No such command"),
    "unknown option": ("exact river-swim --horizon 3 --frob", "--frob"),
    "horizon no number": ("exact river-swim --horizon many", "--horizon"),
    "no argument": ("exact", "Missing argument"),
    "unknown study": ("study run no-such-study", "unknown study 'no-such-study', must be "),
    "no study": ("study run", "takes either names or files of studies, or --all"),
    "names and all": ("study run x --all", "takes either names or files of studies, or --all"),
    "workers": (
        "study run {study} --workers 0 --out {out}",
        "workers is 0, must be an integer",
    ),
    "seed": ("study run {study} --seed -1 --out {out}", "seed is -1, must be an integer of at least 0"),
    "output is a file": ("study run {study} --out {file}", "must be a folder for output"),
    "no store": ("report {out}", "holds no results.sqlite"),
    "no store for status": ("study status {out}", "holds no results.sqlite"),
    "unknown MDP": (
        "exact rivr-swim --horizon 3",
        "'rivr-swim': the nearest known are river-swim",
    ),
    "missing MDP file": ("exact {out}/none.json --horizon 3", "none.json"),
    "damaged MDP file": ("exact {file} --horizon 3", "damaged.json"),
    "horizon 0": ("exact river-swim --horizon 0", "horizon is 0, must be an integer of at least 1"),
    "horizon -1": ("exact river-swim --horizon -1", "horizon is -1, must be an integer of at least 1"),
    "discount 1.5": ("exact river-swim --discount 1.5", "discount is 1.5, must be a number in [0, 1]"),
    "discount nan": (
        "exact river-swim --horizon 2 --discount nan",
        "discount is nan, must be a number",
    ),
    "discount 1": ("exact river-swim --discount 1", "discount is 1.0, must be below 1 without a horizon"),
    "no objective": ("exact river-swim", "give --horizon T, --discount G, both, or --average"),
    "two objectives": ("exact river-swim --average --horizon 2", "--average takes neither"),
    "periodic chain": ("exact {periodic} --average", "periodic"),
    "episodic average": ("exact frozen-lake-4x4 --average", "no state may be terminal"),
    "missing policy": ("exact river-swim --horizon 2 --policy {out}/p.json", "cannot be read"),
    "damaged policy": ("exact river-swim --horizon 2 --policy {file}", 'must be JSON with "logits" [S, A]'),
    "policy without logits": ("exact river-swim --horizon 2 --policy {empty}", 'has no "logits"'),
    "shape of logits": (
        "exact river-swim --horizon 2 --policy {shape}",
        "has shape (1, 2), must be [S, A]",
    ),
    "ragged logits": ("exact river-swim --horizon 2 --policy {ragged}", "logits must be an array of real numbers"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_call_is_one_sentence(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contents = {
        "file": ("damaged.json", '{"logits": [[1.0, '),
        "empty": ("empty.json", "{}"),
        "shape": ("shape.json", '{"logits": [[1.0, 2.0]]}'),
        "ragged": ("ragged.json", '{"logits": [[1.0], [2.0, 3.0]]}'),
    }
    places = {"out": str(tmp_path / "out"), "study": str(write_study(tmp_path))}
    for key, (file, text) in contents.items():
        (tmp_path / file).write_text(text)
        places[key] = str(tmp_path / file)
    periodic = pgv.TabularMDP([1.0, 0.0], [[[0.0, 1.0]], [[1.0, 0.0]]], [[1.0], [0.0]])
    pgv.mdps.save(periodic, tmp_path / "periodic.json")
    places["periodic"] = str(tmp_path / "periodic.json")

    line, message = WRONG[name]
    code, out, err = call(capsys, *line.format(**places).split())
    assert code == 2
    assert out == ""
    assert err.startswith("pgverify: ")
    assert err.count("\n") == 1
    assert message in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [(), ("study",), ("--help",), ("study", "run", "--help")])
def test_help_is_shown(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, *arguments)
    assert code == 0
    assert "Usage" in out
    assert err == ""


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "--version") == (0, f"pgverify {pgv.__version__}\n", "")


def test_nothing_heavy_is_imported_for_help() -> None:
    script = (
        "import sys, pgverify.cli\n"
        "print([m for m in ('pandas', 'matplotlib', 'seaborn', 'scipy.stats', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
