"""Third-party code runs on one thread (the arrays are tiny), warns as it likes, and meets pgverify unchecked."""

from __future__ import annotations

import sys

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "thirdparty" in item.path.parts:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(autouse=True)
def as_users_run_it(unchecked_shapes: None) -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
