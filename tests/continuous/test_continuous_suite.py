"""The continuous suite: right functions are right, the usual faults show, other processes can be sent its problems."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest
from closed_forms import in_suite

import pgverify as pgv
from pgverify import GaussianPolicy, Outcome, SquashedGaussianPolicy, Trajectories, exact
from pgverify.estimators import GeneralizedAdvantage, RewardToGo
from pgverify.policies.steps import Prefix

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # thousands of calls
SUITE = pgv.suites.get("continuous")


def credit(batch: Trajectories) -> np.ndarray:
    paid = np.where(batch.mask, batch.rewards, 0.0) * batch.discount_powers
    return np.where(batch.mask, np.cumsum(paid[:, ::-1], axis=1)[:, ::-1], 0.0)


def by_hand(change: Callable[[np.ndarray], np.ndarray] = lambda x: x, look_through: bool = True) -> object:
    """Return an estimate that scores changed actions: (a − μ)φ/σ² and (a − μ)²/σ² − 1, summed over dimensions."""

    def estimate(batch: Trajectories) -> np.ndarray:
        policy, actions = batch.policy, batch.actions
        if isinstance(policy, SquashedGaussianPolicy):
            actions, policy = policy.before(actions) if look_through else actions, policy.gaussian
        assert isinstance(policy, GaussianPolicy)
        std, features = np.exp(policy.log_std), policy.features[batch.states[:, :-1]]
        off = (change(actions) - policy.means()[batch.states[:, :-1]]) / std
        weights = credit(batch)
        by_mean = np.einsum("nt,ntf,ntd->nfd", weights, features, off / std).reshape(len(batch), -1)
        by_std = np.einsum("nt,ntd->nd", weights, off**2 - 1.0)
        return np.concatenate([by_mean, by_std], axis=1) if policy.learns_std else by_mean

    return estimate


def of_ratios(join: Callable[[np.ndarray], np.ndarray]) -> object:
    """Return the estimate through ratios to the stored log-densities: 1 each, where both are of the same kind."""

    def estimate(batch: Trajectories) -> np.ndarray:
        ratio = np.exp(join(batch.policy.log_prob(batch)) - batch.log_probs)
        return batch.score_weighted(np.where(batch.mask, ratio, 0.0) * credit(batch))

    return estimate


def without_log_determinant(batch: Trajectories) -> np.ndarray:
    """Return the estimate through ratios whose new log-density lacks the log-determinant of tanh."""
    policy, new = batch.policy, batch.policy.log_prob(batch)
    if isinstance(policy, SquashedGaussianPolicy):
        before = Prefix(batch.states, policy.before(batch.actions), batch.mask)
        new = policy.gaussian.log_prob(before)
    return batch.score_weighted(np.exp(np.where(batch.mask, new - batch.log_probs, 0.0)) * credit(batch))


RIGHT = [RewardToGo(), GeneralizedAdvantage(0.9), by_hand(), of_ratios(lambda x: x)]
FAULTS = {
    "clipped": (by_hand(lambda a: np.clip(a, -1.0, 1.0)), "far-means"),
    "not looked through": (by_hand(look_through=False), "squashed"),
    "log-determinant on one side": (without_log_determinant, "squashed"),
    "one dimension of the mean lost": (by_hand(lambda a: np.concatenate([a[..., :1], 0 * a[..., 1:]], -1)), "plane"),
    "no γ^t": (lambda batch: batch.score_weighted(credit(batch) / batch.discount_powers), "push-pull"),
    "padding scored": (
        lambda batch: batch.score_weighted(
            np.repeat(batch.rewards.sum(1, keepdims=True) / batch.lengths[:, None], batch.num_steps, 1)
        ),
        "early-end",
    ),
}


@pytest.mark.parametrize("function", RIGHT, ids=["to-go", "gae", "by hand", "ratios"])
def test_what_is_right_is_correct(function: object) -> None:
    report = pgv.check(function, problems=SUITE)
    assert report.outcome is Outcome.CORRECT, report


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_show_where_the_reason_says(fault: str) -> None:
    function, name = FAULTS[fault]
    report = pgv.check(function, problems=in_suite(name))
    assert report.outcome not in (Outcome.CORRECT, Outcome.INVALID), report


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_show_on_the_whole_suite(fault: str) -> None:
    assert pgv.check(FAULTS[fault][0], problems=SUITE).outcome not in (Outcome.CORRECT, Outcome.INVALID)


def test_a_coupled_function_is_listed_in_batches() -> None:
    def leave_one_out(batch: Trajectories) -> np.ndarray:
        total = batch.rewards @ batch.discount_powers
        baseline = (total.sum() - total) / max(len(batch) - 1, 1) if len(batch) > 1 else 0.0 * total
        return batch.score_weighted(np.where(batch.mask, (total - baseline)[:, None], 0.0))

    report = pgv.check(leave_one_out, problems=SUITE[:3])
    assert report.outcome is Outcome.CORRECT, report


@pytest.mark.parametrize("entry", SUITE, ids=lambda entry: entry.name)
def test_few_nodes_are_nearly_the_density(entry: pgv.suites.SuiteProblem) -> None:
    """What samples the density is judged by the gradient on the nodes: the two differ far below the tolerance, 1 %."""
    exactly = pgv.Problem(
        entry.problem.mdp.continuous.on(40 if entry.problem.policy.action_dim == 1 else 18),
        entry.problem.policy,
        entry.problem.objective,
    )
    apart = np.abs(exact.gradient(exactly) - exact.gradient(entry.problem)).max()
    assert apart <= 2e-3 * np.abs(exact.gradient(exactly)).max()
    assert exact.count_trajectories(entry.problem) <= 200
    assert np.abs(entry.problem.mdp.nodes).max() > 1.0


def test_the_problems_can_be_sent_to_another_process() -> None:
    for entry in SUITE:
        again = pickle.loads(pickle.dumps(entry.problem))
        assert np.array_equal(exact.gradient(again), exact.gradient(entry.problem))
        assert np.array_equal(pgv.sample(again, 5).actions, pgv.sample(entry.problem, 5).actions)


def test_kinds_and_variance_reports() -> None:
    assert pgv.check(credit, kind="weights", problems=SUITE).outcome is Outcome.CORRECT
    table = pgv.variance_report(in_suite("push-pull")).table
    assert len(table) > 3
