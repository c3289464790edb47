"""What a function does with the rest of a batch: dropped, at random, or only when there is more than one trajectory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.baselines import AverageReturn
from pgverify.checking.exhaustive import whole_suite
from pgverify.checking.exhaustive.effort import Effort
from pgverify.checking.exhaustive.what_was_listed import ListedInBatches
from pgverify.estimators import RewardToGo, TotalReturn

pytestmark = pytest.mark.usefixtures("unchecked_shapes", "as_many_as_for_users", "thorough")
Function = Callable[[pgv.Trajectories], np.ndarray]
LEAVE_ONE_OUT = TotalReturn(AverageReturn(leave_one_out=True))


def dropped(rows: Function, size: int) -> Function:
    """Return a function that leaves the incomplete last minibatch out, and divides by all trajectories."""

    def function(batch: pgv.Trajectories) -> np.ndarray:
        kept = len(batch) // size * size or len(batch)
        return rows(batch)[:kept].sum(axis=0) / len(batch)

    return function


def by_number(rows: Function, wrong: set[int]) -> Function:
    return lambda batch: rows(batch).mean(axis=0) * (len(batch) not in wrong)


@pytest.mark.parametrize("rows", [pytest.param(RewardToGo(), marks=pytest.mark.slow), LEAVE_ONE_OUT])
@pytest.mark.parametrize(
    "size",
    [
        pytest.param(4, marks=pytest.mark.slow),
        8,
        pytest.param(16, marks=pytest.mark.slow),
        32,
        pytest.param(64, marks=pytest.mark.slow),
    ],
)
def test_a_dropped_minibatch_is_never_correct(rows: Function, size: int) -> None:
    """A remainder shows in n = 5, 9, 17 or 65; above nine, where the order matters, batches are sampled."""
    report = pgv.check(dropped(rows, size), problems=named("coin", "bandit"))
    if size == 4:  # of which remainders of 1, 2 and 3 are listed: enough for a law
        assert report.outcome is pgv.Outcome.SCALED
        assert "4⌊n/4⌋/n" in report.explanation
        return
    if size == 64:  # blocks of so many have no control
        assert report.outcome is pgv.Outcome.BIASED
        return
    assert report.outcome is pgv.Outcome.SCALED
    assert f"{size * (300 // size) / 300:.4g} (batches of 300)" in report.explanation


@pytest.mark.parametrize(("rows", "number"), [(LEAVE_ONE_OUT, 17), (LEAVE_ONE_OUT, 65)])
def test_a_batch_size_of_its_own_is_seen(rows: Function, number: int) -> None:
    """By leave-one-out trajectories are coupled from two on: what is wrong in larger ones is listed all the same."""
    assert pgv.check(by_number(rows, {number}), problems=named("coin")).outcome is pgv.Outcome.BIASED


@pytest.mark.parametrize("number", [6, *(pytest.param(n, marks=pytest.mark.slow) for n in (7, 9, 33)), 128])
def test_the_size_in_which_coupling_was_seen_is_listed(number: int) -> None:
    """However many larger batches are right: two arms have n + 1 multisets of n."""
    report = pgv.check(by_number(RewardToGo(), {number}), problems=named("coin"))
    assert report.outcome is pgv.Outcome.BIASED
    wrong = {finding.batch_size for finding in report.findings if finding.check == "expectation" and not finding.holds}
    assert wrong == {number}


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("problems", [("coin",), pytest.param(("coin", "early-stop"), marks=pytest.mark.slow)])
def test_chance_is_not_taken_for_the_order(size: int, problems: tuple[str, ...]) -> None:
    """Shuffled, whole minibatches only, divided by what is kept: unbiased, and another estimate at every call."""
    rng = np.random.default_rng(0)

    def shuffled(batch: pgv.Trajectories) -> np.ndarray:
        kept = len(batch) // size * size or len(batch)
        return RewardToGo()(batch)[rng.permutation(len(batch))[:kept]].mean(axis=0)

    report = pgv.check(shuffled, problems=named(*problems))
    assert report.outcome in (pgv.Outcome.CONSISTENT, pgv.Outcome.INCONCLUSIVE)
    assert report.evidence == "sampled"
    assert "it is random (two calls on the same batch of" in report.explanation


@pytest.mark.parametrize("factor", [1.3, 1.0, 0.0])
def test_batches_of_one_have_a_word_of_their_own(factor: float) -> None:
    """Another gradient is a warning, for batches were judged; none at all is what a mean over others makes of one."""

    def function(batch: pgv.Trajectories) -> np.ndarray:
        return factor * RewardToGo()(batch) if len(batch) == 1 else LEAVE_ONE_OUT(batch)

    report = pgv.check(function, problems=named("coin", "bandit"))
    assert report.outcome is pgv.Outcome.CORRECT, str(report)
    said = "on single trajectories its expectation is not the target (problems[0]): batches were judged"
    assert (said in report.warnings) is (factor == 1.3)
    silent = "makes nothing of single trajectories (problems[0]): batches were judged"
    assert (silent in report.notes) is (factor == 0.0)


def test_a_multiple_in_batches_of_one_is_a_multiple() -> None:
    """Leave-one-out, doubled on single trajectories: on problems with two directions that is no coincidence."""

    def function(batch: pgv.Trajectories) -> np.ndarray:
        return 2.0 * RewardToGo()(batch) if len(batch) == 1 else LEAVE_ONE_OUT(batch)

    report = pgv.check(function, problems=named("coin", "bandit", "early-stop", "three-starts"))
    assert report.outcome is pgv.Outcome.SCALED
    assert report.explanation.startswith("the exact expectation is 2 (")


def test_chance_in_batches_that_cannot_be_listed_is_not_taken_for_coupling() -> None:
    """Minibatches of 32 first show in 33, of which three arms have 595 multisets."""
    rng = np.random.default_rng(0)

    def shuffled(batch: pgv.Trajectories) -> np.ndarray:
        kept = len(batch) // 32 * 32 or len(batch)
        return RewardToGo()(batch)[rng.permutation(len(batch))[:kept]].mean(axis=0)

    assert pgv.check(shuffled, problems=named("bandit")).evidence == "sampled"


def test_a_size_seen_on_one_problem_is_listed_on_the_next() -> None:
    seen = whole_suite.Progress(listings={0: ListedInBatches(coupled=9)})
    assert 9 in seen.effort(1).sizes
    assert whole_suite.Progress().effort(1).sizes == Effort().sizes
