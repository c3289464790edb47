"""A short suite: what is tested here is the way to the oracle and back, not its verdicts."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from pgverify.checking import Report, given_problems, standard_suite
from pgverify.checking.isolation import isolated_check
from pgverify.isolated_child import judged

SHORT = ("coin", "bandit", "early-stop")


@pytest.fixture
def short_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave three problems of the standard suite to the oracle, and judge in this process, where that is known."""
    suite = tuple(entry for entry in standard_suite() if entry.name in SHORT)
    assert len(suite) == len(SHORT)
    monkeypatch.setattr(given_problems, "get", lambda _: suite)
    monkeypatch.setattr(isolated_check, "check_in_process", lambda request, *_, **__: Report.from_json(judged(request)))


@pytest.fixture
def own_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget, afterwards, what the command line imported and where from."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if not name.startswith(("pgverify.", "numpy", "scipy", "rich")):
            del sys.modules[name]
