"""The output folder: CSV tables, figures and the page, all rebuilt from the store in it."""

from __future__ import annotations

from pathlib import Path

from pgverify.errors import InvalidFile
from pgverify.reporting.images import png
from pgverify.reporting.judged import Judged, judge
from pgverify.reporting.page import render_page
from pgverify.reporting.tables import write_claims, write_rows
from pgverify.running.store import open_store


def write_reports(folder: str | Path) -> list[Judged]:
    """Write `<study>/results.csv`, `<study>/claims.csv`, `<study>/figures/*.png` and `index.html`.

    The same store gives the same bytes, on the same versions of the libraries.

    Parameters
    ----------
    folder : str or path
        An output folder with a `results.sqlite` in it.

    Returns
    -------
    list of Judged
        Every study of the folder, in alphabetical order.

    Raises
    ------
    InvalidFile
        When the folder holds no store, an empty one, or a study's file is gone.
    """
    root = Path(folder)
    with open_store(root, create=False) as store:
        studies = judge(store)
    if not studies:
        raise InvalidFile(f"{root} holds no run, run a study first")
    images = [_write_study(root / judged.study.name, judged) for judged in studies]
    page = render_page(studies, images, str(folder))
    (root / "index.html").write_text(page, encoding="utf-8")
    return studies


def _write_study(place: Path, judged: Judged) -> dict[str, bytes]:
    """Write the tables and figures of one study; return the figures as PNG bytes."""
    pictures = place / "figures"
    pictures.mkdir(parents=True, exist_ok=True)
    write_rows(judged.rows, place / "results.csv")
    write_claims(judged.claims, place / "claims.csv")
    for old in pictures.glob("*.png"):  # a figure that is no longer drawn must not look current
        old.unlink()
    images = {name: png(figure) for name, figure in judged.figures.items()}
    for name, data in images.items():
        (pictures / f"{name}.png").write_bytes(data)
    return images
