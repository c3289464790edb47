"""Several faults at once have a name made of theirs; what has no name is not given one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import FEW, named
from slow_cases import slow_but

import pgverify as pgv
from pgverify.bugs import COMPOSITIONS, get
from pgverify.bugs.compositions import Composition

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Function = Callable[[pgv.Trajectories], np.ndarray]
PROBLEMS = named(*FEW, "delayed-reward")


def summed(batch: pgv.Trajectories) -> np.ndarray:
    return np.cumsum(batch.rewards[:, ::-1], axis=1)[:, ::-1]


def token_mean(batch: pgv.Trajectories) -> np.ndarray:
    return batch.score_weighted(summed(batch)).sum(axis=0) / batch.mask.sum()


def standardised(batch: pgv.Trajectories, added: float = 1e-8) -> np.ndarray:
    taken = summed(batch)[batch.mask]
    return (summed(batch) - taken.mean()) / (taken.std() + added)


def standardised_mean(batch: pgv.Trajectories, added: float = 1e-8) -> np.ndarray:
    return batch.score_weighted(standardised(batch, added)).sum(axis=0) / batch.mask.sum()


def per_longest(batch: pgv.Trajectories) -> np.ndarray:
    return batch.score_weighted(summed(batch)).mean(axis=0) / batch.lengths.max()


def less_others(batch: pgv.Trajectories) -> np.ndarray:
    values = batch.rewards.sum(axis=1)
    n = len(values)
    weights = values - (values.sum() - values) / (n - 1) if n > 1 else values
    rows = batch.score_weighted(np.repeat(weights[:, None], batch.num_steps, axis=1))
    return rows.sum(axis=0) / batch.mask.sum()


NAMES: dict[str, Function] = {
    "return-undiscounted + sign-reversed": lambda b: -batch_rows(b),
    "discount-dropped + sign-reversed": lambda b: -get("discount-dropped").implementation(b),
    "return-undiscounted + length-per-batch": token_mean,
    "return-undiscounted + length-per-batch + sign-reversed": lambda b: -3.0 * token_mean(b),
    "return-undiscounted + normalise-minibatch": lambda b: b.score_weighted(standardised(b)),
    "return-undiscounted + normalise-minibatch + length-per-batch": standardised_mean,
    "return-undiscounted + normalise-minibatch + length-per-batch + sign-reversed": lambda b: (
        -standardised_mean(b, 1e-5)
    ),
    "return-undiscounted + length-of-longest": per_longest,
    "return-undiscounted + rloo-token-mean": less_others,
    "return-undiscounted + last-row-lost": lambda b: batch_rows(b)[:-1].sum(axis=0) / len(b),
    "return-undiscounted + best-of-group-baseline": lambda b: whole(b, lambda r: r - r.max()),
    "return-undiscounted + median-baseline + sign-reversed": lambda b: -whole(b, lambda r: r - np.median(r)),
}


def whole(batch: pgv.Trajectories, weights: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    values = weights(batch.rewards.sum(axis=1))
    return batch.score_weighted(np.repeat(values[:, None], batch.num_steps, axis=1))


def batch_rows(batch: pgv.Trajectories) -> np.ndarray:
    return batch.score_weighted(summed(batch))


@pytest.mark.parametrize("name", slow_but(NAMES, list(NAMES)[:3]))
def test_it_is_named(name: str) -> None:
    report = pgv.check(NAMES[name], problems=PROBLEMS)
    assert report.outcome is pgv.Outcome.BIASED
    assert report.diagnosis == name, str(report)
    assert report.matches[0].same, "its estimates are those of the composition on every batch"
    assert report.cause == get(name).cause


def test_a_law_of_scale_is_part_of_the_name() -> None:
    """The undiscounted return, n/(n+1) times: one fault of the rewards and one of the divisor."""
    report = pgv.check(lambda b: batch_rows(b).sum(axis=0) / (len(b) + 1), problems=PROBLEMS)
    assert report.diagnosis == "return-undiscounted"
    assert report.matches[0].law == "n/(n+1)"
    assert "return-undiscounted (times n/(n+1))" in str(report)


def test_a_factor_that_several_faults_leave_names_none_of_them() -> None:
    """The first row lost: (n−1)/n, as of a mean that includes the own sample; the estimates are those of neither."""
    report = pgv.check(lambda b: batch_rows(b)[1:].sum(axis=0) / len(b), problems=PROBLEMS)
    assert report.diagnosis == "return-undiscounted"
    assert report.matches[0].law == "(n−1)/n"
    assert "return-undiscounted + group-mean-self" in [match.slug for match in report.matches]


@pytest.mark.parametrize("problems", [named("bandit", "early-stop"), named("coin", "early-stop", "three-starts")])
def test_two_problems_are_too_few(problems: list[pgv.Problem]) -> None:
    assert pgv.check(token_mean, problems=problems).diagnosis is None


def test_what_is_no_composition_has_no_name() -> None:
    """Negative controls: squares, ranks, and three faults of the catalogue that are not composed."""
    for weights in (lambda b: summed(b) ** 2, lambda b: np.sign(summed(b)) * np.sqrt(np.abs(summed(b)))):
        report = pgv.check(lambda b, weights=weights: b.score_weighted(weights(b)), problems=PROBLEMS)
        assert (report.outcome, report.diagnosis, report.matches) == (pgv.Outcome.BIASED, None, ())


def test_compositions_by_hand() -> None:
    for problem in named("early-stop", "coin-door", "long"):
        batch = pgv.sample(problem, 7, seed=3)
        found = Composition(("return-undiscounted",), "normalise-minibatch", "length-per-batch")(batch).mean(axis=0)
        np.testing.assert_allclose(found, standardised_mean(batch), rtol=1e-12, atol=1e-14)
        found = Composition(("return-undiscounted",), "", "length-of-longest")(batch).mean(axis=0)
        np.testing.assert_allclose(found, per_longest(batch), rtol=1e-12, atol=1e-14)
        found = Composition((), "", "")(batch)
        np.testing.assert_allclose(found, pgv.estimators.RewardToGo()(batch), rtol=1e-12, atol=1e-14)
    assert all(bug.number == 0 for bug in COMPOSITIONS)
