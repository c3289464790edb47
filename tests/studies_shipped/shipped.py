"""The studies that are shipped, found as `pgverify study list` finds them, and the controls of their claims."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from pgverify.studies import study_files

FOLDER = Path(__file__).resolve().parents[2] / "studies"
NAMES = tuple(study_files(FOLDER))

Control: TypeAlias = tuple[Mapping[str, Any], str, Callable[[pd.Series], pd.Series]]
"""The rows a claim rests on, as values of columns; the column; and what is done to its numbers."""


def controls(name: str) -> Mapping[str, Control]:
    """Return the control of each claim of a study, which its file in controls/ holds."""
    return importlib.import_module(f"controls.{name.replace('-', '_')}").CONTROLS
