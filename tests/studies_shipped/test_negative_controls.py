"""Every claim must fail when the number it rests on is wrong: corrupt the table, and ask again."""

from __future__ import annotations

import numpy as np
import pytest

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


@pytest.mark.parametrize("value", [1e-9, np.nan])
def test_zero_mean_score_sees_any_error(computed, decided, value):
    study, table = computed("zero-mean-score")
    for quantity in table["quantity"].unique():
        wrong = table.copy()
        wrong.loc[_where(table, quantity=quantity)[0], "error"] = value
        assert _refused(study, wrong, decided) == {quantity}


UNBIASEDNESS = {
    "same-expectation": ({"part": "expectation"}, "error", lambda x: x + 1e-8),
    "same-expectation-listed": (
        {"part": "expectation", "problem": "garnet-small"},
        "listed_error",
        lambda x: x + 1e-8,
    ),
    "same-variance": (
        {"part": "expectation", "problem": "garnet-small"},
        "listed_trace",
        lambda x: x * (1 + 1e-8),
    ),
    "different-variance": ({"part": "expectation"}, "trace", lambda x: 0 * x + 1.0),
    "own-average": ({"part": "group"}, "factor", lambda x: 0 * x + 1.0),
    "own-average-direction": ({"part": "group"}, "error", lambda x: x + 1e-8),
    "intervals": ({"part": "sampled", "quantity": "gradient"}, "exact", lambda x: x + 10.0),
    "no-bias-found": ({"part": "sampled", "quantity": "test"}, "p_value", lambda x: 0 * x + 1e-12),
    "shares": ({"part": "report", "problem": "FrozenLake"}, "share_action", lambda x: x + 1e-8),
    "report-intervals": ({"part": "report", "problem": "garnet-small"}, "exact", lambda x: 1.5 * x),
    "faults-found": ({"part": "control", "quantity": "test"}, "p_value", lambda x: 0 * x + 0.5),
    "calibration": ({"part": "calibration"}, "z", lambda z: 2.0 * z),
}


@pytest.mark.parametrize("claim", UNBIASEDNESS)
def test_unbiasedness_claims_fail_on_wrong_numbers(computed, decided, claim):
    pytest.importorskip("gymnasium")
    study, table = computed("unbiasedness")
    conditions, column, change = UNBIASEDNESS[claim]
    wrong = table.copy()
    rows = _where(table, **conditions)
    wrong.loc[rows, column] = change(wrong.loc[rows, column])
    assert claim in _refused(study, wrong, decided)


@pytest.mark.parametrize("factor", [-1.0, np.nan])
def test_one_wrong_interval_among_hundreds_is_seen(computed, decided, factor):
    pytest.importorskip("gymnasium")
    study, table = computed("unbiasedness")
    wrong = table.copy()
    gradients = wrong[(wrong["part"] == "sampled") & (wrong["quantity"] == "gradient")]
    surest = (gradients["exact"].abs() / (gradients["high"] - gradients["low"])).idxmax()
    wrong.loc[surest, "exact"] *= factor
    assert _refused(study, wrong, decided) == {"intervals"}


DISCOUNTING = {
    "not-the-gradient": ({"part": "field"}, "relative_error", lambda x: 0.0 * x),
    "hidden-from-directions": ({"part": "many"}, "cosine", lambda x: -x),
    "its-own-expectation": ({"part": "field"}, "listed_error", lambda x: x + 1e-8),
    "symmetric-jacobian": ({"part": "field"}, "asymmetry_gradient", lambda x: x + 1e-8),
    "asymmetric-jacobian": ({"part": "field"}, "asymmetry_dropped", lambda x: 0.0 * x),
    "same-at-one": ({"part": "field", "discount": 1.0}, "relative_error", lambda x: x + 1e-8),
    "worst-policy": ({"part": "alias", "field": "γ^t dropped"}, "direction", lambda x: -x),
    "best-policy": ({"part": "alias", "field": "∇J"}, "p", lambda p: 1.0 - p),
    "intervals": ({"part": "sampled", "quantity": "variance"}, "exact", lambda x: 1.5 * x),
    "found-by-sampling": ({"part": "sampled", "quantity": "test"}, "p_value", lambda x: 0 * x + 0.5),
}


@pytest.mark.parametrize("claim", DISCOUNTING)
def test_discounting_claims_fail_on_wrong_numbers(computed, decided, claim):
    study, table = computed("discounting")
    conditions, column, change = DISCOUNTING[claim]
    wrong = table.copy()
    rows = _where(table, **conditions)
    wrong.loc[rows, column] = change(wrong.loc[rows, column])
    assert claim in _refused(study, wrong, decided)


