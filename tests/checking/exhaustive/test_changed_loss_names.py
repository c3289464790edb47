"""Losses with one change, as people write them, have its name, beside other faults; near ones have not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import FEW, named
from slow_cases import slow_but

import pgverify as pgv
from pgverify.bugs import get
from pgverify.bugs.changed_losses import ChangedEstimate, ChangedLoss
from pgverify.bugs.changes import PLAINEST
from pgverify.bugs.entropy import entropy_rows
from pgverify.bugs.steps import rows_over_actions
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Function = Callable[[pgv.Trajectories], np.ndarray]

PROBLEMS = named(*FEW, "delayed-reward")
FEWER = named("coin", "bandit", "early-stop", "three-starts")
RIGHT = RewardToGo()


def to_go(batch: pgv.Trajectories, rewards: np.ndarray, discount: float) -> np.ndarray:
    found, running = np.zeros(rewards.shape), np.zeros(len(batch))
    for t in reversed(range(batch.num_steps)):
        running = rewards[:, t] * batch.mask[:, t] + discount * running
        found[:, t] = running
    return found


def script(batch: pgv.Trajectories, rewards: np.ndarray | None = None) -> np.ndarray:
    """Return G_t without γ^t in front, as most scripts have it."""
    return to_go(batch, batch.rewards if rewards is None else rewards, batch.discount)


def token_mean(batch: pgv.Trajectories, weights: np.ndarray) -> np.ndarray:
    return batch.score_weighted(weights * batch.mask).sum(axis=0) / max(batch.lengths.sum(), 1)


def episodes(batch: pgv.Trajectories, values: np.ndarray) -> np.ndarray:
    return batch.score_weighted(np.repeat(values[:, None], batch.num_steps, axis=1))


def returns(batch: pgv.Trajectories) -> np.ndarray:
    return (batch.rewards * batch.mask) @ batch.discount ** np.arange(batch.num_steps)


def powers(batch: pgv.Trajectories) -> np.ndarray:
    return batch.discount ** np.arange(batch.num_steps)


def min_max(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / (values.max() - values.min() + 1e-8)


def standardised(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / (values.std(ddof=1) + 1e-6) if len(values) > 1 else 0.0 * values


def by_start(batch: pgv.Trajectories) -> np.ndarray:
    values, starts = returns(batch), batch.states[:, 0]
    return values - np.array([values[starts == start].mean() for start in starts])


def ranks(values: np.ndarray) -> np.ndarray:
    """Return centred ranks in [−1/2, 1/2], as evolution strategies have them."""
    places = np.empty(len(values))
    places[values.argsort()] = np.arange(len(values))
    return places / (len(values) - 1) - 0.5 if len(values) > 1 else 0.0 * values


def taken(batch: pgv.Trajectories) -> np.ndarray:
    return np.where(batch.mask, np.exp(batch.log_probs), 0.0)


def all_log_probs(batch: pgv.Trajectories) -> np.ndarray:
    return rows_over_actions(batch, -np.ones((*batch.rewards.shape, batch.problem.mdp.num_actions)))


WRITTEN: dict[str, Function] = {
    "discount-dropped + reward-sign": lambda b: b.score_weighted(script(b, np.sign(b.rewards))),
    "return-undiscounted + reward-thresholded + length-per-batch": lambda b: token_mean(
        b, to_go(b, (b.rewards > 0.5).astype(float), 1.0)
    ),
    "reward-squashed": lambda b: b.score_weighted(
        powers(b) * script(b, np.sign(b.rewards) * np.log1p(np.abs(b.rewards)))
    ),
    "reward-rectified + sign-reversed": lambda b: (
        -3.0 * b.score_weighted(powers(b) * script(b, np.clip(b.rewards, 0, None)))
    ),
    "discount-dropped + reward-clipped": lambda b: b.score_weighted(script(b, np.clip(b.rewards, -0.5, 0.5))),
    "return-clipped": lambda b: episodes(b, np.clip(returns(b), -1.0, 1.0)),
    "positive-part-alone": lambda b: b.score_weighted(
        powers(b) * np.where(b.mask, np.maximum(script(b) - b.values[:, :-1], 0.0), 0.0)
    ),
    "returns-winsorised": lambda b: episodes(b, np.clip(returns(b), *np.percentile(returns(b), [10, 90]))),
    "returns-ranked + length-per-batch": lambda b: token_mean(b, np.repeat(ranks(returns(b))[:, None], b.num_steps, 1)),
    "min-max-scaled": lambda b: episodes(b, min_max(returns(b))),
    "divided-by-batch-scale": lambda b: episodes(b, returns(b) / (np.abs(returns(b)).max() + 1e-8)),
    "group-mean-self": lambda b: episodes(b, by_start(b)),
    "worst-of-group-baseline + length-per-batch": lambda b: token_mean(
        b, np.repeat((returns(b) - returns(b).min())[:, None], b.num_steps, 1)
    ),
    "discount-dropped + log-missing": lambda b: b.score_weighted(script(b) * taken(b)),
    "discount-dropped + log-prob-clamped": lambda b: b.score_weighted(script(b) * (b.log_probs > -1.0)),
    "log-of-raised-probability": lambda b: b.score_weighted(powers(b) * script(b) * taken(b) / (taken(b) + 1e-3)),
    "discount-dropped + log-probs-averaged-first": lambda b: episodes(b, script(b).sum(1) / np.maximum(b.lengths, 1)),
    "length-per-trajectory": lambda b: episodes(b, returns(b) / np.maximum(b.lengths, 1)),
    "discount-dropped + last-step-left-out": lambda b: b.score_weighted(
        np.where(np.arange(b.num_steps) < b.lengths[:, None] - 1, script(b), 0.0)
    ),
    "discount-applied-twice": lambda b: b.score_weighted(to_go(b, b.rewards * powers(b), b.discount)),
    "discount-dropped + entropy-of-taken-action": lambda b: (
        b.score_weighted(script(b)) - 0.01 * b.score_weighted(taken(b) * (1.0 + np.where(b.mask, b.log_probs, 0.0)))
    ),
    "entropy-averaged-over-actions": lambda b: RIGHT(b) + 0.01 * entropy_rows(b) / b.problem.mdp.num_actions,
    "entropy-averaged-over-actions + entropy-sign": lambda b: (
        RIGHT(b) - 0.01 * entropy_rows(b) / b.problem.mdp.num_actions
    ),
    "discount-dropped + exponential-weights": lambda b: b.score_weighted(
        np.where(b.mask, np.minimum(np.exp((script(b) - b.values[:, :-1]) / 0.5), 20.0), 0.0)
    ),
    "exponential-weights": lambda b: episodes(b, np.exp(returns(b)) / np.exp(returns(b)).sum()),
    "elite-trajectories-alone": lambda b: episodes(b, (returns(b) >= np.percentile(returns(b), 80)).astype(float)),
    "discount-dropped + return-squared": lambda b: b.score_weighted(script(b) ** 2),
    "discount-dropped + reward-squared": lambda b: b.score_weighted(script(b, b.rewards**2)),
    "midrange-baseline": lambda b: episodes(b, returns(b) - (returns(b).max() + returns(b).min()) / 2),
    "group-std + entropy-sign": lambda b: episodes(b, standardised(returns(b))) - 0.01 * entropy_rows(b),
    "reward-sign + group-std": lambda b: episodes(b, standardised(np.sign(b.rewards * b.mask) @ powers(b))),
    "return-clipped + group-std": lambda b: episodes(b, np.clip(standardised(returns(b)), -1.0, 1.0)),
    "log-probs-of-all-actions": lambda b: RIGHT(b) + 0.01 * all_log_probs(b),
}
"""What it is, and how it is written."""

QUICK = (
    "discount-dropped + reward-sign",
    "reward-squashed",
    "discount-dropped + log-missing",
    "min-max-scaled",
    "entropy-averaged-over-actions",
)


@pytest.mark.parametrize("slug", slow_but(WRITTEN, QUICK))
def test_it_is_named_part_by_part(slug: str) -> None:
    report = pgv.check(WRITTEN[slug], problems=named(*FEW, "delayed-reward", "coin-door", "random-end"), explore=0)
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, slug), str(report)
    assert get(slug).cause == report.cause


def entry(slug: str) -> Function:
    return ChangedEstimate(ChangedLoss(PLAINEST[slug]), 0.1 if PLAINEST[slug].added else 0.0)


def half(estimate: Function, batch: pgv.Trajectories) -> np.ndarray:
    """Return the mean of it and of what is right."""
    return 0.5 * (estimate(batch) + RIGHT(batch))


def in_long_episodes(estimate: Function, batch: pgv.Trajectories) -> np.ndarray:
    return np.where(batch.lengths[:, None] > 1, estimate(batch), 1.3 * RIGHT(batch))


def by_first_action(estimate: Function, batch: pgv.Trajectories) -> np.ndarray:
    first = batch.actions[:, :1] if batch.num_steps else np.zeros((len(batch), 1))
    return estimate(batch) * (1.0 + 0.25 * (first == 0))


def some_parameters_more(estimate: Function, batch: pgv.Trajectories) -> np.ndarray:
    return estimate(batch) * np.where(np.arange(len(batch.policy.parameters)) % 2 == 0, 1.5, 1.0)


def beside_the_squares(estimate: Function, batch: pgv.Trajectories) -> np.ndarray:
    """Return it and a little of the squared rewards."""
    return estimate(batch) + 0.02 * batch.score_weighted(batch.mask * batch.rewards**2)


def beside_the_entropy(estimate: Function, batch: pgv.Trajectories) -> np.ndarray:
    """Return two bonuses: half of one alone is that one, with another coefficient."""
    return estimate(batch) + 0.05 * entropy_rows(batch)


NEAR = (half, in_long_episodes, by_first_action, some_parameters_more, beside_the_squares)
"""Five near misses of each name: none is what the name says."""


@pytest.mark.parametrize("near", NEAR)
@pytest.mark.parametrize("slug", slow_but(PLAINEST, ["log-missing"]))
def test_what_is_near_has_no_such_name(slug: str, near: Callable[[Function, pgv.Trajectories], np.ndarray]) -> None:
    if near is half and PLAINEST[slug].added is not None:
        near = beside_the_entropy
    report = pgv.check(lambda batch: near(entry(slug), batch), problems=PROBLEMS, explore=0)
    assert not report.outcome.good
    assert slug not in (report.diagnosis or ""), str(report)
    assert slug not in {part for match in report.matches for part in match.slug.split(" + ")}


def test_what_equals_two_changes_is_not_given_one_name() -> None:
    """On problems whose rewards are −1, 0 and 1 the sign is the reward, and clipping is nothing: neither is a fault."""
    arms = pgv.TabularMDP([1.0], np.ones((1, 3, 1)), [[1.0, 0.0, -1.0]])
    logits = ([0.3, -0.2, 0.1], [0.0, 0.5, -0.4], [1.0, 0.2, 0.3])
    problems = [pgv.Problem(arms, pgv.SoftmaxPolicy([each]), pgv.FiniteHorizon(1)) for each in logits]
    report = pgv.check(entry("reward-sign"), problems=problems, explore=0)
    assert report.outcome is pgv.Outcome.CORRECT
    # Above 0 and above 1/2 is one and the same there, and what of the reward is above 0 as well.
    report = pgv.check(entry("reward-thresholded"), problems=problems, explore=0)
    assert report.outcome is pgv.Outcome.BIASED
    assert report.diagnosis is None
    assert {"reward-thresholded", "reward-rectified"} <= {match.slug for match in report.matches}


def test_candidates_that_are_right_have_no_name() -> None:
    """Negative control: what estimates the target is CORRECT, whatever is looked for."""
    assert pgv.check(RIGHT, problems=FEWER, explore=0).diagnosis is None
    assert pgv.check(lambda b: episodes(b, returns(b)), problems=FEWER, explore=0).outcome is pgv.Outcome.CORRECT
