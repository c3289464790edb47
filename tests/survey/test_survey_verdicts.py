"""The survey without any library: functions of our own stand for other people's, right, wrong, broken and not there."""

from __future__ import annotations

import html
import os
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

import pgverify as pgv
from pgverify import Outcome
from pgverify.errors import InvalidFile, InvalidInput, UnknownName
from pgverify.survey import Role, Survey, SurveyRow, asked, problems
from pgverify.survey.collected import collected
from pgverify.survey.environments import is_here
from pgverify.survey.files import left_out, load_survey, survey_files
from pgverify.survey.in_environment import whole
from pgverify.survey.judged import FAILED, WITHDRAWN, Verdict, judged, read, with_controls, written
from pgverify.survey.published import headline, markdown, page, publish
from pgverify.survey.since import LATER, changes, read_table

REQUIRED = (f"numpy=={__import__('numpy').__version__}",)


def right(batch: pgv.Trajectories) -> object:
    return pgv.estimators.RewardToGo()(batch)


def wrong(batch: pgv.Trajectories) -> object:
    return batch.score_weighted(batch.rewards**2)


def row(name: str, function: object, role: Role = Role.FUNCTION, of: str = "", **how: object) -> SurveyRow:
    outcome = how.pop("recorded", Outcome.CORRECT)
    assert isinstance(outcome, Outcome)
    judge = lambda: asked(function, problems=problems("coin", "early-stop"))  # noqa: E731
    return SurveyRow(name, "∇J", "as everybody does", judge, outcome, role, of)


def survey(*rows: SurveyRow) -> Survey:
    return Survey("numpy", REQUIRED, ("numpy",), rows)


def outcomes(*rows: SurveyRow) -> dict[str, str]:
    one = survey(*rows)
    return {verdict.function: verdict.outcome for verdict in with_controls(judged(one, row) for row in one.rows)}


def test_a_fault_is_said_where_its_controls_did_what_they_are_for(unchecked_shapes: None) -> None:
    found = outcomes(
        row("theirs", wrong, recorded=Outcome.BIASED),
        row("mended", right, Role.RIGHT, "theirs"),
        row("planted", wrong, Role.PLANTED, "theirs"),
    )
    assert found == {"theirs": "BIASED", "mended": "CORRECT", "planted": "BIASED"}


@pytest.mark.parametrize(("mended", "planted"), [(wrong, wrong), (right, right)])
def test_nobody_is_accused_where_a_control_fails(mended: object, planted: object, unchecked_shapes: None) -> None:
    found = outcomes(
        row("theirs", wrong),
        row("mended", mended, Role.RIGHT, "theirs"),
        row("planted", planted, Role.PLANTED, "theirs"),
    )
    assert found["theirs"] == WITHDRAWN


def test_a_control_that_fails_takes_no_good_word_back(unchecked_shapes: None) -> None:
    assert outcomes(row("theirs", right), row("mended", wrong, Role.RIGHT, "theirs"))["theirs"] == "CORRECT"


def test_a_call_that_fails_is_no_verdict() -> None:
    def broken() -> object:
        raise RuntimeError("no such\nthing")

    one = SurveyRow("broken", "", "", broken, Outcome.CORRECT)  # type: ignore[arg-type]
    verdict = judged(survey(one), one)
    assert verdict.outcome == FAILED
    assert "RuntimeError" in verdict.explanation
    assert "no such" in verdict.explanation


