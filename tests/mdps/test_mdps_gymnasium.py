"""Gymnasium's tables, imported, equal our own; odd tables are imported by the stated rule or refused."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from pgverify import mdps
from pgverify.errors import InvalidInput, InvalidMDP, UnknownName

TABLES = ("start", "transition", "reward", "terminal", "reward_noise")


@pytest.fixture
def gymnasium():
    return pytest.importorskip("gymnasium")


@pytest.fixture
def fake(gymnasium, monkeypatch):
    """Let `from_gymnasium("fake")` read the table given to the fixture's function."""

    def read(P, start=(1.0, 0.0), **attributes):
        env = SimpleNamespace(P=P, initial_state_distrib=np.array(start), **attributes)
        outer = SimpleNamespace(unwrapped=env, close=lambda: None)
        monkeypatch.setattr(gymnasium, "make", lambda *_, **__: outer)
        return mdps.from_gymnasium("fake")

    return read


def newest(gymnasium, name):
    versions = [spec.version for spec in gymnasium.registry.values() if spec.name == name and not spec.namespace]
    return f"{name}-v{max(versions)}"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("frozen-lake-4x4", "FrozenLake"),
        ("frozen-lake-8x8", "FrozenLake8x8"),
        ("cliff-walking", "CliffWalking"),
        ("taxi", "Taxi"),
    ],
)
def test_native_tables_equal_gymnasium(gymnasium, ours, theirs):
    native, imported = mdps.get(ours), mdps.from_gymnasium(newest(gymnasium, theirs))
    for table in TABLES:
        # Not bit by bit: Gymnasium has (1 - 1/3)/2 for the side moves on ice, one rounding off 1/3.
        np.testing.assert_allclose(getattr(imported, table), getattr(native, table), rtol=0, atol=2e-16)


def test_keyword_arguments_reach_the_environment(gymnasium):
    mdp = mdps.from_gymnasium("FrozenLake-v1", is_slippery=False)
    assert set(np.unique(mdp.transition)) == {0.0, 1.0}
    assert mdp.num_states == 16


def test_rewards_that_differ_on_one_transition_keep_mean_and_variance(gymnasium):
    # Slippery cliff, start 36, action right (1): up to 24, right over the cliff back to 36 for -100, down
    # stays in 36 for -1, each 1/3. Given 36 → 36 the reward is -100 or -1, equally likely: mean
    # -50.5, deviation 49.5.
    mdp = mdps.from_gymnasium(newest(gymnasium, "CliffWalking"), is_slippery=True)
    assert mdp.transition[36, 1, 36] == pytest.approx(2 / 3, rel=1e-15)
    assert mdp.reward[36, 1, 36] == pytest.approx(-50.5, rel=1e-15)
    assert mdp.reward_noise[36, 1, 36] == pytest.approx(49.5, rel=1e-15)
    assert mdp.reward_noise[36, 1, 24] == 0.0


def test_a_state_entered_only_by_termination_becomes_terminal(fake):
    # State 1's own rows lead back to 0, but it is only entered at the end.
    mdp = fake({0: {0: [(0.5, 0, 1.0, False), (0.5, 1, 2.0, True)]}, 1: {0: [(1.0, 0, 7.0, False)]}})
    assert mdp.terminal.tolist() == [False, True]
    np.testing.assert_array_equal(mdp.transition[:, 0], [[0.5, 0.5], [0, 1]])
    np.testing.assert_array_equal(mdp.reward[:, 0], [[1, 2], [0, 0]])


@pytest.mark.parametrize(
    ("P", "start"),
    [
        # entered both ways
        ({0: {0: [(0.5, 1, 1.0, False), (0.5, 1, 2.0, True)]}, 1: {0: [(1.0, 0, 3.0, False)]}}, (1.0, 0.0)),
        # entered only at the end, but also a start
        ({0: {0: [(0.5, 0, 1.0, False), (0.5, 1, 2.0, True)]}, 1: {0: [(1.0, 0, 3.0, False)]}}, (0.5, 0.5)),
    ],
)
def test_otherwise_one_absorbing_state_is_added(fake, P, start):
    mdp = fake(P, start)
    assert mdp.terminal.tolist() == [False, False, True]
    assert mdp.start.tolist() == [*start, 0.0]
    assert mdp.transition[0, 0, 2] == 0.5
    assert mdp.reward[0, 0, 2] == 2.0
    assert mdp.transition[1, 0].tolist() == [1.0, 0.0, 0.0]
    assert mdp.transition[2, 0, 2] == 1.0


def test_impossible_outcomes_do_not_count(fake):
    P = {0: {0: [(1.0, 1, 1.0, True), (0.0, 1, 9.0, False)]}, 1: {0: [(1.0, 1, 0.0, True)]}}
    mdp = fake(P)
    assert mdp.num_states == 2
    assert mdp.reward[0, 0, 1] == 1.0
    assert not mdp.reward_noise.any()


