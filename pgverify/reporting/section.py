"""A study as pages and Markdown tell it: its answer in one sentence, its figures, its table, how to get it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pgverify.counts import counted
from pgverify.drawing.vector import placed_svg
from pgverify.drawing.words import number
from pgverify.errors import InvalidData
from pgverify.reporting.judged import Judged
from pgverify.reporting.settings import settings
from pgverify.reporting.tables import columns_of
from pgverify.studies import study_files

MOST_ROWS = 1000
"""Rows of a table on the page; all of them are in results.csv."""
MOST_CELLS = 10_000
"""Numbers of a table on the page, which is to weigh at most two megabytes."""
MOST_VECTOR = 400_000
"""Characters of a vector image inside a page; a larger one is shown as PNG, and linked."""
SHORT = 12
"""A table up to this long is shown open."""

FOUNDATION = ("zero-mean-score", "unbiasedness", "causality", "baselines", "discounting", "committal")
"""Shipped studies in the order in which they build on each other; others follow by name."""


@dataclass(frozen=True)
class Picture:
    """A figure of a page; `element` is empty where there is no vector image, and the PNG is shown."""

    name: str
    words: str
    width: int
    element: Markup
    vector: bool
    """Whether there are SVG and PDF beside the PNG."""
    told: str
    """Sample size, horizon, discount, policy, the level of intervals: what the figure does not say itself."""

    @property
    def caption(self) -> str:
        """What is seen; the axes, which stand in the figure, are for those who do not see it."""
        first = self.words.partition(". ")[0].rstrip(".")
        return first if first.endswith(("?", "!")) else f"{first}."

    @property
    def full_caption(self) -> str:
        """What is seen, and with which settings."""
        return " ".join(filter(None, (self.caption, self.told)))


@dataclass(frozen=True)
class Section:
    """One study as the templates read it."""

    judged: Judged
    pictures: Sequence[Picture]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    command: str

    @property
    def open(self) -> bool:
        """Whether the table is short enough to be shown at once."""
        return len(self.rows) <= SHORT

    @property
    def answer(self) -> str:
        """What came of the study, in one sentence; the first that fails, or what keeps it from being decided."""
        judged = self.judged
        if judged.undecided:
            return judged.undecided
        if judged.failing:
            return (
                f"{len(judged.failing)} of {counted(len(judged.claims), 'claim')} fail: {judged.failing[0].statement}"
            )
        return judged.answer or judged.claims[0].statement

    @property
    def tally(self) -> str:
        """How many claims hold."""
        judged = self.judged
        if not judged.claims:
            return "nothing decided"
        return f"{len(judged.claims) - len(judged.failing)} of {counted(len(judged.claims), 'claim')} hold"

    @property
    def facts(self) -> list[str]:
        """Date, duration, commit, cells, seed, machine and versions, as far as they are known."""
        run, made = self.judged.run, self.judged.made
        spent = "" if made.seconds is None else f"{counted(made.cells, 'cell')} computed in {made.seconds:.3g} s"
        known = [made.date, spent, made.commit and f"commit {made.commit}"]
        known += [f"{run.done} of {counted(run.total, 'cell')}", f"seed {run.seed}", *run.machines]
        return [fact for fact in (*known, *(f"{name} {version}" for name, version in run.versions.items())) if fact]

    @property
    def where(self) -> str:
        """The folder of the study below that of the index."""
        return f"{self.judged.study.name}/{self.judged.label}/" if self.judged.label else f"{self.judged.study.name}/"

    @property
    def up(self) -> str:
        """The way back to the index."""
        return "../../" if self.judged.label else "../"


def place_of(section: Section) -> tuple[bool, int, str]:
    """Return where a study stands: what has something wrong first, then what others build on."""
    judged = section.judged
    known = FOUNDATION.index(judged.study.name) if judged.study.name in FOUNDATION else len(FOUNDATION)
    return not (judged.failing or judged.troubles), known, judged.title


def section_of(judged: Judged, folder: str) -> Section:
    """Return a study as it is told; `folder` is the output folder, as it is to be typed."""
    common = " ".join(filter(None, (settings(judged.rows), f"Seed {judged.run.seed}.")))
    pictures = [
        Picture(
            name,
            drawn.words,
            drawn.width,
            _element(name, drawn.svg, drawn.words, drawn.width),
            bool(drawn.svg and drawn.pdf),
            " ".join(filter(None, (drawn.caption, common))),
        )
        for name, drawn in judged.figures.items()
    ]
    columns = columns_of(judged.rows)
    most = min(MOST_ROWS, max(1, MOST_CELLS // max(1, len(columns))))
    rows = [[number(row.get(name)) for name in columns] for row in judged.rows[:most]]
    return Section(judged, pictures, columns, rows, _command(judged, folder))


def _element(name: str, svg: str, words: str, width: int) -> Markup:
    """Return the element of a figure; the store has let through only what can do nothing but be looked at."""
    try:
        return Markup(placed_svg(svg, words, name, width)) if 0 < len(svg) <= MOST_VECTOR else Markup()
    except InvalidData:
        return Markup()


def _command(judged: Judged, folder: str) -> str:
    known = study_files().get(judged.study.name)
    shipped = known is not None and known.resolve() == judged.path.resolve()
    name = judged.study.name if shipped else str(judged.path)
    quick = " --quick" if judged.run.quick else ""
    return f"pgverify study run {name}{quick} --seed {judged.run.seed} --out {folder}"
