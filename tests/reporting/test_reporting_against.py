"""What changed between two folders: a real change is told, noise is not, at the error rate that is stated."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from tiny_studies import write_study

from pgverify.errors import InvalidFile
from pgverify.reporting import against
from pgverify.reporting.against import differences
from pgverify.reporting.concluding import conclude
from pgverify.running import make_workload, open_store, run_workloads, serial_pool
from pgverify.stats.holm import adjusted_by_holm
from pgverify.studies import Row, load_study

LEVEL = 0.999
CRITICAL = NormalDist().inv_cdf(1.0 - (1.0 - LEVEL) / 2.0)

MEASURING = """
import numpy as np
from pgverify.studies import Claim, Study

def cells(quick):
    return [{{"problem": str(k)}} for k in range(10)]

def run(parameters, seed):
    shift = {shift} if parameters["problem"] == "3" else 0.0
    draws = np.random.default_rng(seed).normal(size=100) + shift
    half = {critical} / 10.0
    mean = float(draws.mean())
    sure = {level}
    low, high = mean - half, mean + half
    return [{{"exact": {exact}, "sampled": mean, "low": low, "high": high, "confidence": sure, "size": 100}}]

def decide(table):
    return [Claim("zero", "The mean is zero.", "sampled", "0", "0", {holds}, "1e-3")]

STUDY = Study("measuring", "Is it zero?", "made for the tests", cells, run, decide, lambda table: {{}})
"""


def measured(
    folder: Path, seed: int, shift: float = 0.0, exact: float = 0.0, holds: bool = True, name: str = "study"
) -> Path:
    path = folder / f"{name}.py"
    text = MEASURING.format(shift=shift, exact=exact, holds=holds, critical=CRITICAL, level=LEVEL)
    path.write_text(text, encoding="utf-8")
    out = folder / f"out-{name}-{seed}"
    workload = make_workload(*load_study(str(path)), seed=seed)
    with open_store(out) as store:
        run_workloads([workload], store, serial_pool())
        conclude(store, [workload])
    return out


def test_the_same_run_and_another_seed_have_no_change(tmp_path: Path) -> None:
    first, other = measured(tmp_path, 0), measured(tmp_path, 1)
    same = differences(first, first, 0.01)
    assert (list(same.changes), same.drawn, same.exact) == ([], 10, 10 * 3)  # exact, confidence and size of ten rows
    noisy = differences(other, first, 0.01)
    assert (list(noisy.changes), noisy.drawn) == ([], 10)


def test_a_shift_of_seven_standard_errors_is_told(tmp_path: Path) -> None:
    """The difference of two means of 100 draws has √2/10 as its standard error: 1.0 is 7.07 of them."""
    found = differences(measured(tmp_path, 1, shift=1.0, name="moved"), measured(tmp_path, 0), 0.001)
    (change,) = found.changes
    assert found.bad
    assert '"3"' in change.where
    assert change.p_value is not None
    assert change.p_value < 1e-6


def test_a_claim_that_fails_and_an_exact_number_that_moved_are_told(tmp_path: Path) -> None:
    found = differences(measured(tmp_path, 0, exact=1e-6, holds=False, name="broken"), measured(tmp_path, 0), 0.01)
    told = [(change.where, change.before, change.now) for change in found.changes]
    assert ("claim zero", "holds", "fails") in told
    assert sum(where.endswith(" exact") for where, *_ in told) == 10
    back = differences(measured(tmp_path, 0), tmp_path / "out-broken-0", 0.01)
    assert [change.bad for change in back.changes if change.where == "claim zero"] == [False]


def test_folders_without_a_common_study_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "tiny-out"
    workload = make_workload(*load_study(str(write_study(tmp_path))))
    with open_store(out) as store:
        run_workloads([workload], store, serial_pool())
    with pytest.raises(InvalidFile, match="no study in common"):
        differences(out, measured(tmp_path, 0), 0.01)


@pytest.mark.statistical
def test_noise_is_told_at_most_as_often_as_stated() -> None:
    """4,000 comparisons of 30 rows without a difference, total error rate 10 %.

    Every row is normal with a known error, so that Holm errs with probability 1 − (1 − .1/30)^30 = .095. A count
    outside [.075, .1 + .02] has probability below 1e-4 (standard deviation .0047).
    """
    rng = np.random.default_rng(7)
    told = 0
    for first, second in rng.normal(size=(4000, 2, 30)):
        numbers = against._Numbers("s", same_seed=False)
        numbers.compare({"{}": rows(first)}, {"{}": rows(second)})
        told += bool((adjusted_by_holm(np.array([one.p_value for one in numbers.drawn])) <= 0.1).any())
    assert 0.075 < told / 4000 < 0.12


def rows(draws: np.ndarray) -> list[Row]:
    half = CRITICAL
    return [{"sampled": float(x), "low": float(x) - half, "high": float(x) + half, "confidence": LEVEL} for x in draws]


def test_holm_is_the_textbook_example() -> None:
    """0.01, 0.02, 0.03 times 3, 2, 1, made rising: .03, .04, .04."""
    found = adjusted_by_holm(np.array([0.03, 0.01, 0.02]))
    assert all(math.isclose(x, y) for x, y in zip(found, [0.04, 0.03, 0.04], strict=True))
