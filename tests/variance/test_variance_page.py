"""The page: every number is a row of a CSV beside it, every digit is kept, and names are text and nothing else."""

from __future__ import annotations

import csv
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from listed import listed, small_chain

import pgverify as pgv
from pgverify.drawing.pages import write_whole
from pgverify.errors import InvalidFile
from pgverify.estimators import RewardToGo
from pgverify.variance import from_batches
from pgverify.variance.text import spelled

HOSTILE = '<script>alert("1")</script>{{ 7*7 }} & $x^2$'


class Cells(HTMLParser):
    """The numbers on a page, with the places they say they come from; and the tags that there are."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, int, str, str]] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.scripts: list[str] = []
        self._place: dict[str, str | None] = {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        held = dict(attributes)
        self._place = held if "data-file" in held else {}
        if tag in ("a", "link"):
            self.links.append(str(held["href"]))
        if tag == "script":
            self.scripts.append(str(held.get("src")))

    def handle_data(self, data: str) -> None:
        if self._place:
            place = self._place
            self.found.append((str(place["data-file"]), int(str(place["data-row"])), str(place["data-column"]), data))
            self._place = {}


def read(page: Path) -> Cells:
    cells = Cells()
    cells.feed(page.read_text(encoding="utf-8"))
    return cells


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes longest, where it is not what is looked at."""
    monkeypatch.setattr("pgverify.variance.page.page_figures", lambda _: {})


@pytest.fixture(scope="module")
def report() -> pgv.VarianceReport:
    return pgv.variance_report(small_chain(), title="a chain")


