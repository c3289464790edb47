"""The oracle on suites whose data are cut, of another policy, or never end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import pgverify as pgv
from pgverify import Outcome
from pgverify.baselines import StateValue
from pgverify.cli import app
from pgverify.collected_problem import CollectedProblem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

NAMES = ("truncated", "off-policy", "continuing", "language")


def bootstrapped(batch: Trajectories, after: float = 1.0) -> Array:
    """γ^t (r_t + γ r_{t+1} + … + γ^k V(s_k)), V where the episode is cut, per-decision ratios: by a plain loop."""
    rows, steps = batch.actions.shape
    weights, ratio = np.zeros((rows, steps)), batch.importance
    for i in range(rows):
        length = int(batch.lengths[i])
        to_go = after * batch.values[i, length] if batch.truncated[i] else 0.0
        for t in reversed(range(length)):
            to_go = ratio[i, t] * (batch.rewards[i, t] - batch.gain + batch.discount * to_go)
            weights[i, t] = batch.step_scale * batch.discount**t * np.prod(ratio[i, :t]) * to_go
    return batch.score_weighted(weights)


def never(batch: Trajectories) -> Array:
    """The same with nothing where the episode is cut."""
    return bootstrapped(batch, after=0.0)


def no_ratio(batch: Trajectories) -> Array:
    """Reward-to-go as if π_θ had acted."""
    paid = batch.rewards * batch.discount ** np.arange(batch.num_steps)
    return batch.score_weighted(np.cumsum(paid[:, ::-1], axis=1)[:, ::-1])


@pytest.mark.parametrize("name", NAMES)
def test_what_bootstraps_and_weights_is_correct_on_every_suite(name: str) -> None:
    assert pgv.check(bootstrapped, suite=name).outcome is Outcome.CORRECT


@pytest.mark.parametrize("name", ["truncated", "continuing"])
def test_a_missing_bootstrap_is_named(name: str) -> None:
    report = pgv.check(never, suite=name)
    assert (report.outcome, report.diagnosis) == (Outcome.BIASED, "truncation-as-termination")
    assert report.scope is not None
    assert "cut" in report.scope.ends


def test_a_missing_ratio_shows_off_policy_and_nowhere_else() -> None:
    few = [entry for entry in pgv.suites.get("off-policy") if entry.name in ("lent-bandit", "ends-sooner")]
    assert pgv.check(no_ratio, problems=few).outcome is Outcome.BIASED
    assert pgv.check(no_ratio, suite="language").outcome is Outcome.CORRECT


@pytest.mark.parametrize("name", NAMES)
def test_the_estimators_of_the_package(name: str) -> None:
    """GAE bootstraps at cuts and weights by ratios, so it is right everywhere, with the exact critic."""
    assert pgv.check(pgv.estimators.GeneralizedAdvantage(0.6), suite=name).outcome is Outcome.CORRECT


def test_a_named_fault_on_cut_data() -> None:
    """γ^t dropped, everything else right: named on data that are cut as on whole episodes."""

    def dropped(batch: Trajectories) -> Array:
        return pgv.estimators.GeneralizedAdvantage(1.0, discount_weighting=False)(batch)

    report = pgv.check(dropped, suite="truncated")
    assert report.outcome is Outcome.OTHER_TARGET, report
    assert "discount_dropped" in report.explanation


def test_designs_are_judged_on_every_suite() -> None:
    """Pairs whose own mean is the baseline: half of the target, exactly, on groups of two."""

    def own_mean(batch: Trajectories) -> Array:
        earned = batch.rewards.sum(axis=1).reshape(-1, 2)
        weights = (earned - earned.mean(axis=1, keepdims=True)).reshape(-1, 1)
        return batch.score_weighted(np.broadcast_to(weights, batch.actions.shape))

    report = pgv.check(own_mean, suite="language", design=pgv.Grouped(size=2, prompts=1))
    assert report.outcome is Outcome.SCALED, report
    assert "0.5" in report.explanation


def endless(objective: Any, states: int = 2, actions: int = 2) -> pgv.Problem:
    rng = np.random.default_rng(1)
    mdp = pgv.TabularMDP(
        np.full(states, 1 / states),
        rng.dirichlet(np.ones(states), (states, actions)),
        rng.normal(size=(states, actions)),
    )
    return pgv.Problem(mdp, pgv.SoftmaxPolicy(rng.normal(size=(states, actions))), objective)


@pytest.mark.parametrize("objective", [pgv.AverageReward(), pgv.Discounted(0.8)])
def test_check_takes_every_objective(objective: Any) -> None:
    """Without an end a problem is cut after three steps, or after as many as can be listed."""
    report = pgv.check(bootstrapped, problems=endless(objective))
    assert report.scope is not None
    assert (report.outcome, report.scope.steps) == (Outcome.CORRECT, 3)


def test_fewer_steps_where_three_are_too_many() -> None:
    """8 · (4 · 8)^2 = 8,192 trajectories of two steps are more than are listed; of one step there are 256."""
    report = pgv.check(bootstrapped, problems=endless(pgv.Discounted(0.8), 8, 4))
    assert report.scope is not None
    assert (report.outcome, report.scope.steps) == (Outcome.CORRECT, 1)


def test_what_cannot_be_listed_even_for_one_step_is_refused() -> None:
    with pytest.raises(pgv.errors.InvalidInput, match=r"problems\[0\] has no end and 5,184 trajectories of one step"):
        pgv.check(bootstrapped, problems=endless(pgv.Discounted(0.5), 36, 4))


def test_refusals() -> None:
    problem = endless(pgv.Discounted(0.5))
    with pytest.raises(pgv.errors.UnknownName, match="unknown suite 'truncatd': the nearest known are truncated"):
        pgv.check(never, suite="truncatd")
    with pytest.raises(pgv.errors.InvalidInput, match="suite is 'truncated' and problems are given"):
        pgv.check(never, suite="truncated", problems=problem)
    with pytest.raises(pgv.errors.InvalidInput, match="problem one-step-window holds data that are cut"):
        pgv.check(lambda *_: np.zeros((1, 4)), kind="sampler", suite="truncated")
    with pytest.raises(pgv.errors.InvalidSampling, match="max_steps is 0, must be an integer of at least 1 step"):
        CollectedProblem(problem.mdp, problem.policy, problem.objective, max_steps=0)
    with pytest.raises(pgv.errors.InvalidPolicy, match="acting is int, must be a policy"):
        CollectedProblem(problem.mdp, problem.policy, problem.objective, acting=3)  # type: ignore[arg-type]


def test_the_caller_says_where_data_are_cut_and_who_acts() -> None:
    """On the standard suite: cut after two steps; and a policy that is half of each problem's own, half uniform."""

    def softer(problem: pgv.Problem) -> pgv.Policy:
        mixed = 0.5 * problem.policy.probabilities() + 0.5 / problem.mdp.num_actions
        return pgv.SoftmaxPolicy(np.log(mixed))

    few = [entry for entry in pgv.suites.get("standard") if entry.name in ("early-stop", "bandit", "coin-door")]
    both = pgv.check(bootstrapped, problems=few, acting=softer, max_steps=2)
    assert (both.outcome, both.scope.ratios, both.scope.steps) == (Outcome.CORRECT, True, 2)  # type: ignore[union-attr]
    assert pgv.check(never, problems=few, max_steps=2).diagnosis == "truncation-as-termination"
    assert pgv.check(never, problems=few[:1], max_steps=1_000).outcome is Outcome.CORRECT
    assert pgv.check(no_ratio, problems=few, acting=softer).outcome is Outcome.BIASED
    alone = pgv.check(pgv.estimators.RewardToGo(), problems=few, acting=softer, isolate=True)
    assert alone.outcome is Outcome.CORRECT
    with pytest.raises(pgv.errors.InvalidPolicy, match=r"on problem bandit acting has probabilities of shape \(1, 1\)"):
        pgv.check(never, problems=few, acting=pgv.SoftmaxPolicy([[0.0]]))
    with pytest.raises(pgv.errors.InvalidPolicy, match="acting is int on problem"):
        pgv.check(never, problems=few, acting=lambda _: 3)  # type: ignore[arg-type, return-value]
    with pytest.raises(pgv.errors.InvalidInput, match="max_steps is 0, must be an integer of at least 1 step"):
        pgv.check(never, max_steps=0)


