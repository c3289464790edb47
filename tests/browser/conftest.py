"""A headless Chromium, where there is one: without it these tests are skipped, with the reason."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from jaxtyping import config as jaxtyping_config

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A browser for the whole session."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install pgverify[browser]"
    )
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no browser on this machine, one of {', '.join(PROGRAMS)} is needed")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which looks for what keeps people from reading a page."""
    package = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    from pathlib import Path

    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module", autouse=True)
def _as_quick_as_for_users() -> Iterator[None]:
    """What is looked at here is the page; shapes are checked elsewhere."""
    before = jaxtyping_config.jaxtyping_disable
    jaxtyping_config.update("jaxtyping_disable", True)
    yield
    jaxtyping_config.update("jaxtyping_disable", before)
