"""Run-time checks of types make each call several times slower: fewer batches are listed here than by users."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgverify.checking.exhaustive import batch_lists, catalogue_means, whole_suite
from pgverify.checking.exhaustive.effort import Effort

LIMITS = {name: getattr(batch_lists, name) for name in ("MOST_ORDERED", "MOST_VARIED", "MOST_OF_TWO", "MOST_UNORDERED")}


@pytest.fixture
def as_many_as_for_users(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, limit in LIMITS.items():
        monkeypatch.setattr(batch_lists, name, limit)


@pytest.fixture
def thorough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_suite, "THOROUGH", Effort())


# Scope "package" would last for the whole session in a folder without __init__.py, and reach other tests.
@pytest.fixture(scope="module", autouse=True)
def fewer_batches() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_lists, "MOST_ORDERED", 85)
        patch.setattr(batch_lists, "MOST_VARIED", 85)
        patch.setattr(batch_lists, "MOST_OF_TWO", 85)
        patch.setattr(batch_lists, "MOST_UNORDERED", 10)
        patch.setattr(whole_suite, "THOROUGH", Effort(tried=(2, 3, 5, 16)))
        catalogue_means.known_mean.cache_clear()
        yield
    catalogue_means.known_mean.cache_clear()
