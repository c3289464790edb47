"""A page a study, and an index of them: what was asked, what was found, how sure; then the details."""

from __future__ import annotations

from collections.abc import Sequence

from pgverify.counts import counted
from pgverify.drawing.pages import page_environment
from pgverify.reporting.judged import Judged
from pgverify.reporting.section import Section, place_of, section_of


def render_index(studies: Sequence[Judged], folder: str) -> str:
    """Return the index as HTML text; the same studies give the same bytes.

    Parameters
    ----------
    studies : sequence of Judged
    folder : str
        The output folder, as it is to be typed.
    """
    sections = sorted((section_of(judged, folder) for judged in studies), key=place_of)
    claims = [claim for judged in studies for claim in judged.claims]
    return (
        page_environment("pgverify.reporting")
        .get_template("index.html")
        .render(
            sections=sections,
            claims=claims,
            holding=[claim for claim in claims if claim.holds],
            failing=[(section, claim) for section in sections for claim in section.judged.failing],
            heading=heading_of(sections),
            undecided=[section for section in sections if section.judged.undecided],
            troubled=_by_sentence(sections),
            exact=[claim for claim in claims if claim.evidence == "exact"],
            sampled=[claim for claim in claims if claim.evidence == "sampled"],
        )
    )


def heading_of(sections: Sequence[Section]) -> str:
    """Return what all studies say together; those of which nothing is decided are not passed over."""
    claims = [claim for section in sections for claim in section.judged.claims]
    undecided = [section.judged for section in sections if section.judged.undecided]
    if not claims:
        if len(undecided) == 1:
            return undecided[0].undecided
        errors = sum(judged.errors for judged in undecided)
        return f"Nothing decided: {counted(errors, 'error')}" if errors else "Nothing decided"
    holding = sum(claim.holds for claim in claims)
    tally = f"{holding} of {counted(len(claims), 'claim')} {'holds' if len(claims) == 1 else 'hold'}"
    if not undecided:
        return tally
    are = "is" if len(undecided) == 1 else "are"
    return f"{tally}, {len(undecided)} of {counted(len(sections), 'study', 'studies')} {are} undecided"


def _by_sentence(sections: Sequence[Section]) -> dict[str, list[Section]]:
    """Return what went wrong, each sentence once, with the studies that it is about."""
    found: dict[str, list[Section]] = {}
    for section in sections:
        for trouble in section.judged.troubles:
            found.setdefault(trouble, []).append(section)
    return found


def render_study(judged: Judged, folder: str) -> str:
    """Return the page of one study as HTML text; arguments as in `render_index`."""
    template = page_environment("pgverify.reporting").get_template("study.html")
    return template.render(section=section_of(judged, folder), judged=judged)
