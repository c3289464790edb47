"""Programs in other languages: right ones pass, wrong ones are named, and no number that is none passes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from program_commands import PROBLEMS, ROOT

import pgverify as pgv
from pgverify.adapters import process as adapter
from pgverify.checking.exhaustive import whole_suite
from pgverify.checking.exhaustive.effort import Effort

pytestmark = pytest.mark.skipif(os.name != "posix", reason="programs are run on POSIX systems only")

FEW = [PROBLEMS[name] for name in ("early-stop", "delayed-reward", "shared-features")]
"""Different lengths, γ < 1, and parameters that do not belong to a state."""


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return the commands of the examples that can be run here."""
    found = {"py": [sys.executable, str(ROOT / "examples/reinforce.py")]}
    if node := shutil.which("node"):
        found["js"] = [node, str(ROOT / "examples/reinforce.js")]
    if compiler := shutil.which("cc"):
        binary = str(tmp_path_factory.mktemp("examples") / "reinforce")
        strict = ["-std=c99", "-O2", "-Wall", "-Wextra", "-pedantic", "-Werror"]
        subprocess.run([compiler, *strict, "-o", binary, str(ROOT / "examples/reinforce.c"), "-lm"], check=True)
        found["c"] = [binary]
    return found


def command(examples: dict[str, list[str]], language: str) -> list[str]:
    if language not in examples:
        pytest.skip({"c": "no C compiler (cc)", "js": "no node"}[language])
    return examples[language]


@pytest.fixture
def quick(unchecked_shapes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the largest batches on which the oracle looks for coupling: the oracle has tests of its own."""
    monkeypatch.setattr(whole_suite, "THOROUGH", Effort(tried=(2, 3, 5, 16)))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("language", "kind"),
    [("c", "gradient"), ("c", "weights"), ("js", "gradient"), ("js", "weights"), ("py", "gradient")],
)
def test_a_right_program_is_correct(examples, run, language, kind):
    report = pgv.check(run(command(examples, language), kind), kind=kind, problems=FEW)
    assert report.outcome is pgv.Outcome.CORRECT, report
    assert report.warnings == ()


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("language", ["c", "js", "py"])
def test_a_right_program_is_correct_on_the_whole_suite(examples, run, language):
    assert pgv.check(run(command(examples, language))).outcome is pgv.Outcome.CORRECT


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("language", "kind", "bug", "slug"),
    [
        ("c", "gradient", "drop-discount", "discount-dropped"),
        ("c", "gradient", "shift", "reward-shifted-late"),
        ("js", "gradient", "drop-discount", "discount-dropped"),
        ("js", "weights", "shift", "reward-shifted-late"),
        ("py", "weights", "shift", "reward-shifted-late"),
    ],
)
def test_a_wrong_program_is_named(examples, run, language, kind, bug, slug):
    """Negative control of the test above: the same programs with a bug."""
    report = pgv.check(run([*command(examples, language), "--bug", bug], kind), kind=kind, problems=FEW)
    assert not report.outcome.good
    assert report.diagnosis == slug, report


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(("bug", "good"), [([], True), (["--bug", "shift"], False)])
def test_a_sampling_program_is_judged_by_sampling(examples, run, bug, good):
    """At α = 1e-6 and fixed seeds; the shifted one drops the only reward there is."""
    sampler = run([*examples["py"], *bug], "sampler")
    report = pgv.check(sampler, kind="sampler", problems=[PROBLEMS["coin"]], tolerance=0.2, budget=30_000)
    assert report.evidence == "sampled"
    assert report.outcome.good is good, report
    assert report.outcome not in (pgv.Outcome.INVALID, pgv.Outcome.INCONCLUSIVE)
    assert not any("not reproducible" in warning for warning in report.warnings)


@pytest.mark.parametrize("language", ["c", "js"])
def test_an_example_says_what_it_cannot_do(examples, run, language):
    with pytest.raises(adapter.ReportedError, match="not supported"):
        run(command(examples, language), "sampler")(PROBLEMS["coin"], 1, np.random.default_rng(0))


@pytest.mark.parametrize("printed", ["NaN", "nan", "-nan", "null", "Infinity", "-inf", "1e999"])
@pytest.mark.usefixtures("unchecked_shapes")
def test_what_is_not_finite_is_invalid(faulty, printed):
    report = pgv.check(
        faulty("says", f'{{"version":1,"id":%(id)s,"value":[0.5,{printed}]}}'), problems=[PROBLEMS["coin"]]
    )
    assert report.outcome is pgv.Outcome.INVALID
    assert re.search(r"returned -?(nan|inf) at \[1\]", report.explanation), report.explanation


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_dying_program_is_invalid_with_its_last_words(faulty):
    report = pgv.check(faulty("exits", "3"), problems=FEW[:1])
    assert report.outcome is pgv.Outcome.INVALID
    assert "ProgramEnded" in report.explanation
    assert "about to leave" in report.explanation
