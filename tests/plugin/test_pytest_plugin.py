"""The plugin, tried by running pytest inside pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from pgverify.checking import standard_suite

pytest_plugins = ["pytester"]

README = Path(__file__).parents[2] / "README.md"

# Two small problems: the verdicts on them take milliseconds.
HEADER = """
import pytest
import pgverify as pgv
from pgverify.checking import standard_suite

SUITE = {entry.name: entry.problem for entry in standard_suite()}
SMALL = [SUITE["bandit"], SUITE["early-stop"]]
RIGHT = pgv.estimators.RewardToGo()
WRONG = pgv.bugs.get("past-rewards").implementation
"""

JUDGED = (
    HEADER
    + """
def test_right(pg_check):
    report = pg_check(RIGHT, problems=SMALL)
    assert report.outcome is pgv.Outcome.CORRECT

def test_wrong(pg_check):
    pg_check(WRONG, problems=SMALL)
    raise RuntimeError("never reached")

def test_right_then_wrong(pg_check):
    pg_check(RIGHT, problems=SMALL)
    pg_check(WRONG, problems=SMALL)

def test_weights(pg_check):
    pg_check(RIGHT.weights, "weights", problems=SMALL)

def test_wrong_kind(pg_check):
    pg_check(RIGHT, kind="gradients")

def test_other_target(pg_check):
    pg_check(pgv.estimators.RewardToGo(discount_weighting=False), target="discount_dropped", problems=SMALL)

def test_nothing_shown(pg_check):
    pg_check(RIGHT, problems=[SUITE["constant-reward"]])

def test_nothing_shown_is_allowed(pg_check):
    report = pg_check(RIGHT, problems=[SUITE["constant-reward"]], allow_inconclusive=True)
    assert report.outcome is pgv.Outcome.INCONCLUSIVE

def test_wrong_is_not_allowed(pg_check):
    pg_check(WRONG, problems=SMALL, allow_inconclusive=True)
"""
)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what one run of the file above prints, reports of passed tests included."""
    folder = tmp_path_factory.mktemp("judged")
    (folder / "test_judged.py").write_text(JUDGED)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "-W", "error", "--color=no"]
    wide = {**os.environ, "COLUMNS": "240"}  # the summary is cut to the width of the terminal
    ran = subprocess.run(command, cwd=folder, env=wide, capture_output=True, text=True, timeout=120, check=False)
    return ran.stdout


def part(output: str, name: str) -> str:
    """Return what is printed under the headline of one test."""
    found = re.search(rf"^_+ {name} _+$(.*?)(?=^_{{5,}} |^=+ )", output, flags=re.MULTILINE | re.DOTALL)
    assert found, f"{name} is not in the output"
    return found[1]


@pytest.mark.parametrize("name", ["right", "weights", "other_target", "nothing_shown_is_allowed"])
def test_a_good_implementation_passes_and_its_report_is_kept(judged: str, name: str) -> None:
    assert f"PASSED test_judged.py::test_{name}\n" in judged
    kept = part(judged, f"test_{name}")
    assert "Captured pgverify call" in kept
    assert ("INCONCLUSIVE: " if "nothing" in name else "CORRECT: ") in kept


@pytest.mark.parametrize("name", ["wrong", "right_then_wrong", "wrong_is_not_allowed"])
def test_a_faulty_implementation_fails_with_its_report_and_no_traceback(judged: str, name: str) -> None:
    assert f"FAILED test_judged.py::test_{name} - Failed: BIASED: " in judged
    message = part(judged, f"test_{name}")
    assert "likely cause: past-rewards" in message
    assert "cure: " in message
    assert "smallest problem that shows it: problems[1]" in message
    for inner in ("pytest_plugin", "Traceback", "def test_", "RuntimeError"):
        assert inner not in message
    assert ("CORRECT: " in message) == (name == "right_then_wrong")