def test_support_mismatch_names_state_and_action() -> None:
    problem = endless(pgv.FiniteHorizon(2))

    class Stubborn:
        parameters = np.zeros(1)

        def with_parameters(self, _: Array) -> Any:
            return self

        def probabilities(self) -> Array:
            return np.array([[0.5, 0.5], [1.0, 0.0]])

        def score_vjp(self, weights: Array) -> Array:
            return np.zeros((*weights.shape[:-2], 1))

    off = CollectedProblem(problem.mdp, problem.policy, problem.objective, acting=Stubborn())
    with pytest.raises(pgv.errors.InvalidPolicy, match="probability 0 at state 1, action 1"):
        pgv.check(never, problems=off)


def test_a_random_function_is_not_judged_on_cut_data() -> None:
    rng = np.random.default_rng()
    report = pgv.check(lambda batch: bootstrapped(batch) + 1e-3 * rng.normal(), suite="truncated")
    assert report.outcome is Outcome.INCONCLUSIVE
    assert "none is judged on data that are cut" in report.explanation


def test_the_command_line(tmp_path: Path) -> None:
    """--suite, in a process of its own; 2 for a name that there is not."""
    file = tmp_path / "theirs.py"
    file.write_text("import pgverify as pgv\nf = pgv.estimators.RewardToGo()\n")
    result = CliRunner().invoke(app, ["check", f"{file}:f", "--suite", "truncated", "--no-isolate"])
    assert (result.exit_code, "truncation-as-termination" in result.output) == (1, True)