@pytest.mark.parametrize(
    ("P", "message"),
    [
        ([[[(1.0, 0)]]], "the table P of fake cannot be read"),
        (3, "the table P of fake cannot be read"),
        ({1: {0: [(1.0, 1, 0.0, False)]}}, "the table P of fake cannot be read"),
        ({0: {0: [(1.0, 0.5, 0.0, False)]}, 1: {0: []}}, "the table P of fake cannot be read"),
        ({0: {0: [(1.0, 0, 0.0, False)]}, 1: {0: [], 1: []}}, r"P\[1\] of fake has 2 actions, must have 1"),
        ({0: {0: [(1.0, 5, 0.0, False)]}, 1: {0: []}}, r"P\[0\]\[0\] of fake leads to 5, must lie in 0..1"),
        ({0: {0: [(1.5, 0, 0.0, False)]}, 1: {0: []}}, r"P\[0\]\[0\] of fake has probability 1.5"),
        (
            {0: {0: [(0.4, 0, 0.0, False)]}, 1: {0: []}},
            r"P of fake is not an MDP: transition\[0, 0\] sums to 0.4",
        ),
    ],
)
def test_tables_that_are_none_are_refused(fake, P, message):
    with pytest.raises(InvalidMDP, match=message):
        fake(P)


def test_a_start_of_the_wrong_size_is_refused(fake):
    with pytest.raises(InvalidMDP, match=r"initial_state_distrib has shape \(3,\), must be \[S\] = \(2,\)"):
        fake({0: {0: [(1.0, 0, 0.0, False)]}, 1: {0: [(1.0, 0, 0.0, False)]}}, start=(1.0, 0.0, 0.0))


def test_a_table_without_start_is_refused(gymnasium, monkeypatch):
    outer = SimpleNamespace(unwrapped=SimpleNamespace(P={0: {0: []}}), close=lambda: None)
    monkeypatch.setattr(gymnasium, "make", lambda *_, **__: outer)
    with pytest.raises(InvalidMDP, match="fake has a table P but no initial_state_distrib"):
        mdps.from_gymnasium("fake")


def test_an_environment_without_a_table_is_refused(gymnasium):
    with pytest.raises(InvalidMDP, match="CartPole-v1 has no transition table P"):
        mdps.from_gymnasium("CartPole-v1")


def test_a_table_that_does_not_describe_its_environment_is_refused(gymnasium):
    with pytest.raises(InvalidMDP, match="fickle_passenger=True, must be False"):
        mdps.from_gymnasium(newest(gymnasium, "Taxi"), fickle_passenger=True)


def test_unknown_environments_and_arguments(gymnasium):
    with pytest.raises(UnknownName, match=r"unknown Gymnasium environment 'FrozenLakes-v1'.*FrozenLake"):
        mdps.from_gymnasium("FrozenLakes-v1")
    with pytest.raises(InvalidInput, match=r"Gymnasium cannot make 'FrozenLake-v1' with \{'warm': True\}"):
        mdps.from_gymnasium("FrozenLake-v1", warm=True)


@pytest.mark.parametrize("wrapped", [True, False], ids=["wrapped", "bare"])
def test_an_environment_object_is_read_like_its_id(gymnasium, wrapped):
    env = gymnasium.make("FrozenLake-v1", is_slippery=False)
    mdp = mdps.from_gymnasium(env if wrapped else env.unwrapped)
    expected = mdps.from_gymnasium("FrozenLake-v1", is_slippery=False)
    for table in TABLES:
        np.testing.assert_array_equal(getattr(mdp, table), getattr(expected, table))
    env.reset(seed=0)  # it is the caller's: still open
    env.close()


def test_an_environment_of_ones_own_needs_no_registration(gymnasium):
    class Own(gymnasium.Env):
        def __init__(self):
            self.P = {0: {0: [(1.0, 1, 2.0, True)]}, 1: {0: [(1.0, 1, 0.0, True)]}}
            self.initial_state_distrib = np.array([1.0, 0.0])

    mdp = mdps.from_gymnasium(Own())
    assert mdp.reward[0, 0, 1] == 2.0


def test_a_table_is_enough():
    table = SimpleNamespace(
        P={0: {0: [(1.0, 1, 2.0, True)]}, 1: {0: [(1.0, 1, 0.0, True)]}}, initial_state_distrib=[1, 0]
    )
    assert mdps.from_gymnasium(table).reward[0, 0, 1] == 2.0
    del table.initial_state_distrib
    with pytest.raises(InvalidMDP, match="SimpleNamespace has a table P but no initial_state_distrib"):
        mdps.from_gymnasium(table)


def test_an_environment_object_without_a_table_is_refused(gymnasium):
    with pytest.raises(InvalidMDP, match="has no transition table P"):
        mdps.from_gymnasium(gymnasium.make("CartPole-v1"))


@pytest.mark.parametrize("env", [3, None, object, SimpleNamespace()])
def test_what_is_neither_a_name_nor_an_environment_is_refused(gymnasium, env):
    with pytest.raises(InvalidInput, match="env"):
        mdps.from_gymnasium(env)


def test_gymnasium_missing_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(InvalidInput, match=r"pip install pgverify\[gymnasium\]"):
        mdps.from_gymnasium("FrozenLake-v1")
