"""The output folder: CSV tables, figures and the page, all rebuilt from the store in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pgverify.drawing.assets import table_assets
from pgverify.errors import InvalidFile
from pgverify.reporting.judged import Judged, judge
from pgverify.reporting.markdown import index_markdown, is_ours, study_markdown
from pgverify.reporting.page import render_index, render_study
from pgverify.reporting.section import place_of, section_of
from pgverify.reporting.staging import Stage, staged
from pgverify.reporting.tables import write_claims, write_rows
from pgverify.running.opening import open_store


def write_reports(
    folder: str | Path,
    progress: Callable[[str, int, int], None] | None = None,
    notice: Callable[[str], None] | None = None,
) -> list[Judged]:
    """Write `<study>/results.csv`, `<study>/claims.csv`, `<study>/figures/`, `<study>/index.html` and `index.html`.

    The same stands in `README.md` as Markdown, for code hosts, unless there is one that was not written here.

    The same store gives the same bytes, on the same versions of the libraries. The store is only read, and no study's
    code runs: claims and figures are those that `conclude` kept. Further runs of a study, with another seed or a
    quick grid, have a folder of their own below it, as in `<study>/seed-1/`. Files are replaced when all new
    ones are whole: if anything fails, what was there is as it was.

    Parameters
    ----------
    folder : str or path
        An output folder with a `results.sqlite` in it.
    progress : function (study, done, total), optional
    notice : function (sentence), optional
        Told what a reader must know about the store: that it is damaged, and how much can be read.

    Returns
    -------
    list of Judged
        Every study of the folder, in alphabetical order.

    Raises
    ------
    InvalidFile
        When the folder holds no store or an empty one, or cannot be written to.
    """
    root = Path(os.path.abspath(folder))  # noqa: PTH100, links stay links
    tell = progress or (lambda *_: None)
    with open_store(folder, create=False) as store:
        studies = judge(store)
        notes = store.notes
    for note in notes:
        (notice or (lambda _: None))(note)
    if not studies:
        raise InvalidFile(f"{folder} holds no run, run a study first" if not notes else notes[0])
    with staged(root) as stage:
        for number, judged in enumerate(studies):
            tell(judged.title, number, len(studies))
            _write_study(stage, root / judged.study.name / judged.label, judged, str(folder))
        tell("", len(studies), len(studies))
        for name, data in table_assets().items():
            stage.place(root / "assets" / name).write_bytes(data)
        stage.place(root / "index.html").write_text(render_index(studies, str(folder)), encoding="utf-8")
        _write_index_markdown(stage, root, studies, str(folder))
    return studies


def _write_index_markdown(stage: Stage, root: Path, studies: list[Judged], folder: str) -> None:
    """Write the index for code hosts, unless somebody has a README of their own there."""
    if is_ours(root / "README.md"):
        others = sorted(path.name for path in root.glob("*.md") if path.name != "README.md")
        sections = sorted((section_of(judged, folder) for judged in studies), key=place_of)
        stage.place(root / "README.md").write_text(index_markdown(sections, others), encoding="utf-8")


def _write_study(stage: Stage, place: Path, judged: Judged, folder: str) -> None:
    """Write the page, the tables and the figures of one run."""
    pictures = place / "figures"
    write_rows(judged.rows, stage.place(place / "results.csv"))
    write_claims(judged.claims, stage.place(place / "claims.csv"))
    stage.place(place / "index.html").write_text(render_study(judged, folder), encoding="utf-8")
    if is_ours(place / "README.md"):
        stage.place(place / "README.md").write_text(study_markdown(section_of(judged, folder)), encoding="utf-8")
    new: dict[Path, bytes] = {}
    for name, drawn in judged.figures.items():
        kinds = {"png": drawn.png, "svg": drawn.svg.encode(), "pdf": drawn.pdf}
        new |= {pictures / f"{name}.{kind}": data for kind, data in kinds.items() if data}
    for path, data in new.items():
        stage.place(path).write_bytes(data)
    for old in (
        old for kind in ("png", "svg", "pdf") for old in pictures.glob(f"*.{kind}")
    ):  # a figure that is no longer drawn must not look current
        if old not in new:
            stage.remove(old)
