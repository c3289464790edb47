"""A page opened from its file, with everything that the browser complains about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def opened(browser: Any, path: Path, width: int, scheme: str = "light") -> Iterator[tuple[Any, list[str]]]:
    """Open a page from its file; yield it with the list of complaints, which grows."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith("file:") else problems.append(request.url))
    page.goto(path.resolve().as_uri())
    yield page, problems
    page.close()


def serious(page: Any, axe: str) -> list[str]:
    """Return what keeps people from reading a page, as axe-core has it: serious and critical."""
    page.evaluate(axe)
    found = page.evaluate("axe.run({preload: false})")  # it would ask for style sheets again, which no file may
    return [
        f"{item['id']}: {item['help']} ({item['nodes'][0]['html'][:120]})"
        for item in found["violations"]
        if item["impact"] in ("serious", "critical")
    ]
