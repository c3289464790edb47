"""Runs of an agent in other processes: what is sent there, and made anew."""

from __future__ import annotations

import sys
from typing import Any

from pgverify.checking.isolation.named_function import BY_FILE, load_function


def sent(function: Any) -> tuple[str, Any]:
    """Return the name of a function that was loaded from a file, by which it is found again; else itself, unnamed."""
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    path = getattr(function, "__qualname__", "")
    if module is None or not module.__name__.startswith(BY_FILE) or not path or "<" in path:
        return "", function
    return f"{module.__file__}:{path}", None


def received(name: str, function: Any) -> Any:
    """Return what was sent."""
    return load_function(name) if name else function
