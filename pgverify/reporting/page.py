"""One self-contained page for all studies: what was asked, what was found, how sure; then the details."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pgverify.reporting.judged import Judged
from pgverify.reporting.tables import columns_of
from pgverify.studies import study_files

MOST_ROWS = 200
"""Rows of a table on the page; all of them are in results.csv."""
SHORT = 12
"""A table up to this long is shown open."""


@dataclass(frozen=True)
class Picture:
    """A figure, embedded."""

    name: str
    words: str
    data: str
    width: int


@dataclass(frozen=True)
class Section:
    """One study as the template reads it."""

    judged: Judged
    pictures: Sequence[Picture]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    command: str

    @property
    def open(self) -> bool:
        """Whether the table is short enough to be shown at once."""
        return len(self.rows) <= SHORT


def render_page(studies: Sequence[Judged], folder: str) -> str:
    """Return the page as HTML text; the same studies give the same bytes.

    Parameters
    ----------
    studies : sequence of Judged
    folder : str
        The output folder, as it is to be typed.
    """
    sections = [_section(judged, folder) for judged in studies]
    # Studies with something wrong come first: nobody should have to look for it.
    sections.sort(key=lambda section: not (section.judged.failing or section.judged.troubles))
    claims = [claim for judged in studies for claim in judged.claims]
    return (
        _environment()
        .get_template("index.html")
        .render(
            sections=sections,
            claims=claims,
            holding=[claim for claim in claims if claim.holds],
            failing=[(judged.title, claim) for judged in studies for claim in judged.failing],
            troubled=[(judged.title, trouble) for judged in studies for trouble in judged.troubles],
            exact=[claim for claim in claims if claim.evidence == "exact"],
            sampled=[claim for claim in claims if claim.evidence == "sampled"],
            most_rows=MOST_ROWS,
        )
    )


def _section(judged: Judged, folder: str) -> Section:
    pictures = [
        Picture(name, drawn.words, b64encode(drawn.png).decode(), drawn.width) for name, drawn in judged.figures.items()
    ]
    columns = columns_of(judged.rows)
    rows = [[_short(row.get(name)) for name in columns] for row in judged.rows[:MOST_ROWS]]
    return Section(judged, pictures, columns, rows, _command(judged, folder))


def _command(judged: Judged, folder: str) -> str:
    known = study_files().get(judged.study.name)
    shipped = known is not None and known.resolve() == judged.path.resolve()
    name = judged.study.name if shipped else str(judged.path)
    quick = " --quick" if judged.run.quick else ""
    return f"pgverify study run {name}{quick} --seed {judged.run.seed} --out {folder}"


def _short(value: Any) -> str:
    """Spell a value for reading: six digits, the full ones are in the CSV."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}".replace("-", "−")
    return str(value)


def _plural(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _breakable(text: str) -> Markup:
    """Let a long name with underscores break at them."""
    return Markup(str(Markup.escape(text)).replace("_", "_<wbr>"))


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pgverify.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    environment.globals["plural"] = _plural
    return environment