def test_in_a_process_of_its_own() -> None:
    assert pgv.check(pgv.estimators.RewardToGo(), suite="language", isolate=True).outcome is Outcome.CORRECT


def test_sampling_follows_the_problem() -> None:
    """What samples and lists follows the problem, and whoever says something else is heard."""
    problem = endless(pgv.FiniteHorizon(3))
    other = pgv.SoftmaxPolicy([[1.0, 0.0], [0.0, 1.0]])
    cut = CollectedProblem(problem.mdp, problem.policy, problem.objective, max_steps=2, acting=other)
    batch = pgv.sample(cut, 8, seed=1)
    assert (batch.num_steps, batch.acting) == (2, other)
    assert pgv.sample(cut, 8, max_steps=1, acting=problem.policy).rollout.on_policy
    listed, probability = pgv.exact.enumerate_trajectories(cut)
    found = pgv.exact.moments(pgv.estimators.RewardToGo(StateValue()), cut).mean
    rows = pgv.estimators.RewardToGo(StateValue())(listed)
    np.testing.assert_allclose(found, probability @ rows, rtol=1e-12, atol=1e-14)
    assert pgv.exact.expected_return(cut) == pgv.exact.expected_return(problem)


def ratios_of_the_first_three(batch: Trajectories) -> Array:
    """Per-decision ratios, of which those from step 3 on are taken to be one."""
    ratio = np.where(batch.mask, batch.importance, 1.0)
    ratio[:, 3:] = 1.0
    paid = np.cumprod(ratio, axis=1) * batch.rewards * batch.discount_powers
    return batch.score_weighted(np.cumsum(paid[:, ::-1], axis=1)[:, ::-1])


def ratios_above_a_fiftieth(batch: Trajectories) -> Array:
    """The ratio of a trajectory, raised to 1/50 where it is smaller."""
    ratio = np.where(batch.mask, batch.importance, 1.0).prod(axis=1, keepdims=True)
    paid = batch.rewards * batch.discount_powers
    return batch.score_weighted(np.maximum(ratio, 0.02) * np.cumsum(paid[:, ::-1], axis=1)[:, ::-1])


def last_actions_left_out(batch: Trajectories) -> Array:
    return bootstrapped(replace(batch, rewards=np.where(batch.actions >= 6, 0.0, batch.rewards)))


def no_credit_from_step_4(batch: Trajectories) -> Array:
    """Bootstrapped as it should be, for the first four steps."""
    weights = np.zeros(batch.rewards.shape)
    to_go = np.where(batch.truncated, batch.values[np.arange(len(batch)), batch.lengths], 0.0)
    for t in reversed(range(batch.num_steps)):
        to_go = np.where(batch.mask[:, t], batch.rewards[:, t] + batch.discount * to_go, to_go)
        weights[:, t] = batch.discount**t * to_go * (t < 4)
    return batch.score_weighted(weights)


@pytest.mark.parametrize(
    ("function", "suite"),
    [
        (ratios_of_the_first_three, "off-policy"),
        (ratios_above_a_fiftieth, "off-policy"),
        (last_actions_left_out, "off-policy"),
        (no_credit_from_step_4, "truncated"),
    ],
)
def test_faults_of_late_steps_rare_ratios_and_last_actions_are_seen(function: Any, suite: str) -> None:
    """Each is right in the first three steps, in six actions, at ratios from 1/3 to 6."""
    report = pgv.check(function, suite=suite)
    assert report.outcome is Outcome.BIASED, str(report)
    assert report.smallest_failure is not None
    assert report.smallest_failure.problem in ("many-arms", "long-lent", "long-window")
