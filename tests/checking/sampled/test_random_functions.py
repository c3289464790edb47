"""A function that is random itself is judged on the problems that its budget settles; the others are named."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.noise_controls import controls
from pgverify.checking.sampled.rare_trajectories import hidden_in_rare
from pgverify.estimators import RewardToGo

RIGHT = RewardToGo()
pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Function = Callable[[pgv.Trajectories], np.ndarray]


def noisy(factor: float) -> Function:
    rng = np.random.default_rng(0)
    return lambda batch: RIGHT(batch) * (factor + 1e-4 * rng.normal())


def minibatches() -> Function:
    rng = np.random.default_rng(0)
    return lambda batch: RIGHT(batch)[rng.integers(len(batch), size=max(1, len(batch) // 2))].mean(axis=0)


def dropped(factor: float = 1.0) -> Function:
    rng, plain = np.random.default_rng(0), RewardToGo(discount_weighting=False)
    return lambda batch: plain(batch) * (factor + 1e-4 * rng.normal())


def test_tiny_noise_is_consistent_and_settled_everywhere() -> None:
    """Of rare trajectories too few or too many may be drawn: of the first eight seeds of batches six settle it."""
    report = pgv.check(noisy(1.0), problems=named("coin", "bandit", "near-deterministic"), seed=1)
    assert report.outcome is pgv.Outcome.CONSISTENT, str(report)
    assert "any relative bias above" in report.explanation
    assert "open" not in report.explanation
    resting = [warning for warning in report.warnings if "assumption that no event matters" in warning]
    assert [warning.split(":")[0] for warning in resting] == ["problems[2]"]  # the others have no rare trajectory


def test_tiny_noise_is_consistent_where_rare_trajectories_leave_a_problem_open() -> None:
    """Seed 0 is one of the other two: what stays open is named, and the verdict is about the rest."""
    report = pgv.check(noisy(1.0), problems=named("coin", "bandit", "near-deterministic"), seed=0)
    assert report.outcome is pgv.Outcome.CONSISTENT, str(report)
    assert "on 2 problems any relative bias above" in report.explanation
    assert "problems[2] is open: the budget did not suffice there" in report.explanation


@pytest.mark.slow
def test_what_the_budget_leaves_open_is_named() -> None:
    report = pgv.check(minibatches(), problems=named("coin", "bandit", "near-deterministic"))
    assert report.outcome is pgv.Outcome.CONSISTENT, str(report)
    assert "problems[2] is open: the budget did not suffice there" in report.explanation


QUICK, WHOLE_SUITE = named("bandit"), pytest.param(None, marks=pytest.mark.slow)


@pytest.mark.parametrize("problems", [QUICK, WHOLE_SUITE])
def test_a_multiple_has_the_words_of_deterministic_ones(problems: list[pgv.Problem] | None) -> None:
    twice = pgv.check(noisy(2.0), problems=problems)
    assert twice.outcome is pgv.Outcome.SCALED, str(twice)
    assert "2 times the target on every problem" in twice.explanation


@pytest.mark.parametrize("problems", [named("early-stop"), WHOLE_SUITE])
def test_another_target_has_the_words_of_deterministic_ones(problems: list[pgv.Problem] | None) -> None:
    """On early-stop it is .17 off, more than two sharp tolerances and less than two of the usual ones."""
    other = pgv.check(dropped(), problems=problems)
    assert other.outcome is pgv.Outcome.OTHER_TARGET, str(other)
    assert "discount_dropped on every problem" in other.explanation


@pytest.mark.slow
def test_what_misses_the_other_target_too_has_no_name() -> None:
    assert pgv.check(dropped(1.05), problems=named("early-stop")).outcome is pgv.Outcome.BIASED


def resampled() -> Function:
    """Trajectories of its own: nothing of the batch but its problem and its size is used."""
    rng = np.random.default_rng(0)
    return lambda batch: RIGHT(pgv.sample(batch.problem, len(batch), int(rng.integers(2**62)))).mean(axis=0)


def some_steps(batch_weights: float = 1.0) -> Function:
    """Half of the steps, each counted twice."""
    rng = np.random.default_rng(0)

    def function(batch: pgv.Trajectories) -> np.ndarray:
        kept = (rng.random(batch.actions.shape) < 0.5) / 0.5
        return batch.score_weighted(batch_weights * kept * RIGHT.weights(batch))

    return function


NOISY_STYLES = {"minibatches": minibatches, "trajectories of its own": resampled, "some of the steps": some_steps}


@pytest.mark.slow
@pytest.mark.parametrize("name", NOISY_STYLES)
def test_large_noise_is_settled_on_most_problems_with_few_estimates(name: str) -> None:
    calls, function = [0], NOISY_STYLES[name]()

    def counting(batch: pgv.Trajectories) -> np.ndarray:
        calls[0] += 1
        return function(batch)

    report = pgv.check(counting)
    assert report.outcome is pgv.Outcome.CONSISTENT, str(report)
    assert "near-deterministic is open" in report.explanation
    assert calls[0] < 25_000  # a budget for each of the problems would be 52,000


@pytest.mark.slow
def test_large_noise_does_not_hide_a_large_bias() -> None:
    assert pgv.check(some_steps(1.5)).outcome is pgv.Outcome.SCALED


def rare_arm() -> pgv.Problem:
    """An arm of probability 6e-6 that is paid 1: in one of 2,600 batches, and holds half of the gradient."""
    table = np.zeros((2, 2, 2))
    table[:, :, 1] = 1.0
    reward = np.zeros((2, 2, 2))
    reward[0, 1, 1] = 1.0
    mdp = pgv.TabularMDP(np.array([1.0, 0.0]), table, reward, np.array([False, True]))
    return pgv.Problem(mdp, pgv.SoftmaxPolicy(np.array([[12.0, 0.0], [0.0, 0.0]])), pgv.FiniteHorizon(1, 1.0))


@pytest.mark.slow
@pytest.mark.parametrize("there", [1.0, 0.0, -1.0])
def test_what_lives_in_events_never_sampled_is_not_hidden_by_a_control(there: float) -> None:
    rng, problem = np.random.default_rng(0), rare_arm()
    tiny = 1e-4 * float(np.abs(pgv.exact.gradient(problem)).max())

    def function(batch: pgv.Trajectories) -> np.ndarray:
        paid = (batch.actions[:, :1] == 1).any(axis=1, keepdims=True)
        rows = RIGHT(batch) * np.where(paid, there, 1.0)
        return rows + tiny * rng.normal(size=rows.shape)

    report = pgv.check(function, problems=problem)
    if there == 1.0:
        assert report.outcome is not pgv.Outcome.BIASED, str(report)
    else:
        assert report.outcome is pgv.Outcome.INCONCLUSIVE, str(report)


def test_rare_trajectories_are_called_by_hand() -> None:
    """The control carries P(τ) ψ R = 6e-6 of one arm; a function that is silent there misses all of it."""
    problem = rare_arm()
    control = controls(problem)[1]
    rarest = float(np.sort(every_trajectory(problem)[1])[0])

    def missing(function: Function) -> float:
        return hidden_in_rare(lambda batch: function(batch).mean(axis=0), control, problem, 1e-4, 64, np.inf)

    assert missing(RIGHT) == pytest.approx(0.0, abs=1e-18)
    assert missing(lambda batch: 0.0 * RIGHT(batch)) == pytest.approx(rarest * (1.0 - rarest), rel=1e-9)


@pytest.mark.slow
def test_a_bias_of_two_per_cent_shows_beside_it() -> None:
    assert pgv.check(noisy(1.02), problems=named("bandit")).outcome is pgv.Outcome.BIASED


def test_minibatches_with_replacement_are_consistent() -> None:
    assert pgv.check(minibatches(), problems=named("bandit")).outcome is pgv.Outcome.CONSISTENT


def test_one_problem_that_is_open_is_no_ground_for_a_word() -> None:
    report = pgv.check(minibatches(), problems=named("near-deterministic"))
    assert report.outcome is pgv.Outcome.INCONCLUSIVE, str(report)


def test_controls_have_the_mean_that_they_are_given() -> None:
    """E c by listing: Σ P(τ) c(τ)."""
    for problem in named("early-stop", "delayed-reward"):
        batch, probability = every_trajectory(problem)
        for control in controls(problem):
            np.testing.assert_allclose(probability @ control.corrections(batch, 1), 0.0, atol=1e-12)
