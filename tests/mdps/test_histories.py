"""Histories against trajectories of the hidden states, written out one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from random_problems import random_problem

import pgverify as pgv
from pgverify.validation import Array


def by_hand(
    mdp: pgv.TabularMDP, seen: Array, horizon: int, discount: float, pi: dict[Any, Array]
) -> tuple[float, dict[Any, Array]]:
    """Return J, and ∂J by the logits of every history, Σ_τ P(τ) R(τ) ∇log P(τ), over hidden trajectories."""
    transition, paid = mdp.successors.dense, mdp.successors.spread(mdp.paid)
    slope = {label: np.zeros(mdp.num_actions) for label in pi}
    total = 0.0

    def walk(state: int, label: tuple[int, ...], t: int, chance: float, earned: float, taken: list[Any]) -> None:
        nonlocal total
        if chance == 0.0:
            return
        if t == horizon or mdp.terminal[state]:
            total += chance * earned
            for before, action in taken:
                slope[before] -= chance * earned * pi[before]
                slope[before][action] += chance * earned
            return
        for action in range(mdp.num_actions):
            for following in range(mdp.num_states):
                going = chance * pi[label][action] * transition[state, action, following]
                more = earned + discount**t * paid[state, action, following]
                after = (*label, action, int(seen[following]))
                walk(following, after, t + 1, going, more, [*taken, (label, action)])

    for state in range(mdp.num_states):
        walk(state, (int(seen[state]),), 0, float(mdp.start[state]), 0.0, [])
    return total, slope


def compare(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mdp = random_problem(rng, "finite", max_states=4, max_actions=3).mdp
    seen = rng.integers(0, 3, size=mdp.num_states)
    horizon, discount = int(rng.integers(1, 4)), float(rng.choice([0.0, 0.8, 1.0]))
    partly = pgv.mdps.history(mdp, seen, horizon)
    labels = pgv.mdps.histories(mdp, seen, horizon)
    assert len(labels) == len(set(labels)) == partly.num_states - 1
    policy = pgv.SoftmaxPolicy(rng.normal(size=(partly.num_states, mdp.num_actions)))
    problem = pgv.Problem(partly, policy, pgv.FiniteHorizon(horizon, discount))
    value, slope = by_hand(mdp, seen, horizon, discount, dict(zip(labels, policy.probabilities(), strict=False)))
    scale = float(np.abs(mdp.paid).max())
    assert pgv.exact.expected_return(problem) == pytest.approx(value, rel=1e-10, abs=1e-11 * scale)
    found = pgv.exact.gradient(problem).reshape(partly.num_states, -1)
    expected = np.array([*(slope[label] for label in labels), np.zeros(mdp.num_actions)])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11 * scale)


@pytest.mark.parametrize("seed", range(10))
def test_return_and_gradient_are_those_of_the_hidden_process(seed: int) -> None:
    compare(seed)


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked_shapes")
def test_200_processes() -> None:
    for seed in range(10, 210):
        compare(seed)


def test_beliefs_are_filtered() -> None:
    """Two states that look alike, P(s_0 = 0) = ¾: staying shows which it was, by what follows.

    From state 0 action 0 leads to the light (observation 1) with ½, from state 1 never: P(light | dark, 0) = ¾ · ½, and
    in the dark again the belief in state 0 is (¾ · ½) / (1 − ¾ · ½) = 3/5, so that P(light) = 3/10 then.
    """
    transition = np.zeros((3, 1, 3))
    transition[0, 0] = [0.5, 0.0, 0.5]
    transition[1, 0, 1] = transition[2, 0, 2] = 1.0
    mdp = pgv.TabularMDP([0.75, 0.25, 0.0], transition, np.zeros((3, 1)))
    partly = pgv.mdps.history(mdp, [0, 0, 1], 3)
    labels = pgv.mdps.histories(mdp, [0, 0, 1], 3)
    table = partly.transition.toarray()
    assert table[labels.index((0,)), labels.index((0, 0, 1))] == pytest.approx(3 / 8)
    assert table[labels.index((0, 0, 0)), labels.index((0, 0, 0, 0, 1))] == pytest.approx(3 / 10)


def test_what_is_over_at_the_start_starts_at_the_end() -> None:
    mdp = pgv.TabularMDP([0.25, 0.75], [[[0.0, 1.0]], [[0.0, 1.0]]], [[2.0], [0.0]], [False, True])
    partly = pgv.mdps.history(mdp, [5, 5], 2)
    assert partly.start.tolist() == [0.25, 0.75]
    assert pgv.mdps.histories(mdp, [5, 5], 2) == [(5,)]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"observation": [0, 0, 1]}, r"observation has shape \(3,\), must be \[S\], one a state = \(2,\)"),
        ({"observation": [0.5, 0.0]}, "observation holds fractions, must hold integers"),
        ({"observation": ["a", "b"]}, "observation holds strings, must hold integers"),
        ({"horizon": 0}, "horizon is 0, must be an integer of at least 1 step"),
        ({"horizon": 40}, "horizon is 40, and histories of at most 4 observations are more than 50"),
        ({"mdp": 3}, "mdp is .*must be a TabularMDP"),
    ],
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_nonsense_is_refused(changed: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """2 histories of one observation, 8 of two, 32 of three, 128 of four."""
    monkeypatch.setattr("pgverify.mdps.observed_histories.MOST_HISTORIES", 50)
    mdp = pgv.TabularMDP([0.5, 0.5], np.full((2, 2, 2), 0.5), np.zeros((2, 2)))
    arguments: dict[str, Any] = {"mdp": mdp, "observation": [0, 1], "horizon": 2, **changed}
    with pytest.raises(pgv.errors.InvalidInput, match=message):
        pgv.mdps.history(**arguments)
