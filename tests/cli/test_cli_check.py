"""`pgverify check`: the way to the oracle and back; outcome, exit code, files, and nothing else on standard output."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import typer
from cli_calls import call, refused

import pgverify as pgv
from pgverify import checking
from pgverify.checking import Outcome, Report
from pgverify.cli import app

pytestmark = pytest.mark.usefixtures("short_suite", "own_imports", "unchecked_shapes")

MINE = """
import numpy as np
import pgverify as pgv

good = pgv.estimators.RewardToGo()
twice = lambda batch: 2.0 * good(batch)
dropped = pgv.estimators.RewardToGo(discount_weighting=False)
weights = good.weights

class Group:
    inner = pgv.estimators.RewardToGo()

def zero(batch):
    return 0.0 * good(batch)

def failing(batch):
    raise ValueError("no")

number = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with somebody's code."""
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "inner.py").write_text("from mine import good\nimport beside\n")
    (tmp_path / "package" / "beside.py").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ("mine:good", 0, "CORRECT"),
        ("mine:weights --kind weights", 0, "CORRECT"),
        ("mine:dropped --target discount_dropped", 0, "CORRECT"),
        ("mine:twice", 1, "SCALED"),
        ("mine:dropped", 1, "OTHER_TARGET"),
        ("mine:zero", 1, "NO_SIGNAL"),
        ("mine:failing", 1, "INVALID"),
        ("mine:weights", 1, "INVALID"),
    ],
)
def test_the_outcome_is_the_exit_code(
    arguments: str, code: int, word: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, out, err = call(capsys, "check", *arguments.split())
    assert (found, err) == (code, "")
    assert out.startswith(f"{word}: ")


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_its_exit_code(
    outcome: Outcome, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report(outcome, "so it is", "exhaustive", "policy_gradient", "no sampling")
    monkeypatch.setattr(checking, "check", lambda *_, **__: report)
    code = {"CORRECT": 0, "CONSISTENT": 0, "INCONCLUSIVE": 3}.get(outcome.value, 1)
    assert call(capsys, "check", "mine:good") == (code, f"{report}\n", "")


@pytest.mark.parametrize("name", ["mine:good", "mine.py:good", "./mine.py:Group.inner", "package/inner.py:good"])
def test_a_function_is_found(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "check", name)[0] == 0


def test_a_dotted_module_is_found_as_python_does(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "package" / "inner.py").write_text("from mine import good\n")
    assert call(capsys, "check", "package.inner:good")[0] == 0
    assert call(capsys, "check", "pgverify.bugs.discounting:DISCOUNT_DROPPED.correct")[0] == 0


def test_a_file_does_not_replace_a_module_of_the_same_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "json.py").write_text(MINE)
    assert call(capsys, "check", "json.py:good")[0] == 0
    assert sys.modules["json"] is json


WRONG = {
    "neither": ("check", "takes either MODULE:FUNCTION, or --command"),
    "both": ("check mine:good --command x", "takes either MODULE:FUNCTION, or --command"),
    "no function": ("check mine", "'mine', must be MODULE:FUNCTION"),
    "no module": ("check :good", "':good', must be MODULE:FUNCTION"),
    "unknown module": ("check mne:good", "unknown module 'mne': the nearest known are mine"),
    "unknown submodule": (
        "check package.iner:good",
        "unknown module 'package.iner': the nearest known are package.inner",
    ),
    "unknown file": ("check mne.py:good", "unknown file 'mne.py': the nearest known are mine.py"),
    "unknown function": ("check mine:goood", "unknown name 'goood': the nearest known are good"),
    "unknown attribute": ("check mine:Group.iner", "unknown name 'iner': the nearest known are inner"),
    "no attributes": ("check mine:number.real.x.y", "unknown name 'x': there is none here"),
    "not callable": ("check mine:number", "mine:number is of type int, must be a function of a batch"),
    "class": ("check mine:Group", "mine:Group is a class, must be a function of a batch"),
    "import raises": ("check broken:f", "broken cannot be imported: ZeroDivisionError: division by zero"),
    "file raises": ("check broken.py:f", "broken.py cannot be imported: ZeroDivisionError: division by zero"),
    "import exits": ("check exits:f", "exits cannot be imported: SystemExit: 0"),
    "file exits": ("check exits.py:f", "exits.py cannot be imported: SystemExit: 0"),
    "import lacks another": (
        "check lacks:f",
        "lacks cannot be imported: ModuleNotFoundError: No module named 'nonsuch'",
    ),
    "syntax": ("check syntax.py:f", "syntax.py cannot be imported: SyntaxError: "),
    "kind": ("check mine:good --kind gradiant", "unknown kind 'gradiant': the nearest known are gradient"),
    "target": ("check mine:good --target policy_gradiant", "the nearest known are policy_gradient"),
    "alpha": ("check mine:good --alpha 2", "alpha is 2.0, must be"),
    "tolerance": ("check mine:good --tolerance nan", "tolerance is nan, must be"),
    "seed": ("check mine:good --seed -1", "seed is -1, must be"),
    "time limit": ("check mine:good --time-limit 0", "time_limit is 0.0, must be"),
    "json in no folder": ("check mine:good --json none/x.json", "--json is none/x.json, must be a file in a folder"),
    "json is a folder": ("check mine:good --json package", "--json is package, must be a file in a folder"),
    "html in no folder": ("check mine:good --html none/x.html", "--html is none/x.html, must be a file in a folder"),
    "junit in no folder": ("check mine:good --junit none/x.xml", "--junit is none/x.xml, must be a file in a folder"),
    "no such program": ("check --command nonsuch-program", "nonsuch-program"),
    "no program": ("check --command=", "must be a program and its arguments"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_call_is_one_sentence(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "broken.py").write_text("1 / 0\n")
    (folder / "exits.py").write_text("raise SystemExit(0)\n")
    (folder / "lacks.py").write_text("import nonsuch\n")
    (folder / "syntax.py").write_text("def f(:\n")
    line, message = WRONG[name]
    assert message in refused(capsys, *line.split())


OF_AGENTS = ("policy", "window", "reset", "progress", "processes", "resume")
"""Functions, and what holds some: an agent named on a command line brings its own; other options go to it alone."""


def test_defaults_and_options_are_those_of_the_library(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[dict[str, Any]] = []

    def spy(function: object, **options: Any) -> Report:
        given.append(options)
        return Report(Outcome.CORRECT, "", "exhaustive", "", "")

    documented = {name: value.default for name, value in inspect.signature(pgv.check).parameters.items()}
    monkeypatch.setattr(checking, "check", spy)
    call(capsys, "check", "mine:good")
    assert given[0] == {name: documented[name] for name in given[0]}
    in_python_alone = {"implementation", "problems", "isolate", "memory_limit", "acting", "max_steps", *OF_AGENTS}
    assert set(given[0]) == set(documented) - in_python_alone
    options = "--kind weights --target t --alpha 0.5 --tolerance 0.25 --seed 7 --time-limit 3 --budget 9"
    call(
        capsys,
        "check",
        "mine:good",
        *options.split(),
        "--total-time-limit",
        "20",
        "--explore",
        "5",
        "--suite",
        "truncated",
    )
    assert list(given[1].values()) == ["weights", "t", 0.5, 0.25, 7, 3.0, 20.0, 5, 9, None, None, "truncated"]
    call(capsys, "check", "mine:good", "--group-size", "4", "--prompts", "2", "--rarest", "0.01")
    assert (given[2]["rarest"], given[2]["design"]) == (0.01, pgv.Grouped(size=4, prompts=2))
    call(capsys, "check", "mine:good", "--batch-size", "16", "--batch-size", "8")
    assert given[3]["design"] == pgv.Independent(sizes=(16, 8))


def test_the_report_is_written_as_json_and_as_junit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "check", "mine:dropped", "--json", "report.json", "--junit", "report.xml")
    report = Report.from_json((folder / "report.json").read_text())
    assert code == 1
    assert out == f"{report}\n"
    root = ET.parse(folder / "report.xml").getroot()
    assert root.find("testsuite").get("name") == "pgverify check mine:dropped"
    assert root.get("failures") == "2"  # the verdict, and early-stop; the others have one step each
    code, out, _ = call(capsys, "check", "mine:dropped", "--json", "-")
    assert (code, Report.from_json(out)) == (1, report)


def test_the_report_is_written_as_a_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "check", "mine:dropped", "--html", "report.html")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert code == 1
    assert out.split(":")[0] in page
    assert "mine:dropped" in page


LOUD = """
import atexit, ctypes, os, subprocess, sys
import pgverify as pgv

print("imported")
atexit.register(lambda: print("good-bye"))
ctypes.CDLL(None).puts(b"buffered by C")

def estimate(batch):
    print("called")
    os.write(1, b"raw\\n")
    return pgv.estimators.RewardToGo()(batch)

subprocess.run(["echo", "child"], check=True)
"""


def test_nothing_that_is_printed_corrupts_the_document(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    command = [sys.executable, "-m", "pgverify", "check", "loud:estimate", "--json", "-"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcome"] == "CORRECT"
    # Negative control: it was printed, elsewhere. What a call prints is kept for the report.
    for said in ("imported", "good-bye", "buffered by C", "raw", "child"):
        assert f"{said}\n" in done.stderr
    assert "prints 'called'" in done.stdout


def test_nor_does_it_where_standard_output_is_captured(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "chatty.py").write_text("print('imported')\nfrom mine import good\n")
    code, out, err = call(capsys, "check", "chatty:good", "--json", "-")
    assert (code, err) == (0, "imported\n")
    assert Report.from_json(out).outcome is Outcome.CORRECT


PROGRAM = """
import json, sys

for line in sys.stdin:
    asked = json.loads(line)
    rows = []
    for i in range(asked["num_trajectories"]):
        total = sum(r * asked["discount"] ** t for t, r in enumerate(asked["rewards"][i]))
        row = [0.0] * asked["num_parameters"]
        for t in range(asked["lengths"][i]):
            score = asked["score"][asked["states"][i][t]][asked["actions"][i][t]]
            row = [x + FACTOR * total * y for x, y in zip(row, score)]
        rows.append(row)
    print(json.dumps({"version": asked["version"], "id": asked["id"], "value": rows}), flush=True)
"""


@pytest.mark.parametrize(("factor", "code", "word"), [(1.0, 0, "CORRECT"), (-1.0, 1, "BIASED")])
def test_a_program_is_judged_like_a_function(
    factor: float, code: int, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM.replace("FACTOR", str(factor)))
    found, out, err = call(capsys, "check", "--command", f"{sys.executable} -S {script}", "--time-limit", "30")
    assert (found, err) == (code, "")
    assert out.startswith(word)


def test_a_program_gets_kind_and_time_limit_and_is_closed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pgverify.adapters import process

    seen: list[object] = []

    class Program:
        def __enter__(self) -> Program:
            return self

        def __exit__(self, *error: object) -> None:
            seen.append("closed")

        def __call__(self, batch: pgv.Trajectories) -> object:
            return pgv.estimators.RewardToGo().weights(batch)

    monkeypatch.setattr(process, "from_command", lambda *given, **named: seen.append((given, named)) or Program())
    options = ["--kind", "weights", "--time-limit", "3"]
    assert call(capsys, "check", "--command", "./my-program --flag", *options)[0] == 0
    assert seen == [(("./my-program --flag",), {"kind": "weights", "time_limit": 3.0}), "closed"]
    seen.clear()
    assert call(capsys, "check", "--command", "x", "--target", "nonsense")[0] == 2
    assert seen[-1] == "closed"


def test_a_hanging_program_is_reported_in_its_own_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "hangs.py"
    script.write_text(
        "import sys, time\nfor line in sys.stdin:\n    print('thinking', file=sys.stderr)\n    time.sleep(60)\n"
    )
    options = ["--command", f"{sys.executable} -S {script}", "--time-limit", "1"]
    code, out, _ = call(capsys, "check", *options)
    assert code == 1
    assert "no answer within 1 s" in out
    assert "the last line of its standard error is 'thinking'" in out


def test_the_options_are_the_documented_ones() -> None:
    command = typer.main.get_command(app).commands["check"]
    flags = {flag for parameter in command.params for flag in parameter.opts}
    assert flags >= {"--command", "--kind", "--target", "--alpha", "--tolerance", "--seed", "--time-limit"}
    assert flags >= {"--json", "--junit"}
