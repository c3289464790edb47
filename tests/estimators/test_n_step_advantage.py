"""The n-step actor-critic against plain loops, its two ends, and what it expects."""

from __future__ import annotations

import numpy as np
import pytest
from moment_cases import listed, small_problem, tables
from rollout_batches import batches

from pgverify import (
    FiniteHorizon,
    Problem,
    Trajectories,
    exact,
)
from pgverify.baselines import Baseline, Constant, NoBaseline, StateValue, TimeStateValue
from pgverify.errors import InvalidEstimator
from pgverify.estimators import GeneralizedAdvantage, NStepAdvantage, RewardToGo

KINDS = ("finite", "cut", "random horizon", "average")


def by_the_definition(batch: Trajectories, n: int, critic: Baseline, kept: bool) -> np.ndarray:
    """Return the weights by loops: n rewards or as many as there are, then the critic where the episode goes on."""
    values = critic.evaluate(batch)
    weights = np.zeros(batch.actions.shape)
    for i in range(len(batch)):
        length = int(batch.lengths[i])
        for t in range(length):
            end = min(t + n, length)
            total = sum(batch.discount ** (k - t) * (batch.rewards[i, k] - batch.gain) for k in range(t, end))
            if not (end == length and batch.terminated[i]):
                total += batch.discount ** (end - t) * values[i, end]
            factor = batch.discount**t if kept else 1.0
            weights[i, t] = batch.step_scale * factor * (total - values[i, t])
    return weights


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 3, 5, 50])
def test_weights(kind: str, n: int) -> None:
    batch = batches()[kind]
    for critic in (StateValue(), StateValue([0.3, -1.0, 2.0]), Constant(0.7), NoBaseline()):
        for kept in (True, False):
            found = NStepAdvantage(n, critic, kept).weights(batch)
            assert found == pytest.approx(by_the_definition(batch, n, critic, kept), abs=1e-13)
            assert not found[~batch.mask].any()


def test_the_batches_are_of_every_kind() -> None:
    """Negative control of the test above: ended and cut episodes, some of length zero, lookaheads beyond the end."""
    cut = batches()["cut"]
    assert cut.terminated.any()
    assert cut.truncated.any()
    assert (cut.lengths == 0).any()
    assert (cut.lengths == 5).any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_two_ends(kind: str) -> None:
    """n = 1 is GAE(0); n beyond the end is GAE(1): both telescope to the same sums."""
    batch = batches()[kind]
    critic = StateValue([0.3, -1.0, 2.0])
    for n, trace_decay in ((1, 0.0), (batch.num_steps, 1.0), (batch.num_steps + 7, 1.0)):
        found = NStepAdvantage(n, critic)(batch)
        assert found == pytest.approx(GeneralizedAdvantage(trace_decay, critic)(batch), abs=1e-12)


def test_without_a_critic_a_long_lookahead_is_reward_to_go() -> None:
    batch = batches()["finite"]
    assert NStepAdvantage(5, NoBaseline())(batch) == pytest.approx(RewardToGo()(batch), abs=1e-13)


@pytest.mark.parametrize("seed", range(10))
def test_unbiased_with_the_true_critic_or_a_long_lookahead(seed: int) -> None:
    problem = small_problem(seed)
    batch, probabilities = listed(problem)
    truth, horizon = exact.gradient(problem), problem.objective.horizon
    given = tables(problem, seed, horizon)
    for estimator in (*(NStepAdvantage(n) for n in (1, 2, 3)), NStepAdvantage(horizon, given.by_time)):
        rows = estimator(batch)
        assert probabilities @ rows == pytest.approx(truth, abs=1e-11 * (np.abs(rows).max() + 1e-290))


def test_biased_with_a_wrong_critic_and_a_short_lookahead() -> None:
    """Negative control of the test above."""
    problem = Problem(batches()["finite"].problem.mdp, batches()["finite"].policy, FiniteHorizon(4, 0.9))
    batch, probabilities = listed(problem)
    truth = exact.gradient(problem)
    for n in (1, 2, 3):
        rows = NStepAdvantage(n, StateValue([0.3, -1.0, 2.0]))(batch)
        assert np.abs(probabilities @ rows - truth).max() > 1e-4


@pytest.mark.parametrize("steps", [0, -1, 1.5, True, None])
def test_lookaheads_that_are_refused(steps: object) -> None:
    with pytest.raises((InvalidEstimator, TypeError), match="steps"):
        NStepAdvantage(steps)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("steps", [0, 1.5, True])
def test_the_refusal_says_what_is_allowed(steps: object) -> None:
    with pytest.raises(InvalidEstimator, match=rf"steps is {steps!r}, must be an integer of at least 1"):
        NStepAdvantage(steps)


def test_a_critic_that_does_not_fit_is_refused() -> None:
    batch = batches()["cut"]
    with pytest.raises(InvalidEstimator, match=r"values has shape \(4,\), must be \[S\] = \(3,\)"):
        NStepAdvantage(2, StateValue(np.zeros(4)))(batch)
    with pytest.raises(InvalidEstimator, match=r"values has 5 rows, must have T\+1 = 6"):
        NStepAdvantage(2, TimeStateValue(np.zeros((5, 3))))(batch)
