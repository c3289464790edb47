"""The verdicts belong to versions: those that are pinned, documented, and installed. None is skipped unseen."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from thirdparty_loading import load

load("torch")  # where it is missing nothing here was meant to run

ROOT = Path(__file__).parents[2]
PINS = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints-thirdparty.txt").read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize("name", ["jax", "rlax", "stable_baselines3", "torch", "torchrl", "trl"])
def test_a_package_is_installed_as_pinned_and_as_documented(name: str) -> None:
    assert version(name).partition("+")[0] == PINS[name]
    title = name.replace("_", "-")
    survey = (ROOT / "reports" / "survey.md").read_text(encoding="utf-8")
    assert name in ("jax", "torch") or f"## {title} {PINS[name]}\n" in survey
    assert f'"{title}=={PINS[name]}"' in (ROOT / "pyproject.toml").read_text()


def test_torch_brought_no_cuda() -> None:
    import torch

    assert torch.version.cuda is None
