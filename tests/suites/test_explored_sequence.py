"""The explored sequence: the same on every machine, small, and extreme in every way at least three times."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest

import pgverify as pgv
from pgverify.exact import enumerate_trajectories
from pgverify.suites.exploration import RECIPES, explored_problems
from pgverify.suites.explored_problem import ExploredProblem

SEQUENCE = explored_problems(24)
Law = tuple[pgv.Trajectories, np.ndarray]


def law(explored: ExploredProblem) -> Law:
    return enumerate_trajectories(explored.problem, 100, max_steps=explored.max_steps)


LAWS = [law(explored) for explored in SEQUENCE]

EXTREMES: dict[str, Callable[[pgv.Trajectories], bool]] = {
    "16 steps": lambda batch: bool(batch.lengths.max() == 16),
    "16 states": lambda batch: len(np.unique(batch.states[:, :-1][batch.mask])) == 16,
    "8 actions": lambda batch: batch.actions.max() == 7,
    "8 start states": lambda batch: len(np.unique(batch.states[:, 0])) == 8,
    "γ = 0": lambda batch: batch.discount == 0.0,
    "γ below ½, not 0": lambda batch: 0.0 < batch.discount < 0.5,
    "γ = 1": lambda batch: batch.discount == 1.0 and batch.num_steps > 1,
    "no step": lambda batch: bool((batch.lengths == 0).any()),
    "cut": lambda batch: bool(batch.truncated.any()),
    "zeros": lambda batch: bool(0.2 < (batch.rewards[batch.mask] == 0.0).mean() < 0.8),
    "ties": lambda batch: len(np.unique(np.abs(batch.rewards[batch.mask]))) <= 2,
    "large": lambda batch: bool(np.abs(batch.rewards).max() >= 1e6),
    "tiny": lambda batch: bool(0.0 < np.abs(batch.rewards).max() < 1e-5),
    "pairs can be listed": lambda batch: len(batch) <= 17,
}


@pytest.mark.parametrize("extreme", EXTREMES)
def test_every_extreme_comes_three_times(extreme: str) -> None:
    shown = [EXTREMES[extreme](batch) for batch, _ in LAWS]
    assert sum(shown) >= 3
    assert not all(shown)  # negative control: the ordinary has its place too


def test_what_is_far_away_can_be_seen() -> None:
    """The last of 16 steps, the last action and every start state have a probability that no rounding hides."""
    for explored, recipe, (batch, probability) in zip(SEQUENCE, RECIPES, LAWS, strict=True):
        assert probability.sum() == pytest.approx(1.0, abs=1e-12)
        if batch.num_steps == 16:
            assert probability[batch.lengths == 16].sum() > 0.03
        assert explored.problem.mdp.start[explored.problem.mdp.start > 0].min() >= 0.1
        running = ~explored.problem.mdp.terminal
        # Logits lie in [−1, 4.5], the largest of them alone beside at most seven others; but for the rare ones.
        ordinary = np.sort(explored.problem.policy.probabilities()[running], axis=1)[:, recipe.rare :]
        assert ordinary.min() > np.exp(-1.0) / (np.exp(4.5) + 7.0 * np.e)


def test_what_is_rare_matters_more_than_rounding_and_less_than_a_stabilised_logarithm_shows() -> None:
    """They carry more of ∇J than single precision may lose, 1e-5; ε = 1e-8 in log(π + ε) takes less than 1e-6."""
    (index,) = (index for index, recipe in enumerate(RECIPES) if recipe.rare)
    problem, (batch, probability) = SEQUENCE[index].problem, LAWS[index]
    running = ~problem.mdp.terminal
    estimates = np.abs(batch.score_weighted(pgv.estimators.RewardToGo().weights(batch)))
    size = probability @ estimates.max(axis=1)
    chances = problem.policy.probabilities()
    share = np.abs(pgv.exact.gradient(problem).reshape(chances.shape)) / size
    first = np.flatnonzero(problem.mdp.start)[0]
    for most, least in ((1e-5, 1e-6), (1e-6, 2.0**-23)):
        rare = (least < chances[first]) & (chances[first] < most)
        assert share[first][rare].max() > 2e-5
        assert (share[first][rare] * 1e-8 / chances[first][rare]).max() < 1e-6
    assert chances[running].min() > 2.0**-23


def test_every_action_matters() -> None:
    for explored, recipe in zip(SEQUENCE, RECIPES, strict=True):
        mdp = explored.problem.mdp
        if recipe.rewards == "plain":
            paid = (np.asarray(mdp.reward) * np.asarray(mdp.transition)).sum(axis=2)[~mdp.terminal] / recipe.scale
            gaps = np.abs(paid[:, :, None] - paid[:, None, :]) + np.eye(mdp.num_actions)
            assert gaps.min() > 0.05


def test_a_problem_can_be_built_again_from_its_code() -> None:
    for explored in SEQUENCE:
        again = eval(explored.as_code().split(", cut by")[0], {"pgv": pgv})
        tables = [(p.mdp.start, p.mdp.transition, p.mdp.reward, p.policy.parameters) for p in (again, explored.problem)]
        for built, original in zip(*tables, strict=True):
            np.testing.assert_allclose(built, original, rtol=1e-9, atol=1e-13)
        assert again.objective == explored.problem.objective


def test_the_sequence_is_the_same_on_every_machine() -> None:
    """Raw numbers of PCG64, rounded to one decimal: nothing that a release or a processor may change."""
    code = "\n".join(explored.as_code() for explored in explored_problems(48))
    assert hashlib.sha256(code.encode()).hexdigest() == DIGEST


def test_the_sequence_goes_on_and_a_longer_one_begins_alike() -> None:
    assert explored_problems(0) == ()
    assert explored_problems(30)[:24] == SEQUENCE
    assert explored_problems(25)[24].as_code() != SEQUENCE[0].as_code()


DIGEST = "73f03ec11fab536f2cf6301bd6e91ca9d9330535e8e61005aebf4e818af402bf"
