"""A verdict on a loss as a page, as Markdown and in a notebook: one content, and what comes from outside is text."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.verdict.finding import Finding
from pgverify.checking.verdict.outcome import Outcome
from pgverify.language import LossReport
from pgverify.language.invariants import InvariantResult
from pgverify.language.loss_report import Estimand
from pgverify.language.loss_scope import LossScope, TreeScope

TREES = ("graded", "one-token")
HOSTILE = "mine.py:<script>alert(1)</script>\"'"


class Tags(HTMLParser):
    """The tags of a page, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002 - the door has it
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def finding(problem: str, found: tuple[float, ...], deviation: float) -> Finding:
    expected = (-0.170812, 0.451273, 0.0)
    return Finding("expectation", problem, 8, expected, found, deviation, deviation < 1e-9, trajectories=8)


@pytest.fixture
def biased() -> LossReport:
    """A report as `check_lm` makes them, put together by hand: what is tested is how it is shown."""
    return LossReport(
        Outcome.BIASED,
        "the expectation is off ∇E[R] by up to 60%",
        "∇E[R]",
        "exhaustive",
        "relative rounding 1e-07",
        Estimand("divided by the standard deviation of its group", "E[Σ_t w_t ψ_t]", source="NVIDIA/TorchFort#38"),
        25.0,
        "group-std-population",
        "Advantages are divided by the standard deviation of the group.",
        "Do not divide.",
        ("NVIDIA/TorchFort#38", "arXiv:2503.20783"),
        (finding("graded", (-0.1643, 0.451, 0.1), 0.03), finding("one-token", (-0.068421, 0.4, 0.2), 0.6)),
        (InvariantResult("the batch is split in two", False, 1.38, 20.0), InvariantResult("groups move", True)),
        ("the result changes when the batch is split in two",),
        next_step="compare one trajectory by hand",
        scope=LossScope(
            4, 2, "same", "numpy", True, False, False, tuple(TreeScope(n, 1225, True, 0.0, 0.0) for n in TREES)
        ),
    )


@pytest.fixture
def correct(biased: LossReport) -> LossReport:
    same = tuple(replace(one, found=one.expected, deviation=0.0, holds=True) for one in biased.findings)
    said = "the exact expectation is ∇E[R] on every tree tried"
    return replace(
        biased, outcome=Outcome.CORRECT, explanation=said, diagnosis=None, cause="", cure="", source=(), findings=same
    )


def test_the_page_says_what_the_text_says(biased: LossReport, tmp_path: Path) -> None:
    biased.to_html(tmp_path / "loss.html", "mine.py:loss")
    page = Tags((tmp_path / "loss.html").read_text(encoding="utf-8")).text
    assert biased.example is not None
    assert biased.scope is not None
    for words in (biased.explanation, str(biased.scope), biased.error_rate, biased.diagnosis, "mine.py"):
        assert words is not None
        assert words.split("_")[0] in page  # indices are lowered there
    for source in biased.source:
        assert source in page
    for value in biased.example.found:
        assert f"{value:.6g}".replace("-", "−") in page


def test_where_it_shows_most_is_shown(biased: LossReport) -> None:
    assert biased.example is not None
    assert biased.example.deviation == max(finding.deviation for finding in biased.findings)
    assert f"for instance {biased.example.problem}" in str(biased)


def test_a_right_loss_has_no_cause_and_nothing_that_differs(correct: LossReport, tmp_path: Path) -> None:
    correct.to_html(tmp_path / "loss.html")
    text = (tmp_path / "loss.html").read_text(encoding="utf-8")
    page = Tags(text).text
    assert "Expected against found" not in page
    assert "Cause" not in page
    assert "differs" not in Tags(text.partition("<body")[2]).text
    assert "Tree by tree" in page


def test_a_loss_that_fails_is_told_as_that(tmp_path: Path) -> None:
    why = "it raised ValueError: <script>alert(2)</script>"
    report = LossReport(Outcome.INVALID, why, "∇E[R]", "exhaustive", "the first failure ends the check")
    report.to_html(tmp_path / "loss.html")
    found = Tags((tmp_path / "loss.html").read_text(encoding="utf-8"))
    assert "<script>alert(2)</script>" in found.text
    assert "script" not in found.tags
    assert "Cause" not in found.text
    assert "script>" not in report.to_markdown().replace("&lt;script&gt;", "").replace("&lt;/script&gt;", "")


def test_hostile_names_are_text(biased: LossReport, tmp_path: Path) -> None:
    first, second = biased.findings
    named = (first, replace(second, problem=HOSTILE))
    hostile = replace(biased, cause=HOSTILE, findings=named, source=("javascript:x",))
    hostile.to_html(tmp_path / "loss.html", HOSTILE)
    found = Tags((tmp_path / "loss.html").read_text(encoding="utf-8"))
    assert "script" not in found.tags
    assert found.text.count("alert(1)") >= 3
    markdown = hostile.to_markdown(HOSTILE)
    assert "<script" not in markdown
    assert "](javascript" not in markdown


def test_a_notebook_shows_the_same_and_needs_no_page(biased: LossReport) -> None:
    fragment = biased._repr_html_()
    assert fragment.startswith("<div")
    assert biased.explanation in Tags(fragment).text
    assert {"html", "body", "script", "link"}.isdisjoint(Tags(fragment).tags)


def test_markdown_holds_every_tree_with_its_numbers(biased: LossReport) -> None:
    rows = [line for line in biased.to_markdown("mine").splitlines() if line.startswith(("| ✓", "| ✗"))]
    assert len(rows) == len(biased.findings)
    for row, finding in zip(rows, biased.findings, strict=True):
        assert finding.problem in row.replace("\\", "")
        first = row.split(" | ")[4].split(",")[0].strip().replace("−", "-").replace("\\", "")
        assert np.isclose(float(first), finding.expected[0], rtol=1e-5)


def test_the_same_report_gives_the_same_bytes(biased: LossReport, tmp_path: Path) -> None:
    for name in ("one.html", "two.html"):
        biased.to_html(tmp_path / name, "mine")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_a_page_that_cannot_be_written_is_refused_in_a_sentence(correct: LossReport, tmp_path: Path) -> None:
    with pytest.raises(pgv.errors.InvalidFile, match="cannot be written"):
        correct.to_html(tmp_path / "no folder" / "loss.html")
