"""Each shipped study's quick form, computed once a session."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from jaxtyping import config

from pgverify.studies import Claim, Study, load_study, study_cells

FOLDER = Path(__file__).resolve().parents[2] / "studies"


@cache
def quick(name: str) -> tuple[Study, pd.DataFrame]:
    study, _ = load_study(str(FOLDER / name))
    cells = study_cells(study, seed=0, quick=True)
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)  # thousands of calls in loops: checked, they would take minutes
    try:
        rows = [row for cell in cells for row in study.run(cell.parameters, cell.seed)]
    finally:
        config.update("jaxtyping_disable", before)
    return study, pd.DataFrame(rows)


@pytest.fixture(scope="session")
def computed() -> Callable[[str], tuple[Study, pd.DataFrame]]:
    """Return the study and the table of its quick form, by name; tests must copy before they corrupt."""
    return quick


@pytest.fixture(scope="session")
def decided() -> Callable[[Study, pd.DataFrame], dict[str, Claim]]:
    return lambda study, table: {claim.name: claim for claim in study.decide(table)}