@pytest.fixture(scope="module")
def page(report: pgv.VarianceReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report.to_html(tmp_path_factory.mktemp("page") / "chain.html")


def test_every_number_is_a_row_of_a_csv(page: Path) -> None:
    cells = read(page)
    tables = {path.name: pd.read_csv(path) for path in (page.parent / "chain-tables").glob("*.csv")}
    assert {name for name, *_ in cells.found} == set(tables)
    assert len(cells.found) > 90
    for name, row, column, text in cells.found:
        value = tables[name].iloc[row][column]
        if name == "sources.csv":
            assert text == f"{100 * value:.2f} %"
        elif pd.isna(value):
            assert text == "–"
        elif isinstance(value, str | np.bool_):
            assert text == {"True": "yes", "False": "no"}.get(str(value), str(value))
        else:
            shown = float(text.replace(",", "").replace("−", "-"))
            assert shown == pytest.approx(float(value), rel=6e-4)


def test_a_sample_of_the_page_is_what_the_listed_trajectories_say(page: Path) -> None:
    table = pd.read_csv(page.parent / "chain-tables" / "estimators.csv").set_index("estimator")
    _, covariance = listed(RewardToGo(), small_chain())
    assert table.loc["reward-to-go", "trace"] == pytest.approx(np.trace(covariance), rel=1e-9)
    states = pd.read_csv(page.parent / "chain-tables" / "states.csv")
    assert states["variance"].to_numpy() == pytest.approx(np.diag(covariance).reshape(3, 2).sum(axis=1), rel=1e-9)
    curves = pd.read_csv(page.parent / "chain-tables" / "curves.csv")
    row = curves[
        (curves["curve"] == "batch size N") & (curves["estimator"] == "reward-to-go") & (curves["setting"] == 10)
    ]
    norm = np.linalg.norm(pgv.exact.gradient_by_complex_step(small_chain()))
    assert row["relative_error"].iloc[0] == pytest.approx(np.sqrt(np.trace(covariance) / 10) / norm, rel=1e-9)


def test_the_files_keep_every_bit(report: pgv.VarianceReport, page: Path) -> None:
    with (page.parent / "chain-tables" / "curves.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for column in ("setting", "trace", "relative_bias"):
        assert [float(row[column]) for row in rows] == list(report.curves[column])


def test_links_lead_to_files_and_the_page_needs_no_network(page: Path) -> None:
    cells = read(page)
    assert cells.links
    for link in [*cells.links, *cells.scripts]:
        assert (page.parent / link).is_file(), link
    text = page.read_text(encoding="utf-8")
    assert "http" not in re.sub(r'xmlns(:xlink)?="http://www.w3.org/[^"]*"', "", text)  # names, that nobody asks for
    assert len(text) < 2_000_000


def test_the_same_report_gives_the_same_bytes(report: pgv.VarianceReport, page: Path, tmp_path: Path) -> None:
    again = report.to_html(tmp_path / "chain.html")
    assert again.read_bytes() == page.read_bytes()


def test_hostile_names_are_inert(tmp_path: Path, unchecked_shapes: None) -> None:
    found = pgv.variance_report(small_chain(), {HOSTILE: RewardToGo()}, title=HOSTILE)
    for text in (found.to_html(tmp_path / "a b&c.html").read_text(encoding="utf-8"), found._repr_html_()):
        assert "<script" not in text.replace('<script src="a%20b%26c-tables/', "")
        assert "49" not in re.sub(r"base64,[^\"]*", "", text).split("7*7")[0][-40:]
        assert html.escape(HOSTILE, quote=True).replace("&quot;", "&#34;") in text
    assert (tmp_path / "a b&c-tables" / "estimators.csv").is_file()
    seen = read(tmp_path / "a b&c.html")
    assert seen.tags.isdisjoint({"iframe", "object"})
    assert seen.scripts == ["a%20b%26c-tables/tabulator.min.js", "a%20b%26c-tables/tables.js"]  # ours alone


def test_a_table_that_is_gone_does_not_look_current(
    report: pgv.VarianceReport, tmp_path: Path, no_figures: None
) -> None:
    path = tmp_path / "one.html"
    report.to_html(path)
    assert (tmp_path / "one-tables" / "shares.csv").is_file()
    from_batches(pgv.sample(small_chain(), 200, seed=1), [RewardToGo()]).to_html(path)
    assert not (tmp_path / "one-tables" / "shares.csv").exists()
    cells = read(path)
    assert "sampled" in path.read_text(encoding="utf-8")
    assert {name for name, *_ in cells.found} == {"estimators.csv", "facts.csv", "curves.csv"}


def test_what_cannot_be_written_is_one_sentence_and_leaves_the_old_page(tmp_path: Path) -> None:
    (tmp_path / "page.html").mkdir()
    with pytest.raises(InvalidFile, match="cannot be written"):
        write_whole(tmp_path / "page.html", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_what_does_not_vary_has_a_page(tmp_path: Path, unchecked_shapes: None) -> None:
    """Five steps do not reach the goal of the lake: nothing is paid, nothing varies, ∇J is zero."""
    lake = pgv.Problem(pgv.mdps.get("frozen-lake-4x4"), pgv.SoftmaxPolicy(np.zeros((16, 4))), pgv.FiniteHorizon(5))
    found = pgv.variance_report(lake, [RewardToGo()])
    assert found.table["trace"].eq(0).all()
    assert "∇J is zero" in found.to_html(tmp_path / "still.html").read_text(encoding="utf-8")


def test_figures_leave_no_style_behind(report: pgv.VarianceReport) -> None:
    before = dict(mpl.rcParams)
    figure = report.plot()
    assert [axis.get_title("left") for axis in figure.axes] == [
        "What an estimator costs", "Where the variance comes from", "root mean square error"
    ]  # fmt: skip
    assert figure.get_suptitle() == "a chain"
    assert dict(mpl.rcParams) == before


def test_the_figure_shows_the_numbers_of_the_table(report: pgv.VarianceReport) -> None:
    axis = report.plot().axes[0]
    dots = sorted(line.get_xdata()[0] for line in axis.get_lines() if line.get_marker() == "o")
    assert dots == pytest.approx(sorted(report.table["ratio_to_reward_to_go"]), rel=1e-12)


def test_grids_are_drawn_as_grids_and_the_rest_as_bars() -> None:
    from pgverify.variance.drawn_maps import maps_of_states

    lake = pgv.Problem(pgv.mdps.get("frozen-lake-4x4"), pgv.SoftmaxPolicy(np.zeros((16, 4))), pgv.FiniteHorizon(5))
    maps = pgv.variance_report(lake, [RewardToGo()]).maps
    drawn = maps_of_states(maps, None)
    assert all(len(axis.patches) == 16 for axis in drawn.axes)
    assert all(not axis.get_xticks().size for axis in drawn.axes)
    value = [text.get_text() for text in drawn.axes[1].texts]
    assert value.count("end") == 5
    bars = maps_of_states(maps.drop(columns=["row", "column"]), None)
    assert all(len(axis.patches) == 11 for axis in bars.axes)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9.6349245e-05, "9.635e−05"), (12345.6, "12,346"), (8325.4, "8,325"), (999.96, "1,000"), (999.9, "999.9"),
        (1618109, "1,618,109"), (0.5, "0.5"), (None, "–"),
        (float("nan"), "–"), (pd.NA, "–"), (float("inf"), "inf"), (-2, "−2"), (np.float64(1e20), "1e+20"),
        (True, "yes"),
    ],
)  # fmt: skip
def test_numbers_are_never_cut(value: object, text: str) -> None:
    assert spelled(value) == text
