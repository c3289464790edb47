"""What the page on real actions says in code is so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markdown_pages import python_blocks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "real-actions.md"


def test_its_code_runs() -> None:
    names: dict[str, Any] = {}
    found = python_blocks(PAGE.read_text(encoding="utf-8"))
    assert len(found) == 2
    for block in found:
        exec(block, names)
    assert names["report"].outcome.value == "BIASED"
