"""Names that are composed of forms, rewards, signs and laws; and those that must not be given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from checking_problems import FEW, named

import pgverify as pgv
from pgverify.bugs import FORMS, get
from pgverify.checking import standard_suite
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
RIGHT = RewardToGo()
PROBLEMS = named(*FEW, "delayed-reward")


def to_go(batch: pgv.Trajectories) -> np.ndarray:
    out, run = np.zeros_like(batch.rewards), np.zeros(len(batch))
    for t in reversed(range(batch.num_steps)):
        run = batch.rewards[:, t] + batch.discount * run
        out[:, t] = run
    return out


def whole(batch: pgv.Trajectories, weights: np.ndarray) -> np.ndarray:
    return batch.score_weighted(np.repeat(weights[:, None], batch.num_steps, axis=1))


def returns(batch: pgv.Trajectories) -> np.ndarray:
    return batch.rewards @ batch.discount_powers


def standardised(batch: pgv.Trajectories, weights: np.ndarray) -> np.ndarray:
    taken = weights[batch.mask]
    return (weights - taken.mean()) / (taken.std() + 1e-8)


def token_mean(batch: pgv.Trajectories, weights: np.ndarray) -> np.ndarray:
    return batch.score_weighted(weights).sum(axis=0) / batch.lengths.sum()


def clipped(batch: pgv.Trajectories) -> pgv.Trajectories:
    return replace(batch, rewards=np.clip(batch.rewards, -1.0, 1.0))


def without_the_last(batch: pgv.Trajectories) -> np.ndarray:
    rows = RIGHT(batch).copy()
    rows[:, -1] = 0.0
    return rows


NAMED = {
    "past-rewards": lambda b: b.score_weighted(np.cumsum(b.discount_powers * b.rewards, axis=1)),
    "parameter-left-out": without_the_last,
    "baseline-fit-same-batch": lambda b: b.score_weighted(b.discount_powers * (to_go(b) - to_go(b)[b.mask].mean())),
    "immediate-reward + length-per-trajectory": lambda b: b.score_weighted(b.rewards / b.lengths[:, None]),
    "immediate-reward + normalise-minibatch": lambda b: b.score_weighted(standardised(b, b.rewards)),
    "discount-dropped + reward-clipped + normalise-minibatch": lambda b: b.score_weighted(
        standardised(b, to_go(clipped(b)))
    ),
    "reward-clipped + length-per-batch + sign-reversed": lambda b: (
        -token_mean(b, b.discount_powers * to_go(clipped(b)))
    ),
    "group-mean-self + sign-reversed": lambda b: -whole(b, returns(b) - returns(b).mean()),
    "sum-over-steps + sign-reversed": lambda b: -RIGHT(b).sum(axis=0),
}


QUICK = (
    "past-rewards",
    "parameter-left-out",
    "immediate-reward + length-per-trajectory",
    "sum-over-steps + sign-reversed",
)


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NAMED])
def test_it_is_called(name: str) -> None:
    report = pgv.check(NAMED[name], problems=PROBLEMS)
    assert report.diagnosis == name, str(report)
    assert report.outcome is pgv.Outcome.BIASED
    assert [match.slug for match in report.matches if match.same] == [name]


def test_forms_have_the_slug_of_an_entry_and_another_expectation_or_estimate() -> None:
    batch, _ = pgv.exact.enumerate_trajectories(named("early-stop")[0])
    for form in FORMS:
        assert np.abs(form.implementation(batch) - get(form.slug).implementation(batch)).max() > 1e-3


@pytest.mark.parametrize("factor", [1.0001, 0.999])
def test_a_small_constant_is_no_sum_over_steps(factor: float) -> None:
    """Of single trajectories the sum is the mean: its factor is 1, and shows in nothing."""
    report = pgv.check(lambda b: factor * RIGHT(b), problems=PROBLEMS)
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.SCALED, None), str(report)


@pytest.mark.slow
def test_a_multiple_of_the_target_has_no_second_wrong_sign() -> None:
    """Coarse rounding leaves a multiple 1.00001, which is −1.00001 times the reversed target."""
    report = pgv.check(lambda b: RIGHT(b).astype(np.float16).astype(float) if len(b) > 100 else RIGHT(b))
    assert not any("sign-reversed" in match.slug for match in report.matches), str(report)


@pytest.mark.slow
def test_the_mean_of_the_others_does_not_include_the_own() -> None:
    """n/(n−1) times a fault of factor (n−1)/n is none."""

    def others(batch: pgv.Trajectories) -> np.ndarray:
        total, n = batch.rewards.sum(axis=1), len(batch)
        return -whole(batch, total - (total.sum() - total) / (n - 1) if n > 1 else total).sum(axis=0)

    report = pgv.check(others, problems=PROBLEMS)
    assert report.diagnosis == "return-undiscounted + sign-reversed"
    assert not any("group-mean-self" in match.slug for match in report.matches), str(report)


LAWS = {
    "1/T²": lambda b: RIGHT(b) / b.num_steps**2,
    "1/(T+1)": lambda b: RIGHT(b) / (b.num_steps + 1),
    "γ": lambda b: b.discount * RIGHT(b),
    "1/d": lambda b: RIGHT(b) / b.policy.parameters.size,
    "1/A": lambda b: RIGHT(b) / b.policy.probabilities().shape[1],
    "(n−2)/n": lambda b: RIGHT(b)[:-2].sum(axis=0) / len(b),
    "⌈n/2⌉": lambda b: RIGHT(b).mean(axis=0) * -(-len(b) // 2),
}


@pytest.mark.parametrize("law", [n if "n" not in n else pytest.param(n, marks=pytest.mark.slow) for n in LAWS])
def test_multiples_have_these_laws_too(law: str) -> None:
    names = ("coin", "bandit", "early-stop") if "n" in law else [entry.name for entry in standard_suite()]
    report = pgv.check(LAWS[law], problems=named(*names))
    assert report.outcome is pgv.Outcome.SCALED, str(report)
    assert f"the exact expectation is {law} (" in report.explanation
    assert ("and 0 in batches of 2" in report.explanation) is (law == "(n−2)/n")


def test_two_values_do_not_make_a_law_of_the_problem() -> None:
    """Three problems with 2 or 3 actions: the factors are listed."""
    problems = named("bandit", "early-stop", "three-starts")
    report = pgv.check(lambda b: RIGHT(b) / b.policy.probabilities().shape[1], problems=problems)
    assert report.outcome is pgv.Outcome.SCALED
    assert "1/A" not in report.explanation


@pytest.mark.slow
def test_what_is_no_fault_where_it_was_compared_is_no_name() -> None:
    """In groups of eight only problems of one step are listed of most entries, on which they are right."""

    def long_ones_dropped(batch: pgv.Trajectories) -> np.ndarray:
        r = returns(batch).reshape(-1, 4)
        others = (r.sum(axis=1, keepdims=True) - r) / 3
        return whole(batch, (r - others).reshape(-1) * (batch.lengths < 3))

    report = pgv.check(long_ones_dropped, problems=PROBLEMS, design=pgv.Grouped(4, 2))
    assert report.outcome is pgv.Outcome.BIASED
    assert report.matches == ()


def test_one_number_is_no_other_target() -> None:
    """Ordered batches of eight are listed on `coin` alone: there 7/8 of the target is that of clipped rewards, too."""
    design = pgv.Grouped(4, 2)
    report = pgv.check(lambda b: RIGHT(b)[:-1].sum(axis=0) / len(b), problems=named("coin"), design=design)
    assert report.outcome is pgv.Outcome.INCONCLUSIVE, str(report)
    assert "one direction" in report.explanation
