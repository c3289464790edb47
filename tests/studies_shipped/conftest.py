"""Each shipped study's quick form, computed once a session."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

import pandas as pd
import pytest
from jaxtyping import config
from shipped import FOLDER

from pgverify.errors import InvalidInput
from pgverify.studies import Claim, Study, load_study, study_cells


def quick(name: str) -> tuple[Study, pd.DataFrame]:
    study, _ = load_study(str(FOLDER / name))
    cells = study_cells(study, seed=0, quick=True)
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)  # thousands of calls in loops: checked, they would take minutes
    try:
        rows = [row for cell in cells for row in study.run(cell.parameters, cell.seed)]
    except InvalidInput as reason:
        if "is not installed" not in str(reason):  # what a study needs beyond the package: Gymnasium's real tables
            raise
        pytest.skip(str(reason))
    finally:
        config.update("jaxtyping_disable", before)
    return study, pd.DataFrame(rows)


@pytest.fixture(scope="session")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Study, pd.DataFrame]]:
    """Return the study and the table of its quick form, by name; tests must copy before they corrupt."""
    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):  # what one worker has computed is there for the others
        folder = folder.parent

    @cache
    def table(name: str) -> tuple[Study, pd.DataFrame]:
        path = folder / f"quick-{name}.pickle"
        if not path.exists():
            _, rows = quick(name)
            part = path.with_suffix(f".{os.getpid()}")
            rows.to_pickle(part)
            part.replace(path)
        study, _ = load_study(str(FOLDER / name))
        return study, pd.read_pickle(path)

    return table


@pytest.fixture(scope="session")
def decided() -> Callable[[Study, pd.DataFrame], dict[str, Claim]]:
    return lambda study, table: {claim.name: claim for claim in study.decide(table)}
