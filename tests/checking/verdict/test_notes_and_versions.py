"""What is no fault is a note; documents of the first version are read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.checking import Report
from pgverify.errors import InvalidInput
from pgverify.estimators import RewardToGo
from pgverify.reporting.junit import junit_xml

STORED = Path(__file__).parent / "reports" / "version-1.json"


def unmasked(batch: pgv.Trajectories) -> np.ndarray:
    """Right, as rewards after the end are documented to be 0."""
    paid = batch.discount_powers * batch.rewards
    return batch.score_weighted(np.cumsum(paid[:, ::-1], axis=1)[:, ::-1])


def leave_one_out(batch: pgv.Trajectories) -> np.ndarray:
    values = batch.rewards @ batch.discount_powers
    n = len(values)
    weights = values - (values.sum() - values) / (n - 1) if n > 1 else values
    return batch.score_weighted(np.repeat(weights[:, None], batch.num_steps, axis=1))


@pytest.mark.parametrize(
    ("function", "noted"), [(unmasked, "documents zeros"), (leave_one_out, "how the batch is split")]
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_a_right_function_is_not_warned(function, noted: str) -> None:
    report = pgv.check(function, problems=named("early-stop", "bandit"))
    assert report.outcome is pgv.Outcome.CORRECT
    assert report.warnings == ()
    assert any(noted in note for note in report.notes)
    assert "warning" not in str(report)
    assert f"  note: {report.notes[0]}" in str(report)
    written = junit_xml(report, "it")
    assert "broken" not in written
    assert 'name="warning"' not in written
    assert 'name="note"' in written


def test_a_plain_one_has_no_notes() -> None:
    assert pgv.check(RewardToGo(), problems=named("early-stop")).notes == ()


def test_a_fault_is_warned_of() -> None:
    """Negative control: a constant reward that moves the parameters is no note."""
    report = pgv.check(lambda b: b.score_weighted(b.rewards**2), problems=named("delayed-reward", "bandit"))
    assert any("a constant added to every reward" in warning for warning in report.warnings)


def test_the_first_version_is_read() -> None:
    """Stored as version 1 wrote it: what came later is as if nothing had been noticed."""
    text = STORED.read_text(encoding="utf-8")
    body = json.loads(text)
    assert body["version"] == 1
    assert "notes" not in body
    report = Report.from_json(text)
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, "length-per-trajectory")
    assert report.notes == ()
    assert report.smallest_failure is not None
    assert report.smallest_failure.problem == "early-stop"
    again = report.to_json()
    assert json.loads(again)["version"] == 2
    assert Report.from_json(again) == report


@pytest.mark.parametrize("version", [0, 3, True, "1", None])
def test_other_versions_are_refused(version: object) -> None:
    body = json.loads(STORED.read_text(encoding="utf-8")) | {"version": version}
    with pytest.raises(InvalidInput, match="must be 'pgverify-report' version 2 or an earlier one"):
        Report.from_json(json.dumps(body))
