"""A function that gives two answers to one batch, seldom: wherever it is seen, it is no function of its batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Seldom = Callable[[pgv.Trajectories], bool]


def every_other_time(seldom: Seldom) -> Callable[[pgv.Trajectories], np.ndarray]:
    """Return reward-to-go, which every second call on some batches gives twice, and is right on all others."""
    calls = [0]

    def function(batch: pgv.Trajectories) -> np.ndarray:
        calls[0] += seldom(batch)
        return RewardToGo()(batch) * (2.0 if seldom(batch) and calls[0] % 2 else 1.0)

    return function


def rewards_alike(batch: pgv.Trajectories) -> bool:
    """Whether other actions had the same reward, which none has on these problems."""
    unlike = len(set(batch.actions[batch.mask].tolist())) > 1
    return bool(unlike and batch.rewards.any() and np.ptp(batch.rewards[batch.mask]) == 0.0)


def padded_further(batch: pgv.Trajectories) -> bool:
    return batch.num_steps > int(batch.lengths.max(initial=0)) + 1


def critic_of_somebody(batch: pgv.Trajectories) -> bool:
    return batch.critic is not None


SELDOM = (rewards_alike, padded_further, critic_of_somebody)


@pytest.mark.parametrize("seldom", SELDOM)
@pytest.mark.parametrize("design", [None, pgv.Independent(sizes=(2,))])
def test_what_changes_by_itself_is_not_correct_wherever_that_is_seen(seldom: Seldom, design: object) -> None:
    """With other rewards, with padding, with another critic: no law of the batch says what comes next."""
    report = pgv.check(every_other_time(seldom), problems=named("bandit", "random-end"), design=design, budget=1_000)
    assert not report.outcome.good, str(report)  # what was sampled are batches on which it is right, and no chance
    assert "two calls on the same batch" in report.explanation
    if seldom is not padded_further or report.outcome is pgv.Outcome.INCONCLUSIVE:
        assert "had been altered" in report.explanation


@pytest.mark.parametrize("seldom", SELDOM)
def test_it_is_not_said_to_read_what_it_does_not(seldom: Seldom) -> None:
    report = pgv.check(every_other_time(seldom), problems=named("bandit", "random-end"), budget=1_000)
    said = " ".join((*report.warnings, *report.notes))
    assert "batch.values" not in said
    assert "padded" not in said
    assert "constant reward" not in said


def test_what_reads_the_critic_and_is_no_chance_is_said_to_read_it() -> None:
    """A baseline V(s_t) is read each time alike."""
    report = pgv.check(
        lambda b: RewardToGo()(b) - b.score_weighted(b.discount_powers * b.values[:, :-1]),
        problems=named("bandit", "random-end"),
    )
    assert report.outcome is pgv.Outcome.CORRECT
    assert "reads batch.values" in " ".join(report.warnings)


@pytest.mark.parametrize("design", [None, pgv.Independent(sizes=(2,))])
def test_what_is_random_throughout_is_consistent_still(design: object) -> None:
    """Negative control: noise of mean zero on every batch is seen on the problems' own, and judged there."""
    rng = np.random.default_rng(3)

    def noisy(batch: pgv.Trajectories) -> np.ndarray:
        rows = RewardToGo()(batch)
        return rows + 0.1 * rng.normal(size=rows.shape)

    report = pgv.check(noisy, problems=named("bandit", "random-end"), design=design, budget=100_000)
    assert report.outcome is pgv.Outcome.CONSISTENT, str(report)
