"""Honest samplers whose gradient is carried by events too rare to be sampled are not accused; biased ones are.

Also: problems on which nothing is paid are judged, and one direction tells no scale. Seeds are fixed. Were they drawn
anew, an accusation would have probability 1e-6 a check; what must be found is 10 standard errors away and more, or
would be missed by the test's own rate of 1e-3 a problem.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.baselines import StateValue
from pgverify.checking import SuiteProblem
from pgverify.checking.sampled import goal as sampled_goal
from pgverify.checking.sampled import other_claims as sampled_naming
from pgverify.errors import InvalidInput
from pgverify.estimators import RewardToGo, TotalReturn
from pgverify.stats import SequentialTest

pytestmark = [pytest.mark.usefixtures("unchecked_shapes"), pytest.mark.statistical]
OPTIONS = {"kind": "sampler", "tolerance": 0.1}
FEW = 25_000
"""A budget of a look or two: the first is at some 23,000."""
ACCUSED = ("BIASED", "NO_SIGNAL", "SCALED", "OTHER_TARGET", "INVALID")
RIGHT = RewardToGo()
TEST = SequentialTest(tolerance=0.1)
SLOW = partial(pytest.param, marks=pytest.mark.slow)
Rows = Callable[[pgv.Trajectories], np.ndarray]


def sampler(function: Rows) -> Callable[..., np.ndarray]:
    return lambda problem, count, rng: function(pgv.sample(problem, count, int(rng.integers(2**62))))


def judged(function: Rows, problems: list[pgv.Problem], budget: int = 60_000, seed: int = 0) -> pgv.checking.Report:
    return pgv.check(sampler(function), problems=problems, budget=budget, seed=seed, **OPTIONS)


def arms(rewards: tuple[float, ...], logits: tuple[float, ...] | None = None, horizon: int = 1) -> pgv.Problem:
    size = len(rewards)
    mdp = pgv.TabularMDP([1.0], np.ones((1, size, 1)), [list(rewards)])
    return pgv.Problem(mdp, pgv.SoftmaxPolicy([logits or np.arange(size) / 2.0]), pgv.FiniteHorizon(horizon))


def lock(steps: int) -> pgv.Problem:
    """Of two actions the first goes on, the second ends; the last step pays: with probability 2^−steps."""
    size = steps + 2
    transition, rewards = np.zeros((size, 2, size)), np.zeros((size, 2))
    for state in range(steps):
        transition[state, 0, state + 1] = transition[state, 1, steps + 1] = 1.0
    transition[steps:, :, steps:] = np.eye(2)[:, None, :]
    rewards[steps - 1, 0] = 1.0
    mdp = pgv.TabularMDP(np.eye(size)[0], transition, rewards, np.arange(size) >= steps)
    return pgv.Problem(mdp, pgv.SoftmaxPolicy(np.zeros((size, 2))), pgv.FiniteHorizon(steps))


# -------------------------------------------------------------------------------------------------- rare events


@pytest.mark.parametrize("steps", [SLOW(12), 20])
def test_a_lock_that_no_sample_opens_accuses_nobody(steps: int) -> None:
    assert judged(RIGHT, [lock(steps)], FEW).outcome is pgv.Outcome.INCONCLUSIVE


@pytest.mark.parametrize("parameters", [10, 10_000])
def test_nor_where_it_cannot_be_listed(monkeypatch: pytest.MonkeyPatch, parameters: int) -> None:
    """By exact covariances, and by the size of estimates alone where those would take too long."""
    monkeypatch.setattr(sampled_goal, "MOST_TRAJECTORIES", 10)
    monkeypatch.setattr(sampled_goal, "MOST_PARAMETERS", parameters)
    assert judged(RIGHT, [lock(20)], FEW).outcome is pgv.Outcome.INCONCLUSIVE


def test_without_the_bounds_it_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: what the test does without knowing the problem."""
    monkeypatch.setattr(sampled_goal, "rare_events", lambda *_: ())
    assert judged(RIGHT, [lock(20)], FEW).outcome.value in ACCUSED


@pytest.mark.parametrize("estimator", [RIGHT, RewardToGo(StateValue()), SLOW(TotalReturn())])
@pytest.mark.parametrize("logit", [SLOW(10.0), 15.0])
def test_a_policy_that_hardly_ever_errs_accuses_nobody(estimator: Rows, logit: float) -> None:
    assert judged(estimator, [arms((1.0, -1.0, 0.3), (logit, 0.0, 0.0), 2)], FEW).outcome.value not in ACCUSED


