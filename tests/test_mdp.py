"""TabularMDP: accepted whole and frozen, or refused in one sentence that names the index."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from pgverify import TabularMDP
from pgverify.errors import InvalidInput, InvalidMDP


def tables(**changes: Any) -> dict[str, Any]:
    """Return a valid two-state, one-action MDP in which state 1 is terminal, with some tables changed."""
    valid = {
        "start": [0.25, 0.75],
        "transition": [[[0.5, 0.5]], [[0.0, 1.0]]],
        "reward": [[[1.0, 2.0]], [[0.0, 0.0]]],
        "terminal": [False, True],
    }
    return {**valid, **changes}


def test_accepts_lists_and_keeps_float_tables() -> None:
    mdp = TabularMDP(**tables())
    assert (mdp.num_states, mdp.num_actions) == (2, 1)
    assert mdp.start.dtype == mdp.transition.dtype == mdp.reward.dtype == np.float64
    assert mdp.terminal.tolist() == [False, True]
    assert repr(mdp) == "TabularMDP(states=2, actions=1, terminal=1, noisy=False)"


def test_terminal_and_noise_default_to_none() -> None:
    mdp = TabularMDP([1.0], np.ones((1, 2, 1)), np.zeros((1, 2)))
    assert not mdp.terminal.any()
    assert not mdp.reward_noise.any()
    assert mdp.reward_noise.shape == (1, 2, 1)


def test_reward_by_state_and_action_holds_for_every_successor() -> None:
    transition = np.full((2, 3, 2), 0.5)
    mdp = TabularMDP([0.5, 0.5], transition, np.arange(6.0).reshape(2, 3))
    assert np.array_equal(mdp.reward, np.arange(6.0).reshape(2, 3, 1).repeat(2, axis=2))


@pytest.mark.parametrize("noise", [2.0, [[2.0], [2.0]], [[[2.0, 2.0]], [[2.0, 2.0]]]])
def test_reward_noise_is_spread_but_not_into_terminal_states(noise: Any) -> None:
    mdp = TabularMDP(**tables(reward_noise=noise))
    assert mdp.reward_noise.tolist() == [[[2.0, 2.0]], [[0.0, 0.0]]]
    assert "noisy=True" in repr(mdp)


def test_tables_are_read_only_copies() -> None:
    given = {name: np.array(value) for name, value in tables(reward_noise=[[[1.0, 1.0]], [[0.0, 0.0]]]).items()}
    mdp = TabularMDP(**given)
    for name, array in given.items():
        kept = getattr(mdp, name)
        assert not np.shares_memory(kept, array)
        with pytest.raises(ValueError, match="read-only"):
            kept[0] = 0
        array[0] = 0  # the caller's own array stays writable
    with pytest.raises(FrozenInstanceError):
        mdp.start = np.array([1.0, 0.0])  # type: ignore[misc]


def test_rows_may_be_off_by_rounding_only() -> None:
    TabularMDP(**tables(start=[0.25, 0.75 + 5e-13]))
    with pytest.raises(InvalidMDP, match=r"start sums to 1.00000000001, must sum to 1 within 1e-12"):
        TabularMDP(**tables(start=[0.25, 0.75 + 1e-11]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": [1.0]}, r"start has shape \(1,\), must be \[S\] = \(2,\)"),
        ({"start": [1.25, -0.25]}, r"start\[1\] is -0.25, a probability must lie in \[0, 1\]"),
        ({"start": [0.5, 0.4]}, r"start sums to 0.9, must sum to 1"),
        ({"start": [np.nan, 1.0]}, r"start\[0\] is nan, every entry must be finite"),
        ({"start": "abc"}, r"start must be an array of real numbers, found 'abc'"),
        ({"start": [0.5j, 0.5]}, r"start must be an array of real numbers"),
        ({"transition": [[0.5, 0.5]]}, r"transition has shape \(1, 2\), must be \[S, A, S\]"),
        ({"transition": np.zeros((2, 0, 2))}, r"transition has shape \(2, 0, 2\), must be .* at least 1"),
        ({"transition": np.ones((2, 1, 3)) / 3}, r"transition has shape \(2, 1, 3\), must be \[S, A, S\]"),
        ({"transition": [[[0.5, 0.6]], [[0.0, 1.0]]]}, r"transition\[0, 0\] sums to 1.1, must sum to 1"),
        ({"transition": [[[1.5, -0.5]], [[0.0, 1.0]]]}, r"transition\[0, 0, 1\] is -0.5, a probability"),
        (
            {"transition": [[[0.5, 0.5]], [[0.1, 0.9]]]},
            r"transition\[1, 0, 1\] is 0.9 in terminal state 1, must",
        ),
        ({"reward": [1.0, 0.0]}, r"reward has shape \(2,\), must be \[S, A, S\] = \(2, 1, 2\) or \[S, A\]"),
        (
            {"reward": [[[1.0, np.inf]], [[0.0, 0.0]]]},
            r"reward\[0, 0, 1\] is inf, every entry must be finite",
        ),
        ({"reward": [[1.0], [3.0]]}, r"reward\[1, 0, 1\] is 3 in terminal state 1, must be 0"),
        ({"reward": np.nan}, r"reward is nan, every entry must be finite"),
        ({"terminal": [0, 1]}, r"terminal has dtype int64, must hold booleans"),
        ({"terminal": [True]}, r"terminal has shape \(1,\), must be \[S\] = \(2,\)"),
        ({"reward_noise": -1.0}, r"reward_noise\[0, 0, 0\] is -1, a standard deviation must be at least 0"),
        ({"reward_noise": [1.0]}, r"reward_noise has shape \(1,\), must be"),
    ],
)
def test_refuses_what_is_no_mdp(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidMDP, match=message) as caught:
        TabularMDP(**tables(**changes))
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, InvalidInput)
    assert isinstance(caught.value, ValueError)