@pytest.mark.slow
def test_what_exceeds_a_limit_was_not_run(monkeypatch: pytest.MonkeyPatch, unchecked_shapes: None) -> None:
    # Load makes no verdict: with the limit of a moment, a right function is not run rather than INVALID.
    monkeypatch.setattr("pgverify.survey.asking.LONGEST", 0.05)

    def slow(batch: pgv.Trajectories) -> object:
        sum(range(10**8))
        return right(batch)

    one = row("slow", slow)
    assert judged(survey(one), one).outcome == FAILED


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row("a", right), row("a", wrong)], "'a' twice"),
        ([row("a", right), row("b", wrong, Role.PLANTED, "c")], "of is 'c' for the control 'b'"),
        ([row("a", wrong, recorded=Outcome.BIASED)], "without a control that passes"),
    ],
)
def test_refuses_rows_that_do_not_fit(rows: list[SurveyRow], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        survey(*rows)


FILE = """
import pgverify as pgv
from pgverify import Outcome
from pgverify.survey import SurveyRow, Survey, asked, problems

def good():
    return asked(pgv.estimators.RewardToGo(), problems=problems("coin"))

def dies():
    import os
    os._exit(3)

SURVEY = Survey("{library}", ("{library}=={version}",), ({imports}), (
    SurveyRow("good", "∇J", "so", good, Outcome.CORRECT), {more}
))
"""


def files(folder: Path, **texts: dict[str, str]) -> Path:
    for name, how in texts.items():
        text = FILE.format(**{"library": "numpy", "version": REQUIRED[0][7:], "imports": "", "more": "", **how})
        (folder / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


@pytest.mark.slow
def test_each_library_fails_alone_and_a_run_goes_on_where_it_stood(tmp_path: Path) -> None:
    folder = files(
        tmp_path,
        fine={},
        dying={
            "more": 'SurveyRow("dies", "", "", dies, Outcome.CORRECT),SurveyRow("after", "", "", good, Outcome.CORRECT)'
        },
        gone={"imports": '"no_such_module",'},
    )
    told: list[str] = []
    home = tmp_path / "home"
    found = collected(folder=folder, environments=home, tell=told.append)
    # The row that ends its process costs itself, and nothing before or after it.
    assert [(verdict.function, verdict.outcome) for verdict in found] == [
        ("good", "CORRECT"),
        ("dies", FAILED),
        ("after", "CORRECT"),
        ("good", "CORRECT"),
        ("all", FAILED),
    ]
    assert "ended with 3" in found[1].explanation
    assert "no_such_module" in found[-1].explanation
    assert any("3 rows" in line for line in told)
    kept = next(home.glob("fine-*.jsonl"))
    kept.write_text(kept.read_text().replace("CORRECT", "SCALED"))  # what is there is not judged again, unless asked
    assert collected(["fine"], folder=folder, environments=home)[0].outcome == "SCALED"
    assert collected(["fine"], folder=folder, environments=home, again=True)[0].outcome == "CORRECT"


@pytest.mark.slow
def test_a_library_that_cannot_be_installed_is_listed_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = files(tmp_path, absent={"library": "no-such-library", "version": "1"})
    (verdict,) = collected(folder=folder, environments=tmp_path / "home")
    assert verdict.outcome == FAILED
    assert "no-such-library cannot be installed: " in verdict.explanation
    assert any(words in verdict.explanation for words in ("No matching", "Could not find", "was not found"))  # pip, uv
    assert collected(folder=folder, light=True) == []


def test_a_file_can_be_run_and_its_process_be_lost(tmp_path: Path) -> None:
    """The quick sibling: nothing is judged, and a module that is missing is the reason."""
    folder = files(tmp_path, gone={"imports": '"no_such_module",'})
    (verdict,) = collected(["gone"], folder=folder, environments=tmp_path / "home")
    assert (verdict.function, verdict.outcome) == ("all", FAILED)
    assert "ended with 1: ModuleNotFoundError: No module named 'no_such_module'" in verdict.explanation


def test_names_and_files_that_are_none(tmp_path: Path) -> None:
    files(tmp_path, fine={})
    with pytest.raises(UnknownName, match="fine"):
        load_survey("fin", tmp_path)
    (tmp_path / "empty.py").write_text("SURVEY = 3")
    with pytest.raises(InvalidFile, match="SURVEY as int"):
        load_survey("empty", tmp_path)
    (tmp_path / "broken.py").write_text("import sys; sys.exit(0)")
    with pytest.raises(InvalidFile, match="cannot be loaded"):
        load_survey("broken", tmp_path)


def test_the_shipped_files_say_what_they_must() -> None:
    for name in survey_files():
        one = load_survey(name)
        assert "==" in one.requires[0]
        assert all(entry.claim and entry.called for entry in one.rows)
        assert any(entry.role is Role.PLANTED for entry in one.rows), f"{name} has no planted fault"
        assert isinstance(is_here(one), bool)


VERDICT = Verdict("lib", "1", "f", "a claim", "so", "function", "", "", "CORRECT", date="2026-01-01")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    hostile = Verdict("lib", "1", "<script>alert(1)</script>|", "“x”\n", "", "function", "", "", "BIASED")
    text = written(VERDICT) + "\n" + written(hostile) + "\n"
    assert read(text, "file") == [VERDICT, hostile]
    assert read(text[:-9], "file") == [VERDICT]  # a run that was killed in the middle of a line
    with pytest.raises(InvalidFile, match="line 1 of file"):
        read("{}\n" + text, "file")
    publish([VERDICT, hostile], tmp_path)
    assert read_table(tmp_path / "survey.csv") == [VERDICT, hostile]
    assert "<script>alert" not in (tmp_path / "survey.html").read_text()
    assert "\\|" in (tmp_path / "survey.md").read_text()
    assert headline([VERDICT, hostile]) == "1 of 2 functions of 1 library estimate what they claim"
    scaled = replace(VERDICT, outcome="SCALED")
    assert headline([VERDICT, scaled]).endswith(
        "1 of 2 functions of 1 library estimate what they claim, 1 a multiple of it"
    )


def test_what_changed_is_said(tmp_path: Path) -> None:
    later = [
        Verdict("lib", "2", "f", "", "", "function", "", "", "BIASED", "return-crosses-episodes"),
        Verdict("lib", "2", "h", "", "", "function", "", "", "CORRECT"),
    ]
    gone = Verdict("lib", "1", "g", "", "", "function", "", "", "CORRECT")
    assert changes([VERDICT, gone], later) == [
        "changed: lib f: CORRECT → BIASED (return-crosses-episodes), 1 → 2",
        "new: lib h: CORRECT, 2",
        "gone: lib g",
    ]
    assert changes([VERDICT], [VERDICT]) == []
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InvalidFile, match="no table of a survey"):
        read_table(tmp_path / "other.csv")
    with pytest.raises(InvalidFile, match="no table of a survey"):
        read_table(Path(os.devnull))  # no line at all


def test_environments_are_kept_apart_from_the_project() -> None:
    from pgverify.survey.environments import environments_folder

    assert Path.cwd() not in environments_folder().parents


def test_what_is_published_is_what_is_shipped() -> None:
    """Every function of every file has its row, with the version, the words and the verdict on record."""
    root = Path(__file__).parents[2]
    published = {
        (verdict.library, verdict.function): verdict for verdict in read_table(root / "reports" / "survey.csv")
    }
    shipped = [(load_survey(name), entry) for name in survey_files() for entry in load_survey(name).rows]
    assert set(published) == {(one.library, entry.function) for one, entry in shipped}
    for one, entry in shipped:
        verdict = published[one.library, entry.function]
        assert (verdict.version, verdict.claim, verdict.called) == (one.version, entry.claim, entry.called)
        assert verdict.outcome == entry.recorded.value
    text = (root / "reports" / "survey.md").read_text(encoding="utf-8")
    assert all(f"## {one.library} {one.version}" in text for one, _ in shipped)
    reasons = left_out()
    assert reasons
    assert not set(reasons) & {one.library for one, _ in shipped}
    every = [*published.values()]
    for shown in (text, markdown(every, reasons), html.unescape(page(every, reasons))):
        assert all(f"{library}: {reason}" in shown for library, reason in reasons.items())


def test_a_line_that_was_cut_off_is_taken_out_before_lines_are_added(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    assert whole(file) == ""
    text = written(VERDICT) + "\n"
    file.write_text(text + written(VERDICT)[:40], encoding="utf-8")  # a run that was killed in the middle of a line
    assert whole(file) == text
    with file.open("a", encoding="utf-8") as lines:
        lines.write(text)
    assert read(file.read_text("utf-8"), "file") == [VERDICT, VERDICT]


def test_a_table_from_before_a_column_is_read(tmp_path: Path) -> None:
    publish([replace(VERDICT, variance="1.5")], tmp_path)
    lines = [line.split(",") for line in (tmp_path / "survey.csv").read_text("utf-8").splitlines()]
    kept = [at for at, name in enumerate(lines[0]) if name not in LATER]
    assert len(kept) == len(lines[0]) - len(LATER)
    (tmp_path / "old.csv").write_text("\n".join(",".join(line[at] for at in kept) for line in lines), encoding="utf-8")
    (old,) = read_table(tmp_path / "old.csv")
    assert (old.function, old.variance) == (VERDICT.function, "")
    assert changes([old], [replace(VERDICT, variance="1.5")]) == []
    (tmp_path / "short.csv").write_text("library,function\na,b\n", encoding="utf-8")
    with pytest.raises(InvalidFile, match="no table of a survey"):
        read_table(tmp_path / "short.csv")


def test_the_variance_is_on_every_page() -> None:
    every = [replace(VERDICT, factor="1/T", variance="2.68"), replace(VERDICT, function="g", variance_on="no reason")]
    for shown in (markdown(every), html.unescape(page(every))):
        assert "2.68" in shown
        assert "1/T" in shown
        assert "relative to that of the best baseline" in shown
        assert "2026-01-01" in shown