@pytest.mark.parametrize("problem", [arms((1.0, -1.0, 0.3), (14.0, 0.0, 0.0), 2), SLOW(lock(20))])
def test_nor_is_a_random_implementation(problem: pgv.Problem) -> None:
    def noisy(batch: pgv.Trajectories) -> np.ndarray:
        return RIGHT(batch) * rng.uniform(0.9, 1.1)

    rng = np.random.default_rng(0)
    assert pgv.check(noisy, problems=[problem]).outcome is pgv.Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("function", "outcome"),
    [
        (RIGHT, "CONSISTENT"),
        SLOW(lambda batch: 2.0 * RIGHT(batch), "SCALED"),
        (lambda batch: 0.0 * RIGHT(batch), "NO_SIGNAL"),
        SLOW(lambda batch: RIGHT(batch) * batch.lengths[:, None], "BIASED"),
    ],
)
def test_what_can_be_sampled_is_judged(function: Rows, outcome: str) -> None:
    """Negative control: a lock of three steps, and a problem that takes its place where lengths do not matter."""
    assert judged(function, [lock(3), *named("bandit")], 400_000).outcome.value == outcome


def test_a_bias_beyond_what_is_rare_is_found() -> None:
    """On a lock that does not open: a drift has nothing to do with it."""
    report = judged(lambda batch: RIGHT(batch) + 0.1 * np.cos(batch.actions[:, :1]), [lock(15)], FEW)
    assert report.outcome is pgv.Outcome.BIASED


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), [("cliff-walking", 0), ("cliff-walking", 1), ("frozen-lake-8x8", 0)])
def test_the_zoo_accuses_nobody(name: str, seed: int) -> None:
    mdp = pgv.mdps.get(name)
    logits = np.random.default_rng(1).normal(size=(mdp.num_states, mdp.num_actions))
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy(logits), pgv.FiniteHorizon(20, 0.95))
    assert judged(RIGHT, [problem], 40_000, seed).outcome is pgv.Outcome.INCONCLUSIVE


# ------------------------------------------------------------------------------------------- nothing is paid


def unpaid(batch: pgv.Trajectories) -> bool:
    return not batch.problem.mdp.reward.any()


def raising(batch: pgv.Trajectories) -> np.ndarray:
    if unpaid(batch):
        raise ZeroDivisionError("no rewards")
    return RIGHT(batch)


def baseline(batch: pgv.Trajectories) -> np.ndarray:
    """Reward-to-go minus 1: where nothing is paid, noise whose mean is zero."""
    return batch.score_weighted(RIGHT.weights(batch) - 1.0)


@pytest.mark.parametrize(
    ("function", "outcome", "says"),
    [
        (lambda batch: RIGHT(batch) / (0.0 if unpaid(batch) else 1.0), "INVALID", "returned nan"),
        SLOW(raising, "INVALID", "ZeroDivisionError"),
        (lambda batch: RIGHT(batch) + unpaid(batch), "BIASED", "off the target"),
        (lambda batch: RIGHT(batch) + 0.3 * unpaid(batch) * (batch.actions == 1), "BIASED", "off the target"),
        (baseline, "CONSISTENT", ""),
        SLOW(RIGHT, "CONSISTENT", ""),
    ],
)
def test_a_problem_on_which_nothing_is_paid_is_judged(function: Rows, outcome: str, says: str) -> None:
    report = judged(function, [arms((1.0, 0.7, -0.5)), arms((0.0, 0.0, 0.0))])
    assert report.outcome.value == outcome, str(report)
    assert says in report.explanation


@pytest.mark.parametrize(("factor", "outcome"), [SLOW(1.0, "CONSISTENT"), (2.0, "SCALED")])
def test_tiny_rewards_are_rewards(factor: float, outcome: str) -> None:
    """1e-170: the squares of such numbers are zero."""
    problems = [arms((1e-170, -0.5e-170)), arms((1e-171, -0.4e-170))]
    assert judged(lambda batch: factor * RIGHT(batch), problems).outcome.value == outcome


# ------------------------------------------------------------------------------------------- one direction


def clipped(batch: pgv.Trajectories) -> np.ndarray:
    return batch.score_weighted(np.clip(RIGHT.weights(batch), -0.5, 0.5))


