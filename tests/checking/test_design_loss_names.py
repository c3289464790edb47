"""Losses under a design have names: a bonus, other rewards or a critic beside what is made of each group."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named
from slow_cases import slow_but

import pgverify as pgv
from pgverify import exact
from pgverify.bugs import get
from pgverify.bugs.changed_losses import ChangedLoss
from pgverify.bugs.changes import PLAINEST
from pgverify.bugs.entropy import entropy_rows
from pgverify.checking.exhaustive.fitted_losses import SeenBatch, SeenGroups, fitted

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Function = Callable[[pgv.Trajectories], np.ndarray]
G = 4
PROBLEMS = named("bandit", "early-stop", "three-starts", "stochastic-chain")
DESIGN = pgv.Grouped(size=G, prompts=2)


def episodes(batch: pgv.Trajectories, values: np.ndarray) -> np.ndarray:
    return batch.score_weighted(np.where(batch.mask, values.reshape(-1, 1), 0.0))


def returns(batch: pgv.Trajectories, rewards: np.ndarray | None = None, gamma: bool = True) -> np.ndarray:
    """Return R of each episode, in a row for each group."""
    paid = np.where(batch.mask, batch.rewards if rewards is None else rewards, 0.0)
    return (paid * (batch.discount_powers if gamma else 1.0)).sum(axis=1).reshape(-1, G)


def standardised(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(axis=1, keepdims=True)) / (values.std(axis=1, ddof=1, keepdims=True) + 1e-6)


def less_others(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(axis=1, keepdims=True)) * G / (G - 1)


def to_go(batch: pgv.Trajectories) -> np.ndarray:
    found = np.where(batch.mask, batch.rewards, 0.0)
    for t in reversed(range(batch.num_steps - 1)):
        found[:, t] += batch.discount * found[:, t + 1]
    return found


def kept(values: np.ndarray) -> np.ndarray:
    """Return 1 for the best half of each group."""
    return (values >= np.percentile(values, 50, axis=1, keepdims=True)).astype(float)


def squared(batch: pgv.Trajectories) -> np.ndarray:
    return np.where(batch.mask, batch.rewards, 0.0) ** 2


WRITTEN: dict[str, Function] = {
    "group-std + entropy-sign": lambda b: episodes(b, standardised(returns(b))) - 0.01 * entropy_rows(b),
    "return-undiscounted + group-std": lambda b: (
        episodes(b, standardised(returns(b, gamma=False))) + 0.02 * entropy_rows(b)
    ),
    "return-undiscounted + reward-squared + group-std": lambda b: episodes(
        b, standardised(returns(b, squared(b), gamma=False))
    ),
    "return-clipped + group-std": lambda b: episodes(b, np.clip(standardised(returns(b)), -1.0, 1.0)),
    "positive-part-alone": lambda b: episodes(b, np.maximum(less_others(returns(b)), 0.0)),
    "elite-trajectories-alone": lambda b: episodes(b, kept(returns(b))),
    "exponential-weights": lambda b: episodes(b, np.exp(returns(b)) / np.exp(returns(b)).sum(axis=1, keepdims=True)),
    "discount-dropped + return-clipped": lambda b: b.score_weighted(np.clip(to_go(b), -1.0, 1.0)),
    "discount-dropped + length-per-batch": lambda b: (
        b.score_weighted(np.where(b.mask, to_go(b) - b.values[:, :-1], 0.0)) + 0.01 * entropy_rows(b)
    ).sum(axis=0) / b.lengths.sum(),
}  # fmt: skip
"""What it is, and how it is written."""


@pytest.mark.parametrize("slug", slow_but(WRITTEN, []))
def test_it_is_named_part_by_part(slug: str) -> None:
    report = pgv.check(WRITTEN[slug], problems=PROBLEMS, design=DESIGN, explore=0)
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, slug), str(report)
    assert get(slug).cause == report.cause
    grouped = any("each group of the design" in note for note in report.notes)
    assert grouped == (slug != "discount-dropped + return-clipped")


@pytest.mark.parametrize("size", slow_but([1, 3], []))
def test_so_it_is_in_independent_batches(size: int) -> None:
    """Rows that do not affect each other have the name in batches of whatever size."""
    function = WRITTEN["discount-dropped + return-clipped"]
    report = pgv.check(function, problems=PROBLEMS, design=pgv.Independent(sizes=(size,)), explore=0)
    assert report.diagnosis == "discount-dropped + return-clipped", str(report)


NEAR: dict[str, Function] = {
    # Some weights of an entropy are off: neither is it a bonus, nor one of another form.
    "a bonus for the first parameters": lambda b: (
        episodes(b, standardised(returns(b)))
        + 0.01 * entropy_rows(b) * (np.arange(len(b.policy.parameters)) < len(b.policy.parameters) // 2)
    ),
    "half of it": lambda b: episodes(b, standardised(returns(b)) + less_others(returns(b))),
    "a bonus of squares": lambda b: episodes(b, standardised(returns(b))) + 0.02 * b.score_weighted(squared(b)),
}


@pytest.mark.parametrize("case", slow_but(NEAR, []))
def test_what_is_near_has_no_name(case: str) -> None:
    report = pgv.check(NEAR[case], problems=PROBLEMS, design=DESIGN, explore=0)
    assert report.outcome is pgv.Outcome.BIASED
    assert report.diagnosis is None, str(report)


@pytest.mark.slow
def test_a_name_must_hold_on_problems_with_other_numbers_of_actions() -> None:
    """A mean of −π log π over two actions is half the entropy's sum where all have two: that is no other target."""

    def averaged(batch: pgv.Trajectories) -> np.ndarray:
        right = episodes(batch, less_others(returns(batch)))
        return right + 0.01 * entropy_rows(batch) / batch.problem.mdp.num_actions

    report = pgv.check(averaged, design=DESIGN, explore=0)
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, "entropy-averaged-over-actions"), str(report)


def test_groups_count_by_their_shares() -> None:
    """Of Σ_i Σ_t w_t ψ_t / n in each group, 3/4 of the first and 1/4 of the second."""
    batch = exact.enumerate_trajectories(named("early-stop")[0])[0]
    parts = [SeenBatch.of(batch.select(rows), np.zeros(len(batch.policy.parameters))) for rows in ([0, 1], [1, 2])]
    loss = ChangedLoss(PLAINEST["reward-squared"])
    first, second = (part.paid(loss) for part in parts)
    seen = SeenGroups((parts[0], parts[1]), (0.75, 0.25), 0.75 * first + 0.25 * second)
    np.testing.assert_allclose(seen.paid(loss), seen.estimate, rtol=1e-12)
    found = fitted(loss, [[seen]])
    assert found is not None
    assert (found.factor, found.entropy) == (pytest.approx(1.0), 0.0)
    alike = SeenGroups(seen.groups, (0.5, 0.5), seen.estimate)
    assert np.abs(alike.paid(loss) - seen.estimate).max() > 1e-3


def test_what_is_right_has_no_name() -> None:
    """Negative control."""
    report = pgv.check(lambda b: episodes(b, less_others(returns(b))), problems=PROBLEMS, design=DESIGN, explore=0)
    assert (report.outcome, report.diagnosis, report.matches) == (pgv.Outcome.CORRECT, None, ())
