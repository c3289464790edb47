"""An exact critic hides faults of a trace; wrong ones show them, and no documented advantage is accused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from slow_cases import slow_but

import pgverify as pgv
from pgverify.baselines import StateValue
from pgverify.estimators import GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Array = np.ndarray
Weights = Callable[[pgv.Trajectories], Array]
READS = "reads batch.values"


def powers(batch: pgv.Trajectories) -> Array:
    return batch.discount ** np.arange(batch.num_steps)


def errors(batch: pgv.Trajectories) -> Array:
    v = batch.values
    return np.where(batch.mask, batch.rewards + batch.discount * v[:, 1:] - v[:, :-1], 0.0)


def with_trace(decay: Callable[[float], float]) -> Weights:
    """A_t = δ_t + decay(γ) A_{t+1}, times γ^t."""

    def weights(batch: pgv.Trajectories) -> Array:
        delta, run = errors(batch), np.zeros(len(batch))
        for t in reversed(range(batch.num_steps)):
            run = delta[:, t] + decay(batch.discount) * run
            delta[:, t] = run
        return delta * powers(batch)

    return weights


def vtrace(batch: pgv.Trajectories) -> Array:
    """r + γ v_{t+1} − V, v_t = V_t + Σ_k (γλ)^k δ_{t+k}."""
    ahead = with_trace(lambda gamma: 0.8 * gamma)(batch) / powers(batch)
    ahead = np.pad(ahead[:, 1:], ((0, 0), (0, 1)))
    return (errors(batch) + batch.discount * ahead) * powers(batch)


def td_lambda(batch: pgv.Trajectories) -> Array:
    """G^λ_t = r_t + γ ((1 − λ) V_{t+1} + λ G^λ_{t+1}), without a baseline."""
    v, run, out = batch.values, np.zeros(len(batch)), np.zeros_like(batch.rewards)
    for t in reversed(range(batch.num_steps)):
        run = np.where(batch.mask[:, t], batch.rewards[:, t] + batch.discount * (0.1 * v[:, t + 1] + 0.9 * run), 0.0)
        out[:, t] = run
    return out * powers(batch)


def mixture(batch: pgv.Trajectories) -> Array:
    return 0.5 * GeneralizedAdvantage(0.9).weights(batch) + 0.5 * NStepAdvantage(2).weights(batch)


def half_of_v(batch: pgv.Trajectories) -> Array:
    return RewardToGo().weights(batch) - 0.5 * powers(batch) * batch.values[:, :-1]


def bounded_baseline(batch: pgv.Trajectories) -> Array:
    return RewardToGo().weights(batch) - powers(batch) * np.tanh(batch.values[:, :-1])


def single(weights: Weights) -> Weights:
    return lambda batch: weights(batch).astype(np.float32)


def single_inside(weights: Weights) -> Weights:
    return lambda batch: weights(batch).astype(np.float32).astype(float) * (1.0 + 1e-12)


INNOCENT: dict[str, tuple[Weights, str]] = {
    "GAE": (GeneralizedAdvantage(0.95).weights, "GAE(λ = 0.95)"),
    "GAE with λ²": (with_trace(lambda gamma: 0.95**2 * gamma), "GAE(λ = 0.9025)"),
    "GAE with a small λ": (with_trace(lambda gamma: 0.05 * gamma), "GAE(λ = 0.05)"),
    "GAE in single precision": (single(GeneralizedAdvantage(0.5).weights), "GAE(λ = 0.5"),
    "GAE in single precision inside": (single_inside(GeneralizedAdvantage(0.9).weights), "GAE(λ = 0."),
    "one step": (NStepAdvantage(1).weights, "GAE(λ = 0)"),
    "two steps": (NStepAdvantage(2).weights, "the 2-step advantage"),
    "to the end": (RewardToGo(StateValue()).weights, "baseline"),
    "total return": (TotalReturn(StateValue()).weights, "baseline"),
    "half of V": (half_of_v, "baseline"),
    "bounded baseline": (bounded_baseline, "baseline"),
    "V-trace": (vtrace, "V-trace(λ = 0.8)"),
    "TD(λ)": (td_lambda, "GAE(λ = 0.9)"),
    "mixture": (mixture, "mixture of n-step advantages"),
}


@pytest.mark.parametrize("name", slow_but(INNOCENT, ["half of V", "two steps", "V-trace"]))
def test_documented_advantages_are_correct_with_their_name(name: str) -> None:
    weights, named = INNOCENT[name]
    report = pgv.check(weights, kind="weights", explore=0)  # what they do at a cut is another matter
    assert report.outcome is pgv.Outcome.CORRECT, str(report)
    (said,) = (warning for warning in report.warnings if READS in warning)
    assert named in said


def test_of_other_targets_too() -> None:
    gae = GeneralizedAdvantage(0.7, discount_weighting=False)
    report = pgv.check(gae, target="discount_dropped")
    assert report.outcome is pgv.Outcome.CORRECT
    assert "with others it is GAE(λ = 0.7)" in report.warnings[0]


@pytest.mark.parametrize("decay", slow_but([0.95, 1.0, 0.7], [0.95]))
def test_a_trace_without_discount_is_biased(decay: float) -> None:
    for kind, made in (("weights", lambda w: w), ("gradient", lambda w: lambda batch: batch.score_weighted(w(batch)))):
        report = pgv.check(made(with_trace(lambda _: decay)), kind=kind)
        assert report.outcome is pgv.Outcome.BIASED, str(report)
        assert f"decays by {decay:g} a step whatever γ, not by γλ" in report.explanation
    short = pgv.check(single(with_trace(lambda _: decay)), kind="weights")
    assert short.outcome is pgv.Outcome.BIASED, str(short)


def a_term_twice(batch: pgv.Trajectories) -> Array:
    later = np.pad(errors(batch)[:, 1:], ((0, 0), (0, 1)))
    return GeneralizedAdvantage(0.9).weights(batch) + later * powers(batch)


@pytest.mark.parametrize(
    "weights",
    [
        with_trace(lambda gamma: -0.5 * gamma),
        with_trace(lambda gamma: 1.5 * gamma),
        with_trace(lambda gamma: 0.9 * gamma**2),
        a_term_twice,
    ],
)
def test_what_is_no_known_advantage_is_not_correct(weights: Weights) -> None:
    report = pgv.check(weights, kind="weights")
    assert report.outcome is pgv.Outcome.INCONCLUSIVE, str(report)
    assert "no known advantage estimator" in report.explanation


def test_a_missing_discount_that_nothing_tells_is_said_to_be_a_decay() -> None:
    """With one γ, λ without γ *is* GAE(λ/γ)."""
    problem = pgv.Problem(
        pgv.TabularMDP([0.5, 0.5], [[[0.2, 0.8], [0.7, 0.3]], [[0.5, 0.5], [0.9, 0.1]]], [[1.0, -0.5], [0.3, 0.8]]),
        pgv.SoftmaxPolicy([[0.3, -0.1], [0.2, 0.4]]),
        pgv.FiniteHorizon(3, 0.9),
    )
    report = pgv.check(with_trace(lambda _: 0.81), kind="weights", problems=problem)
    assert report.outcome is pgv.Outcome.CORRECT
    assert "GAE(λ = 0.9)" in report.warnings[0]


def test_one_step_is_no_place_for_a_trace() -> None:
    problem = pgv.Problem(
        pgv.TabularMDP([1.0], np.ones((1, 2, 1)), [[1.0, -0.5]]), pgv.SoftmaxPolicy([[0.3, -0.1]]), pgv.FiniteHorizon(1)
    )
    report = pgv.check(GeneralizedAdvantage(0.9), problems=problem)
    assert report.outcome is pgv.Outcome.CORRECT
    assert "on these problems others tell nothing" in report.warnings[0]


def test_who_reads_no_values_hears_nothing_of_them() -> None:
    assert not any(READS in warning for warning in pgv.check(RewardToGo()).warnings)


@pytest.mark.slow
def test_coupled_trajectories_get_the_words_alone() -> None:
    def centred(batch: pgv.Trajectories) -> Array:
        rows = GeneralizedAdvantage(0.9).weights(batch)
        returns = (powers(batch) * batch.rewards).sum(1)
        others = (returns.sum() - returns) / max(len(batch) - 1, 1)
        return rows - (others if len(batch) > 1 else 0.0 * returns)[:, None]

    report = pgv.check(centred, kind="weights")
    assert report.outcome is pgv.Outcome.CORRECT, str(report)
    assert any(READS in warning and "affect each other" in warning for warning in report.warnings)


def test_a_function_that_insists_on_the_exact_critic_is_left_in_peace() -> None:
    def insists(batch: pgv.Trajectories) -> Array:
        if batch.critic is not None:
            raise ValueError("no critic")
        return np.asarray(GeneralizedAdvantage(0.9)(batch))

    report = pgv.check(insists)
    assert report.outcome is pgv.Outcome.CORRECT, str(report)


@pytest.mark.parametrize("decay", [1.0, 0.8])
def test_rollouts_of_a_fixed_number_of_steps_are_no_fault(decay: float) -> None:
    """A trace that begins anew every three steps, with V bootstrapped there."""

    def windowed(batch: pgv.Trajectories) -> Array:
        delta, run = errors(batch), np.zeros(len(batch))
        for t in reversed(range(batch.num_steps)):
            run = delta[:, t] + (decay * batch.discount * run if (t + 1) % 3 else 0.0)
            delta[:, t] = run
        return delta * powers(batch)

    report = pgv.check(windowed, kind="weights")
    assert report.outcome is pgv.Outcome.CORRECT, str(report)
    assert "in windows of 3 steps" in report.warnings[0]