def half(batch: pgv.Trajectories) -> np.ndarray:
    return 0.5 * RIGHT(batch)


@pytest.mark.parametrize(
    ("function", "others", "outcome"),
    [
        (clipped, [arms((1.2, -0.4), (-0.3, 0.5))], "BIASED"),  # the same again
        (clipped, [arms((1.0, 1.0), (0.2, 0.9))], "BIASED"),  # its target is zero
        SLOW(half, [arms((1.0, 1.0), (0.2, 0.9))], "BIASED"),
        (half, [arms((1.0, 0.2), (0.2, 0.9))], "SCALED"),  # negative control
        SLOW(clipped, [arms((1.0, 0.2), (0.2, 0.9))], "BIASED"),
    ],
)
def test_a_multiple_in_one_direction_is_no_scale(function: Rows, others: list[pgv.Problem], outcome: str) -> None:
    report = judged(function, [arms((1.2, -0.4), (-0.3, 0.5)), *others])
    assert report.outcome.value == outcome, str(report)


def test_a_target_of_rounding_size_is_zero() -> None:
    """Where every reward is 1, the target without γ^t is 8e-17: nothing to measure a gap against."""
    problems = named("delayed-reward", "constant-reward")
    dropped = RewardToGo(discount_weighting=False)
    report = judged(dropped, problems)
    assert report.outcome is pgv.Outcome.OTHER_TARGET
    assert "is discount_dropped on every problem" in report.explanation


def test_no_factor_is_zero() -> None:
    """Estimates that are all zero have no error, and no factor either; 3 times the target has one."""
    suite = [SuiteProblem("arms", "", arms((1.0, 0.2)))]
    goal = sampled_goal.Goal.of("policy_gradient", suite[0], 1e-3)
    for times, expected in ((0.0, None), (3.0, pytest.approx(3.0, rel=1e-12))):
        assert sampled_naming._factor(lambda n, _, k=times: k * np.tile(goal.vector, (n, 1)), goal, TEST) == expected


def drawn_by(acting: tuple[float, ...]) -> Callable[..., np.ndarray]:
    """Importance sampling of one step: honest whatever the acting probabilities are."""

    def estimates(problem: pgv.Problem, count: int, rng: np.random.Generator) -> np.ndarray:
        own = problem.policy.probabilities()[0]
        arm = rng.choice(len(own), size=count, p=acting)
        reward = problem.mdp.paid[0, arm, 0]
        return (np.eye(len(own)) - own)[arm] * (reward * own[arm] / np.array(acting)[arm])[:, None]

    return estimates


RARELY = (1e-5, 0.5, 0.5 - 1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_what_the_sampler_itself_draws_rarely_is_not_called_a_bias(seed: int) -> None:
    """The first look, at 26,000, has seen the arm with probability 1/4; all of the budget some ten times."""
    report = pgv.check(drawn_by(RARELY), "sampler", problems=arms((1.0, 0.3, -0.5)), seed=seed)
    assert report.outcome.name == "INCONCLUSIVE"
    assert "nothing that matters in its own draws is rarer than 0.001" in report.error_rate


def test_a_bias_that_all_of_the_budget_shows_is_believed_and_the_number_given() -> None:
    def halved(problem: pgv.Problem, count: int, rng: np.random.Generator) -> np.ndarray:
        return drawn_by((0.4, 0.3, 0.3))(problem, count, rng) * [0.5, 1.0, 1.0]

    problem = arms((1.0, 0.3, -0.5))
    report = pgv.check(halved, "sampler", problems=problem, budget=60_000)
    assert report.outcome.name == "BIASED"
    # log(20 d K / α') / 60,000 with d = 3, K = 3 looks (26,667, 40,000, 60,000) and α' = 1e-6 / 2: 19.7 / 60,000.
    assert "rarer than 0.00033" in report.error_rate
    vouched = pgv.check(halved, "sampler", problems=problem, budget=60_000, rarest=2e-3)
    assert vouched.outcome.name == "BIASED"
    assert "rarer than 0.002" in vouched.error_rate


def test_rarity_is_vouched_for_where_something_is_sampled() -> None:
    with pytest.raises(InvalidInput, match=r"rarest is 0\.1, must be left out unless kind"):
        pgv.check(RIGHT, problems=arms((1.0, 0.0)), rarest=0.1)
