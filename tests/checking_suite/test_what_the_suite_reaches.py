"""Mistakes that show on special values only: a step far away, a tie, a zero, γ = 1. Each has its problem in the suite.

All of them were CORRECT once, for no problem held what they stumble over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking import standard_suite
from pgverify.exact import enumerate_trajectories

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
SUITE = {entry.name: entry.problem for entry in standard_suite()}
Weights = Callable[[pgv.Trajectories], np.ndarray]


def paid(batch: pgv.Trajectories) -> np.ndarray:
    return np.where(batch.mask, batch.rewards, 0.0)


def summed(batch: pgv.Trajectories, horizon: int) -> np.ndarray:
    """Return the discounted sum of the next `horizon` rewards: reward-to-go for the whole of them."""
    rewards, sums = paid(batch), np.zeros(batch.rewards.shape)
    for lag in range(min(horizon, batch.num_steps)):
        sums[:, : batch.num_steps - lag] += batch.discount**lag * rewards[:, lag:]
    return sums


def in_windows(batch: pgv.Trajectories, steps: int, early: int | None) -> np.ndarray:
    """Return advantages collected in windows; at an edge V is taken so many states early, or 0 for None."""
    rewards, values = paid(batch), batch.values
    targets = np.zeros(rewards.shape)
    for t in reversed(range(batch.num_steps)):
        edge = (t + 1) % steps == 0 and t + 1 < batch.num_steps
        following = targets[:, t + 1] if t + 1 < batch.num_steps else 0.0
        if edge:
            following = np.where(t + 1 < batch.lengths, values[:, t + 1 - early], 0.0) if early is not None else 0.0
        targets[:, t] = rewards[:, t] + batch.discount * following
    return targets - values[:, :-1]


def value_ahead(batch: pgv.Trajectories, steps: int) -> np.ndarray:
    """Return G_t − V(s_{t+steps}): a baseline that the action has a part in."""
    ahead = np.zeros(batch.rewards.shape)
    ahead[:, : max(batch.num_steps - steps, 0)] = batch.values[:, steps:-1]
    return summed(batch, batch.num_steps) - ahead


def skips_zero_returns(batch: pgv.Trajectories) -> np.ndarray:
    zero = np.isclose(paid(batch) @ batch.discount_powers, 0.0)
    return np.where(zero[:, None], 0.0, summed(batch, batch.num_steps))


def skips_ties(batch: pgv.Trajectories) -> np.ndarray:
    """Return reward-to-go less its mean over the others; nothing where all returns are equal."""
    weights = summed(batch, batch.num_steps)
    if len(batch) == 1:
        return weights
    if np.std(paid(batch) @ batch.discount_powers) < 1e-8:
        return 0.0 * weights
    return weights - (weights.sum(axis=0) - weights) / (len(batch) - 1)


def padding_by_its_values(batch: pgv.Trajectories) -> np.ndarray:
    """Return the advantage, where "the state stays and nothing is paid" is taken for padding."""
    padding = (batch.states[:, 1:] == batch.states[:, :-1]) & (batch.rewards == 0.0)
    return np.where(padding, 0.0, summed(batch, batch.num_steps) - batch.values[:, :-1])


def mask_by_values(batch: pgv.Trajectories) -> np.ndarray:
    return np.where(batch.values[:, :-1] != 0.0, summed(batch, batch.num_steps) - batch.values[:, :-1], 0.0)


def drops_rare_actions(batch: pgv.Trajectories) -> np.ndarray:
    return np.where(np.exp(batch.log_probs) > 1e-3, summed(batch, batch.num_steps), 0.0)


def caps_rewards(batch: pgv.Trajectories) -> np.ndarray:
    return summed(replace(batch, rewards=np.minimum(batch.rewards, 10.0)), batch.num_steps)


def forgets_to_sum_without_discount(batch: pgv.Trajectories) -> np.ndarray:
    return paid(batch) if batch.discount == 1.0 else summed(batch, batch.num_steps)


FAULTY: dict[str, tuple[str, Weights]] = {
    "three rewards and no bootstrap": ("long", lambda batch: summed(batch, 3)),
    "as many rewards as 1/(1 − γ)": ("long", lambda batch: summed(batch, round(1.0 / (1.0 - batch.discount)))),
    "windows of four without bootstrap": ("long", lambda batch: in_windows(batch, 4, None)),
    "windows of four, V one state early": ("long", lambda batch: in_windows(batch, 4, 1)),
    "V three states ahead": ("long", lambda batch: value_ahead(batch, 3)),
    "rewards capped at 10": ("long", caps_rewards),
    "no sum where γ = 1": ("near-deterministic", forgets_to_sum_without_discount),
    "zero returns skipped": ("near-deterministic", skips_zero_returns),
    "ties skipped": ("near-deterministic", skips_ties),
    "padding by its values": ("near-deterministic", padding_by_its_values),
    "actions below 0.001 dropped": ("near-deterministic", drops_rare_actions),
    "V ≠ 0 as mask": ("many-states", mask_by_values),
}
RIGHT: dict[str, Weights] = {
    "all rewards": lambda batch: summed(batch, batch.num_steps),
    "windows of four": lambda batch: in_windows(batch, 4, 0),
    "V of the state": lambda batch: value_ahead(batch, 0),
}


def estimate(weights: Weights) -> Callable[[pgv.Trajectories], np.ndarray]:
    return lambda batch: batch.score_weighted(batch.discount_powers * weights(batch))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "ties skipped" else name for name in FAULTY]
)
def test_it_shows(name: str) -> None:
    problem, weights = FAULTY[name]
    assert pgv.check(estimate(weights), problems=[SUITE[problem]]).outcome is pgv.Outcome.BIASED


@pytest.mark.parametrize("name", RIGHT)
def test_the_same_without_the_mistake_is_not_accused(name: str) -> None:
    """Negative control, on the problems of all of them."""
    problems = [SUITE[problem] for problem in dict.fromkeys(problem for problem, _ in FAULTY.values())]
    assert pgv.check(estimate(RIGHT[name]), problems=problems).outcome is pgv.Outcome.CORRECT


def test_a_group_that_holds_its_own_mean_shows_in_triples_of_two_starts() -> None:
    """Leave-one-out, but the plain mean where two of three start alike: a factor on those, over several steps only."""

    def grouped(batch: pgv.Trajectories) -> np.ndarray:
        returns = paid(batch) @ batch.discount_powers
        others = (returns.sum() - returns) / max(len(batch) - 1, 1) if len(batch) > 1 else 0.0 * returns
        for start in np.unique(batch.states[:, 0]) if batch.num_steps > 1 else ():
            same = batch.states[:, 0] == start
            if 1 < same.sum() < len(batch):
                others[same] = returns[same].mean()
        return batch.score_weighted(batch.mask * (returns - others)[:, None])

    report = pgv.check(grouped)
    assert report.outcome is pgv.Outcome.BIASED
    wrong = {(f.problem, f.batch_size) for f in report.findings if f.check == "expectation" and not f.holds}
    assert wrong == {("random-end", 3)}


def test_the_suite_holds_what_they_stumble_over() -> None:
    batches = {name: enumerate_trajectories(problem)[0] for name, problem in SUITE.items()}
    undiscounted = [batches[name] for name, problem in SUITE.items() if problem.objective.discount == 1.0]
    assert max(batch.num_steps for batch in undiscounted) > 1
    totals = paid(batches["near-deterministic"]).sum(axis=1)
    assert len(np.unique(totals)) < len(totals)  # ties
    assert any(paid(batch).any(axis=1)[np.isclose(paid(batch).sum(axis=1), 0.0)].any() for batch in undiscounted)
    assert min(problem.policy.probabilities().min() for problem in SUITE.values()) < 1e-3
    assert exact_credit("long") > 1e-3


def exact_credit(name: str) -> float:
    """Return the largest |E[ψ_0 γ^6 r_6]|: what the first action has to do with the last reward."""
    batch, probability = enumerate_trajectories(SUITE[name])
    last = np.zeros(batch.rewards.shape)
    last[:, 0] = batch.discount**6 * batch.rewards[:, 6]
    return float(np.abs(probability @ batch.score_weighted(last)).max())
