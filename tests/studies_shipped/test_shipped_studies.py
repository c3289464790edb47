"""What every shipped study promises: a quick form that runs whole, claims that hold, figures.

The sampled claims use fixed seeds: false-fail rate 0 until the code that draws changes, then 1e-4 a study.
"""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.figure import Figure
from shipped import FOLDER, NAMES

from pgverify.studies import study_cells

pytestmark = pytest.mark.statistical
each_study = pytest.mark.parametrize("name", NAMES)

SLOW = {"discounting", "causality", "committal", "unbiasedness"}  # to draw: with make test-all
DRAWN = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in NAMES]


@each_study
def test_every_claim_holds(name, computed, decided):
    study, table = computed(name)
    claims = study.decide(table)
    assert len({claim.name for claim in claims}) == len(claims) >= 8
    assert [claim.name for claim in claims if not claim.holds] == []
    assert all(claim.expected and claim.found and claim.certainty for claim in claims)


@pytest.mark.parametrize("name", DRAWN)
def test_figures_are_drawn(name, computed):
    study, table = computed(name)
    figures = study.figures(table)
    assert figures
    for figure in figures.values():
        assert isinstance(figure, Figure)
        figure.canvas.draw()


@each_study
@pytest.mark.usefixtures("unchecked_shapes")
def test_cells_are_scalars_and_pure(name, computed):
    study, _ = computed(name)
    cells = study_cells(study, seed=0, quick=True)
    for cell in cells:
        assert all(isinstance(value, str | int | float | bool) for value in cell.parameters.values())
    once, again = (study.run(cells[0].parameters, cells[0].seed) for _ in range(2))
    pd.testing.assert_frame_equal(pd.DataFrame(once), pd.DataFrame(again), check_exact=True)


@each_study
def test_quick_is_part_of_what_the_whole_study_asks(name, computed):
    study, _ = computed(name)
    assert study.name == name
    assert study.question.endswith("?")
    assert len(study.cells(True)) < len(study.cells(False))
    assert (FOLDER / name / "README.md").is_file()


@each_study
def test_sampled_rows_state_their_confidence(name, computed):
    _, table = computed(name)
    if "confidence" not in table:
        pytest.skip("no row of this study is an interval for an exact number")
    rows = table[(table["part"] == "sampled") & table["quantity"].isin(["gradient", "variance", "ratio"])]
    assert len(rows) > 10
    columns = ["exact", "sampled", "low", "high", "n", "confidence"]
    assert rows[columns].notna().all(axis=None)
    # All intervals of a study hold at once with probability at least 1 - 1e-4.
    assert (1 - rows["confidence"]).sum() <= 1.0001e-4
