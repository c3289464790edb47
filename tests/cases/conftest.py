"""The golden cases, exported once, in an interpreter of its own: as users export them, without run-time checks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cases") / "cases.json"
    code = "import sys; from pgverify.cases import export; export(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, path], check=True, timeout=120)
    return path


@pytest.fixture
def document(exported: Path) -> dict[str, Any]:
    """Return a fresh copy, which a test may damage."""
    read: dict[str, Any] = json.loads(exported.read_text(encoding="utf-8"))
    return read


@pytest.fixture(scope="session")
def _small_text(exported: Path) -> str:
    document = json.loads(exported.read_text(encoding="utf-8"))
    document["problems"] = [p for p in document["problems"] if p["name"] in ("coin", "coin-door-cut")]
    for problem in document["problems"]:
        problem["estimators"] = list({e["kind"]: e for e in problem["estimators"]}.values())
    return json.dumps(document)


@pytest.fixture
def small(_small_text: str) -> dict[str, Any]:
    """Return a fresh copy with two problems, and one estimator of each kind."""
    read: dict[str, Any] = json.loads(_small_text)
    return read
