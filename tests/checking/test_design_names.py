"""Faults under a design have names: in each group, in each group by its steps, in the whole batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
SMALL = ("bandit", "early-stop", "three-starts")
G = 4
Weights = Callable[[np.ndarray], np.ndarray]


def whole(batch: pgv.Trajectories, weights: np.ndarray) -> np.ndarray:
    return batch.score_weighted(np.where(batch.mask, weights.reshape(-1, 1), 0.0))


def in_groups(advantage: Weights, size: int = G, gamma: bool = True) -> Callable[[pgv.Trajectories], np.ndarray]:
    def function(batch: pgv.Trajectories) -> np.ndarray:
        returns = (batch.rewards * (batch.discount_powers if gamma else 1.0)).sum(axis=1)
        return whole(batch, advantage(returns.reshape(-1, size)))

    return function


def less_mean(r: np.ndarray) -> np.ndarray:
    return r - r.mean(axis=1, keepdims=True)


def less_others(r: np.ndarray) -> np.ndarray:
    return r - (r.sum(axis=1, keepdims=True) - r) / (r.shape[1] - 1)


def by_std(r: np.ndarray, ddof: int = 1) -> np.ndarray:
    return less_mean(r) / (r.std(axis=1, ddof=ddof, keepdims=True) + 1e-8)


def over_steps(batch: pgv.Trajectories) -> np.ndarray:
    return in_groups(less_others)(batch).sum(axis=0) / batch.lengths.sum()


def each_over_its_steps(batch: pgv.Trajectories) -> np.ndarray:
    return in_groups(less_others)(batch) / np.maximum(batch.lengths, 1)[:, None]


FAULTY: dict[str, tuple[Callable[[pgv.Trajectories], np.ndarray], str, str]] = {
    "the group's own mean": (in_groups(less_mean), "SCALED", "group-mean-self"),
    "the first of the group": (in_groups(lambda r: r - r[:, :1]), "SCALED", "first-as-baseline"),
    "wrong sign": (in_groups(lambda r: -less_mean(r)), "BIASED", "group-mean-self + sign-reversed"),
    "sample std": (in_groups(by_std), "BIASED", "group-std"),
    "twice that": (in_groups(lambda r: 2.0 * by_std(r)), "BIASED", "group-std"),
    "population std": (in_groups(lambda r: by_std(r, 0)), "BIASED", "group-std-population"),
    "steps of the batch": (over_steps, "BIASED", "rloo-token-mean"),
    "steps of each": (each_over_its_steps, "BIASED", "rloo-sequence-mean"),
    "no γ, own mean": (in_groups(less_mean, gamma=False), "BIASED", "return-undiscounted + group-mean-self"),
}


@pytest.mark.parametrize("name", ["the group's own mean", "sample std"])
def test_what_a_group_does_wrong_has_a_name(name: str) -> None:
    function, outcome, slug = FAULTY[name]
    report = pgv.check(function, problems=named(*SMALL), design=pgv.Grouped(size=G, prompts=2))
    assert (report.outcome.name, report.diagnosis) == (outcome, slug)
    assert any("in each group of the design" in note for note in report.notes)
    assert report.cause


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FAULTY if name not in ("the group's own mean", "sample std")])
def test_so_has_every_other_fault_of_groups(name: str) -> None:
    function, outcome, slug = FAULTY[name]
    problems = None if name == "steps of the batch" else named(*SMALL)
    report = pgv.check(function, problems=problems, design=pgv.Grouped(size=G, prompts=2))
    assert (report.outcome.name, report.diagnosis) == (outcome, slug)


def test_the_mean_of_the_whole_batch_is_said_to_cross_groups() -> None:
    report = pgv.check(
        lambda batch: in_groups(less_mean, len(batch))(batch), problems=named(*SMALL), design=pgv.Grouped(2, 2)
    )
    assert report.diagnosis == "group-mean-self"
    assert any("across the groups" in note for note in report.notes)


def test_a_name_without_the_estimates_stays_an_equality_of_expectations() -> None:
    def last_of_the_group_lost(batch: pgv.Trajectories) -> np.ndarray:
        rows = in_groups(less_others)(batch)
        rows[G - 1 :: G] = 0.0
        return rows

    report = pgv.check(last_of_the_group_lost, problems=named(*SMALL), design=pgv.Grouped(size=G, prompts=2))
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.SCALED, None)
    assert {"group-mean-self", "last-row-lost"} <= {match.slug for match in report.matches}
    assert not any(match.same for match in report.matches)


def test_what_is_right_has_no_name_and_what_is_no_catalogued_fault_none_either() -> None:
    right = pgv.check(in_groups(less_others), problems=named(*SMALL), design=pgv.Grouped(size=G, prompts=2))
    assert (right.outcome, right.diagnosis, right.matches) == (pgv.Outcome.CORRECT, None, ())
    for baseline, name in ((np.min, "worst-of-group-baseline"), (lambda r, **how: (r**2).mean(**how), None)):
        wrong = pgv.check(
            in_groups(lambda r, baseline=baseline: r - baseline(r, axis=1, keepdims=True)),
            problems=named("bandit"),
            design=pgv.Grouped(G, 1),
        )
        assert (wrong.outcome, wrong.diagnosis) == (pgv.Outcome.BIASED, name)


def test_one_large_batch_names_its_standard_deviation() -> None:
    report = pgv.check(
        lambda batch: in_groups(by_std, len(batch))(batch),
        problems=named("early-stop"),
        design=pgv.Independent(sizes=(6,)),
    )
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, "group-std")


def over_kept_groups(batch: pgv.Trajectories) -> np.ndarray:
    """Groups whose returns are all the same count for nothing, and the mean is over the others."""
    kept = np.ptp((batch.rewards * batch.discount_powers).sum(axis=1).reshape(-1, G), axis=1) > 1e-12
    return in_groups(less_others)(batch) * len(kept) / max(int(kept.sum()), 1)


def own_mean_beside_a_tied_group(batch: pgv.Trajectories) -> np.ndarray:
    tied = np.ptp((batch.rewards * batch.discount_powers).sum(axis=1).reshape(-1, G), axis=1) < 1e-12
    return in_groups(less_mean if tied.any() else less_others)(batch)


@pytest.mark.parametrize(
    "function", [over_kept_groups, pytest.param(own_mean_beside_a_tied_group, marks=pytest.mark.slow)]
)
def test_a_name_holds_where_the_fault_shows(function: Callable[[pgv.Trajectories], np.ndarray]) -> None:
    """Where no group is tied these have the estimates of the group's own mean, times 4/3: that is no bias."""
    report = pgv.check(function, problems=named("coin", "random-end"), design=pgv.Grouped(G, 2))
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, None)
    assert not any(match.same for match in report.matches)
