"""The same content as Markdown, as code hosts show it: an index, and a page a study. Text from outside stays text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from pgverify.drawing.formulas import formula_in_markdown
from pgverify.drawing.markdown_words import plain, sourced
from pgverify.reporting.page import heading_of
from pgverify.reporting.section import Section

MARK = "<!-- written by pgverify report -->"
"""The first line: a README.md without it is somebody's own, and is left alone."""


def index_markdown(sections: Sequence[Section], others: Sequence[str]) -> str:
    """Return the index.

    Parameters
    ----------
    sections : sequence of Section
        In the order in which they are to be read.
    others : sequence of str
        Names of further Markdown files of the folder.
    """
    lines = [MARK, f"# {plain(heading_of(sections))}", ""]
    for section in sections:
        lines += [
            f"- ✗ {plain(claim.statement)} Expected {plain(claim.expected)}, found **{plain(claim.found)}**."
            for claim in section.judged.failing
        ]
    for trouble in dict.fromkeys(trouble for section in sections for trouble in section.judged.troubles):
        titles = [plain(section.judged.title) for section in sections if trouble in section.judged.troubles]
        lines.append(f"- ! {plain(trouble)} ({', '.join(titles)})")
    lines += ["", "| question | answer | claims |", "|---|---|---|"]
    for section in sections:
        link = f"[{plain(section.judged.study.question)}]({quote(section.where)}README.md)"
        lines.append(f"| {link} | {plain(section.answer)} | {section.tally} |")
    if others:
        listed = ", ".join(f"[{plain(name)}]({quote(name)})" for name in others)
        lines += ["", f"Beside them: {listed}."]
    return "\n".join([*lines, "", "The same as pages: `index.html`, where `pgverify report` was run.", ""])


def study_markdown(section: Section) -> str:
    """Return the page of one study."""
    judged = section.judged
    lines = [MARK, f"# {plain(judged.study.question)}", "", f"**{plain(section.answer)}** {section.tally}.", ""]
    if judged.formula:
        lines += [formula_in_markdown(judged.formula), ""]
    lines += [f"- ! {plain(trouble)}" for trouble in judged.troubles]
    if judged.claims:
        lines += ["", "| | claim | evidence | expected | found | how sure |", "|---|---|---|---|---|---|"]
        for claim in judged.claims:
            cells = (claim.statement, claim.evidence, claim.expected, claim.found, claim.certainty)
            lines.append(f"| {'✓' if claim.holds else '✗'} | {' | '.join(map(plain, cells))} |")
    for picture in section.pictures:
        lines += ["", f"![{plain(picture.words)}](figures/{quote(picture.name)}.png)", "", plain(picture.full_caption)]
    run = judged.run
    lines += [
        "", f"Source: {sourced(judged.study.source)}", "",
        "Every number: [claims.csv](claims.csv)" + (", [results.csv](results.csv)." if section.rows else "."), "",
        f"    {section.command}", "",
        " · ".join(plain(fact) for fact in section.facts), "",
        f"Code of the study: `{run.source}`; of all that its numbers depend on: `{run.fingerprint}`", "",
    ]  # fmt: skip
    return "\n".join(lines)


def is_ours(path: Path) -> bool:
    """Whether a file may be written: there is none, or one that was written by us."""
    if not path.is_file():
        return not path.exists()
    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK.encode()