def test_nothing_shown_fails_unless_it_is_allowed(judged: str) -> None:
    assert "FAILED test_judged.py::test_nothing_shown - Failed: INCONCLUSIVE: the target is zero" in judged


def test_a_wrong_call_is_told_in_one_sentence_at_the_line_of_the_test(judged: str) -> None:
    message = part(judged, "test_wrong_kind")
    assert '>       pg_check(RIGHT, kind="gradients")' in message
    assert "UnknownName: unknown kind 'gradients': the nearest known are gradient" in message
    for inner in ("pytest_plugin", "checking", "raise "):
        assert inner not in message


def test_every_outcome_of_the_file_was_looked_at(judged: str) -> None:
    assert "5 failed, 4 passed" in judged


def test_pg_problem_is_every_problem_of_the_suite_by_name(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="module")
        def horizon(pg_problem):
            return pg_problem.objective.horizon

        def test_problem(pg_problem):
            assert pg_problem.policy.probabilities().shape == (pg_problem.mdp.num_states, pg_problem.mdp.num_actions)

        def test_through_a_fixture(horizon):
            assert horizon < 7

        def test_without():
            pass
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-v")
    names = [entry.name for entry in standard_suite()]
    result.assert_outcomes(passed=2 * len(names), failed=1)
    for name in names:
        result.stdout.fnmatch_lines([f"*::test_problem?{name}? PASSED*"])
    result.stdout.fnmatch_lines(["*::test_without PASSED*", "FAILED *::test_through_a_fixture?long?*"])


def test_pg_problem_that_comes_too_late_says_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_late(request): request.getfixturevalue('pg_problem')")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*pg_problem is asked for by getfixturevalue, must be an argument of the test"])


def test_it_can_be_left_out(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(pg_check): pass")
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:pgverify")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'pg_check' not found"])


@pytest.mark.slow  # it starts three interpreters
def test_it_works_with_xdist(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEADER + "def test_wrong(pg_check): pg_check(WRONG, problems=SMALL)\n"
        "def test_right(pg_check, pg_problem): pg_check(RIGHT, problems=[pg_problem], allow_inconclusive=True)\n"
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "2", timeout=120)
    result.assert_outcomes(failed=1, passed=len(standard_suite()))
    result.stdout.fnmatch_lines(["*likely cause: past-rewards*"])


# Other plugins are left out: jaxtyping's, which comes with pgverify, is theirs to answer for.
@pytest.mark.parametrize(("argument", "expected"), [("", set()), ("pg_check", set()), ("pg_problem", {"numpy"})])
def test_nothing_heavy_is_imported_before_it_is_needed(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, argument: str, expected: set[str]
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(f"def test_it({argument}): pass")
    pytester.makeconftest("import sys\ndef pytest_unconfigure(): print('loaded', *sys.modules)")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "pgverify.pytest_plugin", timeout=60)
    assert result.ret == 0
    (loaded,) = [set(line.split()) for line in result.outlines if line.startswith("loaded ")]
    assert "pgverify.pytest_plugin" in loaded
    inner = {name for name in loaded if name.startswith("pgverify.")} - {"pgverify.pytest_plugin"}
    assert {name for name in ("numpy", "scipy", "pandas", "jaxtyping") if name in loaded} >= expected
    if not expected:
        assert inner == set()
        assert not loaded & {"numpy", "scipy", "pandas", "jaxtyping", "hypothesis", "rich", "typer"}


def test_it_is_registered() -> None:
    assert [entry.value for entry in entry_points(group="pytest11", name="pgverify")] == ["pgverify.pytest_plugin"]


def test_the_readme_shows_what_works(pytester: pytest.Pytester, unchecked_shapes: None) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if "pg_check" in block]
    pytester.makepyfile(f"import numpy as np\nimport pgverify as pgv\n{block}")  # as imported above in the README
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    assert result.parseoutcomes().get("passed", 0) == 1 + len(standard_suite())
    assert result.ret == 0
