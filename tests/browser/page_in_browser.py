"""A page opened from its file, with everything that the browser complains about."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

LONGEST = 120.0
"""Seconds that no page here needs, however busy the machine."""


@contextmanager
def opened(browser: Any, path: Path, width: int, scheme: str = "light") -> Iterator[tuple[Any, list[str]]]:
    """Open a page from its file; yield it with the list of complaints, which grows."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith("file:") else problems.append(request.url))
    page.set_default_timeout(1000.0 * LONGEST)
    page.goto(path.resolve().as_uri())
    yield page, problems
    page.close()


def settled(page: Any, read: Callable[[], T], as_wanted: Callable[[T], bool]) -> T:
    """Return what is read as soon as it is as wanted, or what it still is when patience ends."""
    until = time.monotonic() + LONGEST
    while not as_wanted(found := read()) and time.monotonic() < until:
        page.wait_for_timeout(20)
    return found


def serious(page: Any, axe: str) -> list[str]:
    """Return what keeps people from reading a page, as axe-core has it: serious and critical."""
    page.evaluate(axe)
    found = page.evaluate("axe.run({preload: false})")  # it would ask for style sheets again, which no file may
    return [
        f"{item['id']}: {item['help']} ({item['nodes'][0]['html'][:120]})"
        for item in found["violations"]
        if item["impact"] in ("serious", "critical")
    ]
