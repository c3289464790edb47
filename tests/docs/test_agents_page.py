"""The page on whole agents runs, block after block; what is to be added is short."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_pages import python_blocks

PAGE = Path(__file__).parents[2] / "docs" / "agents.md"
MOST_LINES = 15


@pytest.mark.usefixtures("unchecked_shapes")  # as users run them
def test_its_blocks_run_in_order() -> None:
    blocks = python_blocks(PAGE.read_text())
    assert len(blocks) >= 4
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), namespace)


def test_what_is_to_be_added_is_short() -> None:
    added = python_blocks(PAGE.read_text())[1]
    assert len([line for line in added.splitlines() if line.strip()]) <= MOST_LINES
