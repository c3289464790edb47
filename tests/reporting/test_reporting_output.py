"""The output folder: bit-exact tables, one self-contained page, failures first."""

from __future__ import annotations

import csv
import struct
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tiny_studies import write_study

from pgverify.errors import InvalidFile
from pgverify.reporting import section as section_module
from pgverify.reporting.concluding import conclude, conclude_anew
from pgverify.reporting.judged import Judged
from pgverify.reporting.output import write_reports
from pgverify.reporting.tables import write_rows
from pgverify.running import make_workload, open_store, run_workloads, serial_pool
from pgverify.studies import load_study


def report(out: Path, *paths: Path, quick: bool = False) -> list[Judged]:
    workloads = [make_workload(*load_study(str(path)), seed=0, quick=quick) for path in paths]
    with open_store(out) as store:
        run_workloads(workloads, store, serial_pool())
        conclude(store, workloads)
    return write_reports(out)


class Page(HTMLParser):
    """Collects what a page would fetch, its pictures, its text, and whether its tags close in order."""

    VOID = ("meta", "img", "br", "wbr", "link")

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.addresses: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.styles: list[str] = []
        self.stack: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        known = dict(attributes)
        self.addresses += [known[name] or "" for name in ("src", "href", "data", "srcset") if name in known]
        if tag == "img":
            self.pictures.append(known)
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.add(tag)  # inside a drawing

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.styles if self.stack and self.stack[-1] == "style" else self.words).append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(out: Path, name: str = "index.html") -> Page:
    return Page((out / name).read_text(encoding="utf-8"))


def test_the_folder_holds_what_is_promised(tmp_path: Path) -> None:
    out = tmp_path / "out"
    report(out, write_study(tmp_path))
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == {
        "index.html", "README.md", "results.sqlite", "tiny/index.html", "tiny/README.md",
        "tiny/results.csv", "tiny/claims.csv",
        "tiny/figures/values.png", "tiny/figures/values.svg", "tiny/figures/values.pdf", "assets/tables.js",
        "assets/tabulator.min.js", "assets/tabulator_simple.min.css", "assets/tabulator-LICENSE",
    }  # fmt: skip
    claims = pd.read_csv(out / "tiny" / "claims.csv")
    assert list(claims["holds"]) == [True, True]
    assert list(claims["statement"])[1] == "The mean is <small>."


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    report(tmp_path / "out", path)
    names = (
        "tiny/results.csv", "tiny/claims.csv", "tiny/figures/values.png", "tiny/figures/values.svg",
        "tiny/figures/values.pdf", "tiny/index.html", "index.html",
    )  # fmt: skip
    first = {name: (tmp_path / "out" / name).read_bytes() for name in names}
    report(tmp_path / "out", path)  # anew, in the same place
    assert {name: (tmp_path / "out" / name).read_bytes() for name in names} == first
    report(tmp_path / "elsewhere", path)
    for name in names[:5]:
        assert (tmp_path / "elsewhere" / name).read_bytes() == first[name]


