"""Inputs on which a verdict was once wrong, or could be: each with what is right, and why."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.bugs import get
from pgverify.checking import standard_suite
from pgverify.estimators import RewardToGo
from pgverify.exact import enumerate_trajectories

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
RIGHT = RewardToGo()


def one_state(
    rewards: tuple[float, ...],
    logits: tuple[float, ...] = (-0.3, 0.5),
    horizon: int = 1,
    discount: float = 0.9,
    noise: float | None = None,
) -> pgv.Problem:
    arms = len(rewards)
    sigma = None if noise is None else np.full((1, arms, 1), noise)
    mdp = pgv.TabularMDP([1.0], np.ones((1, arms, 1)), [list(rewards)], reward_noise=sigma)
    return pgv.Problem(mdp, pgv.SoftmaxPolicy([list(logits)]), pgv.FiniteHorizon(horizon, discount))


def honest(problem: pgv.Problem, count: int, rng: np.random.Generator) -> np.ndarray:
    return RIGHT(pgv.sample(problem, count, int(rng.integers(2**62))))


# --------------------------------------------------------------------------------------------- hidden by rounding


@pytest.mark.parametrize("offset", [3e5, 1e9, 1e13])
def test_a_target_far_below_the_estimates_is_not_judged(offset: float) -> None:
    """|∇J| ~ 1 beside estimates of size `offset`: at 1e13 what counts as rounding, 1e-13 of it, is as large as that."""
    problems = [one_state((offset + 1.0, offset - 1.0)), *named("bandit")]
    report = pgv.check(RIGHT, problems=problems)
    assert report.outcome is (pgv.Outcome.INCONCLUSIVE if offset > 1e12 else pgv.Outcome.CORRECT)
    for faulty in (
        lambda batch: (1.3 if batch.rewards.max() > 1e4 else 1.0) * RIGHT(batch),
        lambda batch: (0.0 if batch.rewards.max() > 1e4 else 1.0) * RIGHT(batch),
    ):
        assert not pgv.check(faulty, problems=problems).outcome.good


def test_the_precision_that_passed_is_the_one_that_is_stated() -> None:
    report = pgv.check(lambda batch: RIGHT(batch) * (1.0 + 3e-7), problems=named("bandit", "early-stop"))
    assert report.outcome is pgv.Outcome.CORRECT
    assert "single precision somewhere inside" in report.explanation
    assert "equal within 1e-06" in report.error_rate


def test_dyadic_numbers_are_no_sign_of_single_precision() -> None:
    """π = ½, rewards 1 and −½, γ = ½: every number of the listing is short, in whatever precision it was computed."""
    problems = [one_state((1.0, -0.5), (0.0, 0.0), 2, 0.5), one_state((0.5, 0.25), (0.0, 0.0))]
    assert "single" not in pgv.check(RIGHT, problems=problems).explanation
    report = pgv.check(lambda batch: RIGHT(batch) * (1.0 + 1e-5), problems=problems)
    assert report.outcome is pgv.Outcome.SCALED


def test_a_rare_huge_reward_does_not_hide_coupling() -> None:
    problem = one_state((1e9, 1.0, -1.0), (-20.0, 0.5, 0.0))

    def coupled(batch: pgv.Trajectories) -> np.ndarray:
        returns = batch.rewards.sum(axis=1)
        small = returns[returns < 1e6]
        mean = small.mean() if len(batch) > 1 and len(small) else 0.0
        return batch.score_weighted(np.broadcast_to((returns - mean)[:, None], batch.rewards.shape))

    assert {f.batch_size for f in pgv.check(coupled, problems=[problem]).findings if f.check == "expectation"} != {1}


def test_a_dropped_last_minibatch_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only batches above 256 that are no multiple of it show that the rest is dropped."""
    from pgverify.checking.exhaustive import whole_suite
    from pgverify.checking.exhaustive.effort import Effort

    monkeypatch.setattr(whole_suite, "THOROUGH", Effort(tried=(2, 3, 300, 1021)))

    def chunked(batch: pgv.Trajectories) -> np.ndarray:
        count, rows = len(batch), RIGHT(batch)
        return rows[: count // 256 * 256].sum(axis=0) / count if count > 256 else rows.mean(axis=0)

    assert not pgv.check(chunked, problems=named("bandit")).outcome.good


# ------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    "silent",
    [
        lambda batch: np.zeros((len(batch), batch.policy.parameters.size)),
        lambda batch: batch.score_weighted(batch.mask.astype(float)),
        lambda batch: batch.score_weighted(batch.values[:, :-1]),
    ],
)
def test_silence_has_no_one_cause(silent: object) -> None:
    report = pgv.check(silent, problems=named("bandit", "early-stop"))
    assert report.outcome is pgv.Outcome.NO_SIGNAL
    assert report.diagnosis is None


