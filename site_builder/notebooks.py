"""Notebooks as pages: what they say and the code of their cells; outputs are made by whoever runs them."""

from __future__ import annotations

import json
from pathlib import Path

from site_builder.signatures import HOME, ROOT

FOLDER = ROOT / "docs" / "notebooks"


def cells(path: Path) -> list[tuple[str, str]]:
    """Return the cells of a notebook in order: "markdown" or "code", and the text."""
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in found]


def notebook_page(path: Path) -> str:
    """Return a notebook as a page that leads to its file."""
    address = f"{HOME}/blob/main/{path.relative_to(ROOT).as_posix()}"
    first, *rest = [text if kind == "markdown" else f"```python\n{text}\n```" for kind, text in cells(path)]
    return "\n\n".join([first, f"The notebook itself: [{path.name}]({address}).", *rest]) + "\n"


def notebook_pages() -> dict[str, str]:
    """Return every notebook as a page, by its path on the site."""
    return {f"notebooks/{path.stem}.md": notebook_page(path) for path in sorted(FOLDER.glob("*.ipynb"))}