def test_csv_floats_come_back_bit_for_bit(tmp_path: Path) -> None:
    numbers = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, float("inf"), 2**53 + 2.0]
    rows: list[dict[str, Any]] = [{"x": number, "n": 1} for number in numbers]
    write_rows([*rows, {"n": 2, "late": True}], tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["x", "n", "late"]
    assert [struct.pack("<d", float(line[0])) for line in lines[1:-1]] == [struct.pack("<d", x) for x in numbers]
    assert lines[-1] == ["", "2", "True"]  # an integer stays one although the column has gaps


def test_every_address_on_a_page_is_a_file_of_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    report(out, *(write_study(tmp_path, name) for name in ("one", "two")))
    for name in ("index.html", "one/index.html", "two/index.html"):
        page = read(out, name)
        assert page.stack == []  # every tag is closed
        for address in page.addresses:
            file, _, place = address.partition("#")
            assert not file or ((out / name).parent / file).is_file(), address
            assert not place or f'id="{place}"' in (out / name).read_text(), address
        assert not page.tags & {"iframe", "object", "img"}
        for word in ("http:", "https:", "@import", "url("):
            assert word not in "".join(page.styles)
        assert "prefers-color-scheme: dark" in "".join(page.styles)
        assert "@media print" in "".join(page.styles)
    assert "script" not in read(out).tags
    assert "Values in order" in read(out, "one/index.html").text


def test_the_first_lines_say_what_was_asked_found_and_how_sure(tmp_path: Path) -> None:
    report(tmp_path / "out", write_study(tmp_path))
    text = read(tmp_path / "out").text
    start = text.index("2 of 2 claims hold Asked Does it run & finish? Found ✓ All 2 claims hold. How sure")
    assert start < 200
    assert "1 claim rests on exact computation and is sure to rounding; 1 rests on samples" in text
    text = read(tmp_path / "out", "tiny/index.html").text
    assert "The mean is <small>." in text  # escaped, not swallowed as a tag
    assert f"--seed 0 --out {tmp_path / 'out'}" in text


def test_claims_that_fail_come_first(tmp_path: Path) -> None:
    good, bad = write_study(tmp_path, "good"), write_study(tmp_path, "late", holds=False)
    judged = report(tmp_path / "out", good, bad)
    assert [[claim.name for claim in study.claims] for study in judged] == [
        ["counted", "mean"],
        ["mean", "counted"],
    ]
    text = read(tmp_path / "out").text
    assert "3 of 4 claims hold" in text[:200]
    assert text.index("1 claim fails: ✗ The mean is <small>. Expected 0, found 0.1 .") < text.index("How sure")
    assert text.index("Study late") < text.index("Study good")


def test_a_failed_cell_leaves_the_claims_undecided(tmp_path: Path) -> None:
    path = write_study(tmp_path, body="    if n == 1:\n        raise ValueError('no <b>')")
    (judged,) = report(tmp_path / "out", path)
    assert judged.claims == ()
    assert judged.troubles == ("Cell 1 of 6 failed: ValueError: no <b>.",)
    text = read(tmp_path / "out").text
    assert text.index("Cell 1 of 6 failed: ValueError: no <b>.") < text.index("How sure Not at all")
    assert len((tmp_path / "out" / "tiny" / "results.csv").read_text().splitlines()) == 1 + 15


def test_an_analysis_that_raises_is_reported(tmp_path: Path) -> None:
    path = write_study(tmp_path, holds="[][1]")
    (judged,) = report(tmp_path / "out", path)
    assert judged.broken
    assert judged.troubles == ("The claims cannot be decided: IndexError: list index out of range.",)
    assert list(judged.figures) == ["values"]


def test_an_edited_study_is_pointed_out(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    report(tmp_path / "out", path)
    path.write_text(path.read_text() + "\n# edited\n")
    with open_store(tmp_path / "out") as store:
        conclude_anew(store)
    (judged,) = write_reports(tmp_path / "out")
    assert len(judged.claims) == 2
    assert "was edited after its cells were computed" in judged.troubles[0]


def test_a_finished_run_is_shown_until_the_next_one_finishes(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    report(tmp_path / "out", path)
    with open_store(tmp_path / "out") as store:
        store.begin(make_workload(*load_study(str(path)), seed=7))
    judged, begun = write_reports(tmp_path / "out")
    assert (judged.run.seed, judged.label) == (0, "")
    assert judged.run.finished
    assert (begun.run.seed, begun.label, begun.run.done) == (7, "seed-7", 0)


def test_figures_no_longer_drawn_are_removed(tmp_path: Path) -> None:
    old = tmp_path / "out" / "tiny" / "figures" / "old.png"
    old.parent.mkdir(parents=True)
    old.touch()
    report(tmp_path / "out", write_study(tmp_path))
    assert not old.exists()


def test_long_tables_are_cut_and_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section_module, "MOST_ROWS", 200)
    report(tmp_path / "out", write_study(tmp_path, count=70))
    text = (tmp_path / "out" / "tiny" / "index.html").read_text(encoding="utf-8")
    assert "<details>" in text
    assert "the first 200 of 210 rows" in text
    report(tmp_path / "short", write_study(tmp_path, "short"), quick=True)
    assert "<details open>" in (tmp_path / "short" / "short" / "index.html").read_text(encoding="utf-8")


def test_a_store_without_runs_is_refused(tmp_path: Path) -> None:
    with open_store(tmp_path):
        pass
    with pytest.raises(InvalidFile, match="holds no run"):
        write_reports(tmp_path)


def test_a_study_that_is_gone_is_named(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    report(tmp_path / "out", path)
    path.unlink()
    (judged,) = write_reports(tmp_path / "out")  # shown all the same: nothing of the study's is run
    assert len(judged.claims) == 2
    with (
        open_store(tmp_path / "out") as store,
        pytest.raises(InvalidFile, match=r"study 'tiny' was computed from .*, which is gone"),
    ):
        conclude_anew(store)