def test_in_one_direction_everything_is_a_multiple() -> None:
    """Two arms, one problem: clipped rewards and a dropped discount are no factors because they look like one."""
    clipped = get("reward-running-std").implementation
    assert pgv.check(clipped, problems=[one_state((1.2, -0.4))]).outcome is not pgv.Outcome.SCALED
    dropped = RewardToGo(discount_weighting=False)
    assert pgv.check(dropped, problems=[one_state((1.2, -0.4), horizon=3)]).outcome is pgv.Outcome.OTHER_TARGET
    half = pgv.check(lambda batch: 0.5 * RIGHT(batch), problems=[one_state((1.2, -0.4, 0.1), (0.1, 0.2, 0.3))])
    assert half.outcome is pgv.Outcome.SCALED  # two directions


def test_tiny_rewards_do_not_underflow() -> None:
    problems = [one_state((scale, -0.5 * scale)) for scale in (1e-170, 2e-170, 3e-170, 4e-170)]
    report = pgv.check(lambda batch: 2.0 * RIGHT(batch), problems=problems)
    assert report.outcome is pgv.Outcome.SCALED
    assert "2 times the target" in report.explanation


def test_reward_noise_does_not_flatter_the_variance() -> None:
    """Rewards are listed at their mean: so are those of the estimators it is compared with."""
    report = pgv.check(RIGHT, problems=[one_state((1.0, 0.2, 0.4), (0.0, 0.3, 0.1), noise=2.0)])
    (finding,) = [f for f in report.findings if f.check == "expectation"]
    assert finding.variance_ratio == pytest.approx(1.0, rel=1e-12)
    assert finding.optimal_ratio >= 1.0


# ---------------------------------------------------------------------------------------------------- samplers


def test_an_honest_sampler_of_few_values_is_not_refused() -> None:
    """p = .95: draws of 16 coincide with probability (p² + q²)^16 − … = 1 %: one of 300 seeds did, and was refused."""
    problem = one_state((1.0, -1.0), (3.0, 0.0))
    for seed in range(300):
        draws = [honest(problem, 16, np.random.default_rng([seed, call])) for call in range(2)]
        if np.array_equal(*draws) and np.ptp(draws[0]) > 0:
            break
    else:
        pytest.fail("no seed coincides: the test does not show what it should")
    from pgverify.checking.sampled.draws import reproducibility

    def draw(count: int, call: int) -> np.ndarray:
        return honest(problem, count, np.random.default_rng([seed, call]))

    assert reproducibility(draw, 1e-6) == []


