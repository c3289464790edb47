"""How the third-party packages are loaded."""

from __future__ import annotations

import warnings
from typing import Any

import pytest


def load(name: str) -> Any:
    """Import a package, or skip the module: only `make test-thirdparty` installs it. Its warnings are its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"{name} is not installed here: make test-thirdparty")
