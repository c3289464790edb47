"""Every claim must fail when the number it rests on is wrong: corrupt the table, and ask again."""

from __future__ import annotations

import numpy as np
import pytest
from shipped import NAMES, controls

pytestmark = pytest.mark.statistical


def _where(table, **conditions):
    chosen = np.ones(len(table), dtype=bool)
    for column, value in conditions.items():
        chosen &= (table[column] == value).to_numpy()
    rows = table.index[chosen]
    assert len(rows), conditions
    return rows


def _refused(study, table, decided):
    """Return the names of the claims that do not hold."""
    return {name for name, claim in decided(study, table).items() if not claim.holds}


@pytest.mark.parametrize("name", NAMES)
def test_each_claim_has_a_control(computed, decided, name):
    assert set(decided(*computed(name))) == set(controls(name))


@pytest.mark.parametrize(("name", "claim"), [(name, claim) for name in NAMES for claim in controls(name)])
def test_a_claim_fails_on_wrong_numbers(computed, decided, name, claim):
    study, table = computed(name)
    conditions, column, change = controls(name)[claim]
    wrong = table.copy()
    rows = _where(table, **conditions)
    wrong.loc[rows, column] = change(wrong.loc[rows, column])
    assert claim in _refused(study, wrong, decided)


@pytest.mark.parametrize("value", [1e-9, np.nan])
def test_zero_mean_score_sees_any_error(computed, decided, value):
    study, table = computed("zero-mean-score")
    for quantity in table["quantity"].unique():
        wrong = table.copy()
        wrong.loc[_where(table, quantity=quantity)[0], "error"] = value
        assert _refused(study, wrong, decided) == {quantity}


@pytest.mark.parametrize("factor", [-1.0, np.nan])
def test_one_wrong_interval_among_hundreds_is_seen(computed, decided, factor):
    study, table = computed("unbiasedness")
    wrong = table.copy()
    gradients = wrong[(wrong["part"] == "sampled") & (wrong["quantity"] == "gradient")]
    surest = (gradients["exact"].abs() / (gradients["high"] - gradients["low"])).idxmax()
    wrong.loc[surest, "exact"] *= factor
    assert _refused(study, wrong, decided) == {"intervals"}
