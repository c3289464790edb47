"""No correct implementation is accused, in whatever style it is written; and a small fault in any style is seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import FEW, named
from correct_styles import STYLES
from group_styles import GROUPED, SIZE
from odd_styles import ODD

import pgverify as pgv

ALL = {**STYLES, **ODD}
COUPLED = {name for name in ALL if "one-out" in name or "one_out" in name or "group" in name or "refuses" in name}
pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def chosen(name: str) -> list[pgv.Problem]:
    return named(*FEW[:3]) if name in COUPLED else named(*FEW, "delayed-reward")


def test_there_are_many() -> None:
    assert len(ALL) >= 60
    assert len(GROUPED) >= 6


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in COUPLED & set(ODD) else name for name in ALL]
)
def test_none_is_accused(name: str) -> None:
    report = pgv.check(ALL[name], problems=chosen(name))
    assert report.outcome is pgv.Outcome.CORRECT, str(report)
    assert all(f.holds for f in report.findings if f.check == "expectation")
    assert all("batch.values" in warning for warning in report.warnings), report.warnings  # what informs is a note


@pytest.mark.parametrize("name", GROUPED)
def test_none_in_groups_is_accused(name: str) -> None:
    design = pgv.Grouped(size=SIZE, prompts=1)
    report = pgv.check(GROUPED[name], problems=named(*FEW[:3]), design=design)
    assert report.outcome is pgv.Outcome.CORRECT, str(report)
    assert not report.warnings
    faulty = pgv.check(
        lambda batch: np.asarray(GROUPED[name](batch)) * factor(batch), problems=named("bandit"), design=design
    )
    assert not faulty.outcome.good, str(faulty)


def factor(batch: pgv.Trajectories) -> float:
    """Return 1.02 where the first of the batch took the second action: the negative control."""
    return 1.02 if batch.actions[0, 0] == 1 else 1.0


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in COUPLED or number % 2 else name
        for number, name in enumerate(STYLES)
    ],
)
def test_the_same_style_with_one_rare_fault_is(name: str) -> None:
    """Negative control: the second action of the first step counts for 1 % more."""

    def faulty(batch: pgv.Trajectories) -> object:
        right = np.asarray(STYLES[name](batch))
        shown = 0.01 * (batch.actions[:, 0] == 1)
        if right.ndim == 1 or name == "another_order_of_rows":
            return right * (1.0 + shown.mean())
        return (right * (1.0 + shown[:, None])).astype(right.dtype)

    report = pgv.check(faulty, problems=chosen(name)[:2])
    assert not report.outcome.good, str(report)


@pytest.mark.parametrize("make", [np.float32, np.float64])
def test_precision_is_recognised(make: Callable[[np.ndarray], np.ndarray]) -> None:
    report = pgv.check(lambda batch: make(STYLES["einsum"](batch)), problems=named(*FEW))
    assert ("single precision" in report.explanation) == (make is np.float32)