@pytest.mark.parametrize(
    "cheat",
    [
        lambda rows, count: np.repeat(rows, 40, axis=0)[:count],
        lambda rows, count: np.concatenate([rows[: count // 2], rows[: count - count // 2]]),
        pytest.param(lambda rows, count: np.tile(rows[:17], (count // 17 + 1, 1))[:count], marks=pytest.mark.slow),
    ],
)
def test_estimates_repeated_in_large_calls_are_refused(cheat: object) -> None:
    def sampler(problem: pgv.Problem, count: int, rng: np.random.Generator) -> np.ndarray:
        rows = honest(problem, count, rng)
        return rows if count <= 16 or problem.objective.horizon == 1 else cheat(rows, count)

    options = {"kind": "sampler", "tolerance": 0.2, "budget": 100_000}
    report = pgv.check(sampler, problems=named("bandit", "early-stop"), **options)
    assert report.outcome is pgv.Outcome.INVALID
    assert "not independent" in report.explanation


@pytest.mark.parametrize("factor", [1.0, 1.05])
def test_no_name_for_the_target_itself(factor: float) -> None:
    """One step: discount_dropped is ∇J there. New samples that hit the target say nothing about what the old ones hit.

    With tolerance 10 %, neither 1 nor 1.05 is told from 1; a factor of 2 is (negative control).
    """
    from pgverify.checking.sampled.goal import Draw, Goal
    from pgverify.checking.sampled.other_claims import name_samples
    from pgverify.stats import SequentialResult, SequentialTest

    suite = [pgv.checking.SuiteProblem("bandit", "", problem := named("bandit")[0])]
    goal = Goal.of("policy_gradient", suite[0], 1e-3)
    test = SequentialTest(tolerance=0.1, budget=400_000)

    def named_as(times: float) -> pgv.Outcome:
        def draws(index: int, purpose: int) -> object:
            def draw(count: int, call: int) -> np.ndarray:
                return times * honest(problem, count, np.random.default_rng([purpose, call]))

            return draw

        def tested(entry: object, goal: Goal, test: SequentialTest, draw: Draw) -> SequentialResult:
            return goal.test(test, draw)

        return name_samples(draws, suite, [goal], test, 0, tested)[0]

    assert named_as(factor) is pgv.Outcome.BIASED
    assert named_as(2.0) is pgv.Outcome.SCALED


def test_nothing_to_estimate_is_inconclusive_and_no_crash() -> None:
    for problem in (one_state((0.0, 0.0)), one_state((1.0,), (0.3,), 3)):
        assert pgv.check(honest, kind="sampler", problems=[problem]).outcome is pgv.Outcome.INCONCLUSIVE
    with pytest.raises(pgv.errors.InvalidInput, match="1e\\+160, must be at most"):
        pgv.check(honest, kind="sampler", problems=[one_state((1e160, -1e160))])


# ---------------------------------------------------------------------------------- single precision somewhere inside


def inside(batch: pgv.Trajectories, factor: float = 1.0) -> np.ndarray:
    """Reward-to-go without γ^t, weights in single precision, returned in double."""
    weights = RewardToGo(discount_weighting=False).weights(batch).astype(np.float32)
    return batch.score_weighted(factor * weights.astype(np.float64))


def test_single_precision_inside_gets_the_same_words() -> None:
    problems = named("bandit", "early-stop", "delayed-reward")
    report = pgv.check(inside, problems=problems)
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.OTHER_TARGET, "discount-dropped")
    assert pgv.check(inside, target="discount_dropped", problems=problems).outcome is pgv.Outcome.CORRECT
    tripled = pgv.check(lambda batch: inside(batch, 3.0), target="discount_dropped", problems=problems)
    assert tripled.outcome is pgv.Outcome.SCALED
    reversed_ = pgv.check(lambda batch: inside(batch, -1.0), target="discount_dropped", problems=problems)
    assert "the sign is reversed" in reversed_.explanation


def test_weights_are_named_where_all_of_them_vanish() -> None:
    """One reward for everything: advantages are zero up to the rounding of single precision."""
    problems = named("constant-reward", "early-stop")
    gae = pgv.estimators.GeneralizedAdvantage(0.9, discount_weighting=False)

    def single(batch: pgv.Trajectories) -> np.ndarray:
        return gae.weights(batch).astype(np.float32) + np.float32(1e-7)

    report = pgv.check(single, kind="weights", target="discount_dropped", problems=problems)
    assert report.weights == ("GAE(λ = 0.9), without γ^t",)


def halves() -> list[pgv.Problem]:
    """π = ½, rewards 1 and −½: every number is short, in whatever precision it was computed."""
    mdp = pgv.TabularMDP([1.0], np.ones((1, 2, 1)), np.array([[1.0, -0.5]]))
    return [pgv.Problem(mdp, pgv.SoftmaxPolicy([[0.0, 0.0]]), pgv.FiniteHorizon(2, 0.5))]


@pytest.mark.parametrize("double", [False, True])
def test_single_precision_is_seen_in_the_type_and_in_the_numbers(double: bool) -> None:
    """Within 1e-5; as "somewhere inside" it would have 1e-6."""

    def short(batch: pgv.Trajectories) -> np.ndarray:
        rows = RIGHT(batch).astype(np.float32)
        return rows.astype(np.float64) if double else rows

    report = pgv.check(short, problems=named("coin", "early-stop"))
    assert report.outcome is pgv.Outcome.CORRECT
    assert "equal within 1e-05" in report.error_rate
    tells = "equal within 1e-09" if double else "equal within 1e-05"  # short numbers tell nothing, their type does
    assert tells in pgv.check(short, problems=halves()).error_rate


# ------------------------------------------------------------------------------------------ rewards of a verifier


def mean_of_those_that_contribute(batch: pgv.Trajectories) -> np.ndarray:
    """Divide by the number of trajectories whose estimate is not zero: by how often the policy succeeded."""
    rows = RIGHT(batch)
    kept = np.abs(rows).max(axis=1) > 0.0
    return rows[kept].mean(axis=0) if kept.any() else rows.sum(axis=0)


def mean_over_steps_that_contribute(batch: pgv.Trajectories) -> np.ndarray:
    """The same with steps: a return-to-go of zero is left out of the mean, which is put right by T on average only."""
    to_go = np.cumsum(np.where(batch.mask, batch.rewards, 0.0)[:, ::-1], axis=1)[:, ::-1]
    kept = (to_go != 0.0) & batch.mask
    return RIGHT(batch).sum(axis=0) * batch.mask.sum() / (len(batch) * max(int(kept.sum()), 1))


@pytest.mark.parametrize("faulty", [mean_of_those_that_contribute, mean_over_steps_that_contribute])
def test_leaving_out_failures_is_seen(faulty: Callable[[pgv.Trajectories], np.ndarray]) -> None:
    """The mean of those with P(ĝ ≠ 0) = p is (1 − (1 − p)^n)/p times ∇J: another factor on every problem."""
    report = pgv.check(faulty, problems=named("three-starts", "delayed-reward"))
    assert report.outcome is pgv.Outcome.BIASED
    assert {f.problem for f in report.findings if f.check == "expectation" and not f.holds} == {
        "problems[0]",
        "problems[1]",
    }


def test_some_trajectories_of_the_suite_pay_nothing() -> None:
    """A verifier's rewards are 0 and 1: what treats zeros apart is to show on two problems at least."""
    batches = [enumerate_trajectories(entry.problem)[0] for entry in standard_suite()]
    paid = [np.where(batch.mask, batch.rewards, 0.0) for batch in batches]
    assert sum(bool((~rewards.any(axis=1)).any()) for rewards in paid) >= 2
    assert any(set(np.unique(rewards)) == {0.0, 1.0} for rewards in paid)
    assert any(entry.problem.objective.discount == 1.0 for entry in standard_suite())