CAUSALITY = {
    "closed-form": ({"part": "law", "problem": "bandit"}, "total_error", lambda x: x + 1e-8),
    "cubic": ({"part": "law", "problem": "garnet-small", "horizon": 64}, "total", lambda x: 2.0 * x),
    "ratio-three": ({"part": "law", "problem": "two-state-chain", "horizon": 64}, "ratio", lambda x: 1.3 * x),
    "centred": ({"part": "law", "problem": "centred bandit", "horizon": 64}, "ratio", lambda x: 1.2 * x),
    "discounted": (
        {"part": "law", "problem": "discounted bandit", "horizon": 64},
        "ratio",
        lambda x: 1.2 * x,
    ),
    "nothing-gained": ({"part": "law", "problem": "FrozenLake"}, "ratio", lambda x: x + 1e-8),
    "past-is-noise": ({"part": "past"}, "past_mean", lambda x: x + 1e-8),
    "past-has-no-signal": ({"part": "past"}, "p_zero", lambda x: 0 * x),
    "intervals": ({"part": "sampled", "estimator": "ratio"}, "exact", lambda x: 1.5 * x),
    "gain-seen": ({"part": "sampled", "estimator": "ratio"}, "low", lambda x: 0 * x + 0.9),
}


@pytest.mark.parametrize("claim", CAUSALITY)
def test_causality_claims_fail_on_wrong_numbers(computed, decided, claim):
    study, table = computed("causality")
    conditions, column, change = CAUSALITY[claim]
    wrong = table.copy()
    rows = _where(table, **conditions)
    wrong.loc[rows, column] = change(wrong.loc[rows, column])
    assert claim in _refused(study, wrong, decided)


RARE = {"part": "family"}
BASELINES = {
    "excess-variance": ({"part": "zoo", "baseline": "V"}, "error", lambda x: x + 1e-8),
    "excess-listed": ({"part": "zoo", "problem": "random-walk-5"}, "listed_error", lambda x: np.nan * x),
    "nested-classes": ({"part": "zoo", "baseline": "best by state"}, "trace", lambda x: 1.5 * x),
    "textbook": ({"part": "zoo", "baseline": "textbook", "problem": "three-armed-bandit"}, "ratio", lambda x: x - 1e-8),
    "value-near-best": ({"part": "random"}, "ratio", lambda x: x + 0.1),
    "value-worse-than-none": (
        {"part": "zoo", "problem": "nota-thomas-counterexample", "baseline": "b*"},
        "trace",
        lambda x: x + 1e-8,
    ),
    "value-unbounded": (RARE, "ratio", lambda x: x * (1 + 1e-8)),
    "value-unboundedly-worse": (RARE, "to_none", np.sqrt),
    "family-by-hand": (RARE, "error", lambda x: x + 1e-8),
    "only-the-action-share": ({"part": "shares", "baseline": "V"}, "trace", lambda x: x * (1 + 1e-8)),
    "leave-one-out-law": ({"part": "batch", "n": 16}, "error", lambda x: x + 1e-8),
    "leave-one-out-limit": ({"part": "batch", "n": 256}, "excess", lambda x: -x),
    "own-mean": ({"part": "batch", "n": 2}, "own_mean_error", lambda x: x + 1e-8),
    "own-mean-variance": ({"part": "batch", "n": 2}, "own_trace_error", lambda x: x + 1e-8),
}


@pytest.mark.parametrize("claim", BASELINES)
def test_baselines_claims_fail_on_wrong_numbers(computed, decided, claim):
    study, table = computed("baselines")
    conditions, column, change = BASELINES[claim]
    wrong = table.copy()
    rows = _where(table, **conditions)
    wrong.loc[rows, column] = change(wrong.loc[rows, column])
    assert claim in _refused(study, wrong, decided)


COMMITTAL = {
    "variance-by-hand": ({"part": "natural"}, "error", lambda x: x + 1e-8),
    "step-by-hand": ({"part": "committal", "baseline": "V"}, "error", lambda x: np.nan * x),
    "same-variance": ({"part": "natural", "baseline": "best + ½"}, "trace", lambda x: x * (1 + 1e-8)),
    "variance-unbounded": ({"part": "natural", "baseline": "V"}, "trace", np.sqrt),
    "commits-without": ({"part": "committal", "baseline": "none"}, "others", np.sqrt),
    "stuck-for-ever": ({"part": "committal", "baseline": "none"}, "for_ever", lambda x: 0.0 * x),
    "v-delays": ({"part": "committal", "baseline": "V"}, "others", lambda x: 1.05 * x),
    "v-never-stuck": ({"part": "committal", "baseline": "V"}, "committed", lambda x: 0.5 * x),
    "shares": ({"part": "runs", "shift": 0.5}, "low", lambda x: x + 0.5),
    "same-variance-other-fate": ({"part": "runs", "shift": 0.5}, "high", lambda x: x + 0.5),
}


@pytest.mark.parametrize("claim", COMMITTAL)
def test_committal_claims_fail_on_wrong_numbers(computed, decided, claim):
    study, table = computed("committal")
    conditions, column, change = COMMITTAL[claim]
    wrong = table.copy()
    rows = _where(table, **conditions)
    wrong.loc[rows, column] = change(wrong.loc[rows, column])
    assert claim in _refused(study, wrong, decided)


def test_each_claim_has_a_control(computed, decided):
    studies = {"discounting": DISCOUNTING, "causality": CAUSALITY, "baselines": BASELINES, "committal": COMMITTAL}
    for name, controls in studies.items():
        assert set(decided(*computed(name))) == set(controls)
    pytest.importorskip("gymnasium")
    assert set(decided(*computed("unbiasedness"))) == set(UNBIASEDNESS)
