"""`pgverify bugs`: the catalogue as a table, and all about one entry."""

from __future__ import annotations

import inspect
import json

import pytest
from cli_calls import call, refused

from pgverify.bugs import CATALOGUE, Bug, Effect, LossBug, get, names
from pgverify.checking import Report
from pgverify.reporting.bug_pages import EFFECTS, source_code

pytestmark = pytest.mark.usefixtures("short_suite", "unchecked_shapes")


def test_the_table_has_one_plain_line_an_entry(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "bugs")
    lines = out.splitlines()
    assert (code, err, len(lines)) == (0, "", len(CATALOGUE))
    for bug, line in zip(CATALOGUE, lines, strict=True):
        assert line.split() == [str(bug.number), *bug.effect.value.split(), bug.slug, *bug.cause.split()]
    assert len({line.index(bug.cause) for bug, line in zip(CATALOGUE, lines, strict=True)}) == 1  # columns


def test_on_a_terminal_the_table_is_drawn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = call(capsys, "bugs")
    assert code == 0
    assert "───" in out
    assert all(slug in out for slug in names())  # never cut


def test_the_table_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "bugs", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["slug"] for row in rows] == names()
    for bug, row in zip(CATALOGUE, rows, strict=True):
        assert (row["number"], row["effect"], row["cause"]) == (bug.number, bug.effect.value, bug.cause)


@pytest.mark.parametrize("slug", ["discount-dropped", "padding-counted", "discount-kept"])
def test_the_page_of_an_entry_has_everything(slug: str, capsys: pytest.CaptureFixture[str]) -> None:
    bug = get(slug)
    code, out, err = call(capsys, "bugs", slug)
    assert (code, err) == (0, "")
    for text in (str(bug.number), slug, EFFECTS[bug.effect], bug.cause, bug.cure, *bug.source, bug.note):
        assert text in out
    assert source_code(bug) in out
    code, document, _ = call(capsys, "bugs", slug, "--json")
    page = json.loads(document)
    report = Report.from_json(json.dumps(page["report"]))
    assert f"pgv.check says\n{report}\n" in out
    assert report.diagnosis == (None if bug.effect is Effect.INNOCENT else slug)
    assert page["code"] == source_code(bug)
    assert page["cause"] == bug.cause


@pytest.mark.parametrize("bug", CATALOGUE, ids=names())
def test_the_code_is_that_of_the_faulty_implementation(bug: Bug | LossBug) -> None:
    code = source_code(bug)
    function = bug.loss if isinstance(bug, LossBug) else bug.implementation
    if inspect.isfunction(function):
        assert code.startswith(f"# {function.__module__}\ndef {function.__name__}(")
    else:
        assert code.startswith(f"# {type(function).__module__}\n# {function!r}\n")
        assert f"class {type(function).__name__}" in code


@pytest.mark.parametrize("slug", ["kl-sign-reversed", "ratio-of-one"])
def test_the_page_of_a_loss_has_everything(slug: str, capsys: pytest.CaptureFixture[str]) -> None:
    bug = get(slug)
    code, out, err = call(capsys, "bugs", str(bug.number))
    assert (code, err) == (0, "")
    for text in (str(bug.number), slug, EFFECTS[bug.effect], bug.cause, bug.cure, *bug.source, bug.note):
        assert text in out
    assert source_code(bug) in out
    assert "pgv.check_lm says" in out
    code, document, _ = call(capsys, "bugs", slug, "--json")
    page = json.loads(document)
    assert page["report"]["diagnosis"] == bug.diagnosis
    assert (page["group_size"], page["sampler"]) == (bug.group_size, bug.sampler)


def test_an_entry_is_found_by_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    (slug,) = [bug.slug for bug in CATALOGUE if bug.number == 7]
    assert call(capsys, "bugs", "7") == call(capsys, "bugs", slug)


def test_a_number_that_none_has_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    last = max(bug.number for bug in CATALOGUE)
    assert f"unknown bug number {last + 1}, must be one of 1..{last}" in refused(capsys, "bugs", str(last + 1))
    assert "unknown bug number 0" in refused(capsys, "bugs", "0")


def test_on_a_terminal_the_table_has_a_legend(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    _, out, _ = call(capsys, "bugs")
    legend = out[out.rindex("───") :]
    for effect, words in EFFECTS.items():
        assert effect.value in legend
        assert " ".join(words.split()[:3]) in " ".join(legend.split())


def test_every_effect_is_in_words() -> None:
    assert set(EFFECTS) == set(Effect)


def test_an_unknown_entry_lists_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, "bugs", "discount-droped")
    assert "unknown bug 'discount-droped': the nearest known are discount-dropped" in message
