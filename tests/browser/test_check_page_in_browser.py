"""The page of a verdict in a real browser: nothing wrong on the console, at every width, for everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from page_in_browser import opened, serious

import pgverify as pgv
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def immediate(batch: Trajectories) -> Array:
    return batch.score_weighted(batch.rewards)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "check.html"
    pgv.check(immediate).to_html(path, "mine.py:immediate")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_and_everybody_can_read_it(browser: Any, axe: str, page_file: Path, width: int, scheme: str) -> None:
    with opened(browser, page_file, width, scheme) as (page, problems):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert serious(page, axe) == []
        assert problems == []


def test_the_drawing_has_the_colours_of_the_scheme(browser: Any, page_file: Path) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        with opened(browser, page_file, 1280, scheme) as (page, _):
            script = "getComputedStyle(document.querySelector('.narrow svg path[style*=\"--ink\"]')).stroke"
            seen[scheme] = page.evaluate(script)
    assert seen["light"] != seen["dark"]
