"""What changed between two folders as a page: how many beyond noise, at which error rate, and a table of all."""

from __future__ import annotations

from pathlib import Path

from pgverify.drawing.assets import table_assets
from pgverify.drawing.pages import page_environment, write_whole
from pgverify.errors import InvalidFile
from pgverify.reporting.against import Differences

NAME = "changes.html"

MOST_ROWS = 2_000
"""Changes on the page, which is to weigh at most two megabytes; the rest are counted."""


def changes_page(found: Differences, folder: str, earlier: str) -> str:
    """Return the page as HTML text.

    Parameters
    ----------
    found : Differences
    folder, earlier : str
        As they were typed.
    """
    return (
        page_environment("pgverify.reporting")
        .get_template("changes.html")
        .render(
            found=found,
            folder=folder,
            earlier=earlier,
            beyond=[change for change in found.changes if change.bad],
            rows=found.changes[:MOST_ROWS],
        )
    )


def write_changes_page(found: Differences, folder: Path, earlier: Path) -> Path:
    """Write the page into the folder that is reported; return its path.

    Raises
    ------
    InvalidFile
        When it cannot be written.
    """
    page, assets = folder / NAME, folder / "assets"
    try:
        assets.mkdir(exist_ok=True)
    except OSError as reason:
        raise InvalidFile(f"{assets} cannot be written: {reason.strerror or reason}") from None
    for name, data in table_assets().items():
        write_whole(assets / name, data)
    write_whole(page, changes_page(found, str(folder), str(earlier)))
    return page
