"""The page of a variance report in a real browser: it fits, everybody can read it, nothing wrong on the console."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_in_browser import opened, serious

import pgverify as pgv


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "variance.html"
    mdp = pgv.mdps.get("two-state-chain")
    policy = pgv.SoftmaxPolicy(np.zeros((mdp.num_states, mdp.num_actions)))
    pgv.variance_report(pgv.Problem(mdp, policy, pgv.FiniteHorizon(4, 0.9))).to_html(path)
    return path


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "light"), (1280, "dark")])
def test_it_fits_and_everybody_can_read_it(browser: Any, axe: str, page_file: Path, width: int, scheme: str) -> None:
    with opened(browser, page_file, width, scheme) as (page, problems):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert serious(page, axe) == []
        assert problems == []
