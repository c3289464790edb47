"""The page on suites and networks runs, block after block; those for torch where it is installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_pages import python_blocks

PAGE = Path(__file__).parents[2] / "docs" / "suites-and-networks.md"


@pytest.mark.usefixtures("unchecked_shapes")  # as users run them
def test_its_blocks_run_in_order() -> None:
    blocks = python_blocks(PAGE.read_text())
    assert len(blocks) >= 4
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), namespace)
