"""Files are lossless bit by bit, and every way of being damaged is named in one sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.sparse import csr_array

from pgverify import mdps
from pgverify.errors import InvalidFile, InvalidMDP
from pgverify.mdp import TabularMDP

TABLES = ("start", "transition", "reward", "terminal", "reward_noise")
GOOD = {
    "format": "pgverify-mdp",
    "version": 1,
    "num_states": 2,
    "num_actions": 1,
    "start": [1.0, 0.0],
    "terminal": [1],
    "transitions": [[0, 0, 0, 0.5, 1.0], [0, 0, 1, 0.5, 2.0], [1, 0, 1, 1.0, 0.0]],
    "noise": [[0, 0, 1, 0.25]],
}


def assert_same_bits(first, second):
    for table in TABLES:
        one, other = getattr(first, table), getattr(second, table)
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        assert one.tobytes() == other.tobytes(), table


@st.composite
def any_tables(draw):
    """Tables of small MDPs with every awkward float: zeros of both signs, subnormals, the largest that are taken.

    Not the MDP itself: run-time type checks draw at random, which Hypothesis forbids inside a strategy.
    """
    S, A = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    finite = st.floats(-1e99, 1e99, allow_subnormal=True)
    weights = draw(npst.arrays(float, (S, A, S), elements=st.sampled_from([0.0, -0.0, 5e-324, 0.1, 1.0, 3.0])))
    terminal = draw(npst.arrays(bool, S))
    sums = weights.sum(axis=2, keepdims=True)
    rows = np.where(sums > 1e-3, weights / np.where(sums > 1e-3, sums, 1.0), np.eye(S)[:, None, :])
    rows[terminal] = np.broadcast_to(np.eye(S)[:, None, :], (S, A, S))[terminal]
    reward = draw(npst.arrays(float, (S, A, S), elements=finite))
    reward[terminal, :, terminal] = draw(st.sampled_from([0.0, -0.0]))
    noise = draw(npst.arrays(float, (S, A, S), elements=st.floats(0, 1e99) | st.just(-0.0)))
    return np.eye(S)[draw(st.integers(0, S - 1))], rows, reward, terminal, noise


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(any_tables())
def test_a_round_trip_changes_no_bit(tmp_path, tables):
    mdp = TabularMDP(*tables)
    path = tmp_path / "any.json"
    mdps.save(mdp, path)
    assert_same_bits(mdps.load(path), mdp)
    text = path.read_bytes()
    mdps.save(mdps.load(path), path)
    assert path.read_bytes() == text


@pytest.mark.parametrize("name", mdps.names())
def test_the_zoo_survives_a_round_trip(tmp_path, name):
    path = tmp_path / "zoo.json"
    mdps.save(mdps.get(name), str(path))
    assert_same_bits(mdps.load(str(path)), mdps.get(name))
    json.loads(path.read_text())


def test_signed_zeros_subnormals_and_impossible_rewards_survive(tmp_path):
    reward = [[[-0.0, 5e-324]], [[0.0, 0.0]]]
    reward[1][0][0] = 3.0  # paid on a transition out of a terminal state, which cannot happen
    mdp = TabularMDP([1, 0], [[[1.0, 0.0]], [[0.0, 1.0]]], reward, [False, True], [[[0.0, 1.0]], [[0.0, 0.0]]])
    mdps.save(mdp, tmp_path / "odd.json")
    again = mdps.load(tmp_path / "odd.json")
    assert np.signbit(again.reward[0, 0, 0])
    assert again.reward[0, 0, 1] == 5e-324
    assert again.reward[1, 0, 0] == 3.0
    assert again.reward_noise[0, 0, 1] == 1.0


def test_taxi_is_written_sparsely(tmp_path):
    # 501·6 deterministic transitions, one line of about 25 bytes each; dense tables would take megabytes.
    mdps.save(mdps.get("taxi"), tmp_path / "taxi.json")
    data = json.loads((tmp_path / "taxi.json").read_text())
    assert len(data["transitions"]) == 501 * 6
    assert data["terminal"] == [500]
    assert (tmp_path / "taxi.json").stat().st_size < 120_000


def test_a_file_written_by_hand_is_read(tmp_path):
    data = {key: value for key, value in GOOD.items() if key != "noise"}
    data["start"] = [1, 0]  # whole numbers may be written without a point
    (tmp_path / "hand.json").write_text(json.dumps(data))
    mdp = mdps.load(tmp_path / "hand.json")
    assert mdp.transition[0, 0].tolist() == [0.5, 0.5]
    assert mdp.reward[0, 0].tolist() == [1.0, 2.0]
    assert mdp.terminal.tolist() == [False, True]
    assert not mdp.reward_noise.any()


def changed(**fields):
    return json.dumps({**GOOD, **fields})


def without(field):
    return json.dumps({key: value for key, value in GOOD.items() if key != field})


TRANSITIONS = GOOD["transitions"]
ROW = "must be [state, action, next state, probability, reward]"
DAMAGED = [
    ('{\n "format": "pgverify-mdp",\n "version": }', "line 3 is not JSON: Expecting value at column 13"),
    ("", "line 1 is not JSON: Expecting value at column 1"),
    ("[1, 2]", "holds [1, 2], must be a JSON object with the fields format, version, num_states, "),
    ("[" * 100_000, "is nested too deeply, must be one object of lists of rows"),
    ("9" * 5000, "holds a number that cannot be read: "),
    ('{"format": NaN}', "holds NaN, every number must be finite"),
    (changed(start=[float("inf"), 0.0]), "holds Infinity, every number must be finite"),
    ('{"format": "pgverify-mdp", "format": 1}', "field 'format' is given twice, must be given once"),
    (without("format"), "field 'format' is missing, must be 'pgverify-mdp'"),
    (changed(format="other"), "format is \"other\", must be 'pgverify-mdp'"),
    (without("version"), "field 'version' is missing, must be 1"),
    (changed(version=2), "version is 2, must be 1"),
    (changed(version=True), "version is true, must be 1"),
    (changed(version=1.0), "version is 1.0, must be 1"),
    (without("start"), "field 'start' is missing, required are format, version, num_states, num_actions, "),
    (changed(transition=[]), 'field "transition" is unknown, allowed is transitions'),
    (changed(zzz=1), 'field "zzz" is unknown, allowed is format, version, num_states, '),
    (changed(num_states=0), "num_states is 0, must be an integer in 1.."),
    (changed(num_states="2"), 'num_states is "2", must be an integer in 1..'),
    (changed(num_states=True), "num_states is true, must be an integer in 1.."),
    (changed(num_actions=1.5), "num_actions is 1.5, must be an integer in 1.."),
    (changed(num_actions=10**4000), "num_actions is 1000000000000000000000000"),
    (
        changed(num_actions=9),
        "transitions has 3 rows, must have at least one for each of num_states * num_actions = 18",
    ),
    (changed(num_states=3), "start has 2 entries, must have num_states = 3"),
    (changed(start={}), "start is {}, must be a list"),
    (changed(start=[1.0, None]), "start[1] is null, must be a finite number"),
    (
        changed(start=[1.0, 10**400]),
        "start[1] is 1000000000000000",
    ),
    (changed().replace("2.0", "1e999"), "transitions[1], reward, is Infinity, must be a finite number"),
    (changed(terminal=[2]), "terminal[0] is 2, must be an integer in 0..1"),
    (changed(terminal=[False, True]), "terminal[0] is false, must be an integer in 0..1"),
    (changed(terminal=1), "terminal is 1, must be a list"),
    (changed(transitions="none"), 'transitions is "none", must be a list'),
    (changed(transitions=[*TRANSITIONS, [0, 0, 1]]), f"transitions[3] is [0, 0, 1], {ROW}"),
    (changed(transitions=[*TRANSITIONS, 7]), f"transitions[3] is 7, {ROW}"),
    (
        changed(transitions=[*TRANSITIONS, [2, 0, 0, 0, 0]]),
        "transitions[3], state, is 2, must be an integer in 0..1",
    ),
    (
        changed(transitions=[*TRANSITIONS, [0, 1, 0, 0, 0]]),
        "transitions[3], action, is 1, must be an integer in 0..0",
    ),
    (
        changed(transitions=[*TRANSITIONS, [0, 0, -1, 0, 0]]),
        "transitions[3], next state, is -1, must be an integer",
    ),
    (
        changed(transitions=[*TRANSITIONS, [1, 0, 0, "x", 0]]),
        'transitions[3], probability, is "x", must be a finite',
    ),
    (
        changed(transitions=[*TRANSITIONS, TRANSITIONS[0]]),
        "transitions[3] repeats (state, action, next state) = (0, 0, 0), each may be listed once",
    ),
    (
        changed(noise=[[0, 0, 1]]),
        "noise[0] is [0, 0, 1], must be [state, action, next state, standard deviation]",
    ),
    (changed(noise=[[0, 0, 9, 1.0]]), "noise[0], next state, is 9, must be an integer in 0..1"),
]


@pytest.mark.parametrize(("text", "message"), DAMAGED)
def test_damaged_files_are_named_in_one_sentence(tmp_path, text, message):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(InvalidFile) as caught:
        mdps.load(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"start": [1.5, -0.5]}, "start[1] is -0.5, a probability must lie in [0, 1]"),
        ({"terminal": [0]}, "transition[0, 0, 0] is 0.5 in terminal state 0, must be 1"),
        (
            {"noise": [[0, 0, 0, -1.0]]},
            "reward_noise[0, 0, 0] is -1, a standard deviation must be at least 0",
        ),
    ],
)
def test_well_formed_files_of_invalid_tables_name_the_file(tmp_path, fields, message):
    path = tmp_path / "bad.json"
    path.write_text(changed(**fields))
    with pytest.raises(InvalidMDP) as caught:
        mdps.load(path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_tables_too_large_to_be_dense_are_kept_sparse(tmp_path):
    # 20 000 states and one action: 20 000 rows fit in a file, 4·10^8 dense entries do not fit in mind.
    S = 20_000
    rows = [[s, 0, s, 1.0, 0.5] for s in range(S)]
    path = tmp_path / "large.json"
    path.write_text(changed(num_states=S, start=[1.0] + [0.0] * (S - 1), terminal=[], transitions=rows, noise=[]))
    mdp = mdps.load(path)
    assert mdp.sparse
    assert mdp.successors.successor.shape == (S, 1, 1)
    assert np.array_equal(mdp.successors.successor[:, 0, 0], np.arange(S))
    assert (mdp.paid == 0.5).all()


def test_a_sparse_problem_comes_back_sparse_bit_for_bit(tmp_path):
    rng = np.random.default_rng(0)
    dense = rng.dirichlet(np.ones(3), size=(4, 2))
    table = np.zeros((4, 2, 4))
    for s, a in np.ndindex(4, 2):
        table[s, a, rng.choice(4, size=3, replace=False)] = dense[s, a]
    flat = csr_array(table.reshape(8, 4))
    noise = csr_array(np.where(rng.random((8, 4)) < 0.5, rng.random((8, 4)), 0.0))
    mdp = TabularMDP([0.25] * 4, flat, rng.normal(size=(4, 2)), None, noise)
    path = tmp_path / "sparse.json"
    mdps.save(mdp, path)
    assert json.loads(path.read_text())["sparse"] is True
    again = mdps.load(path)
    assert again.sparse
    assert np.array_equal(again.transition.toarray(), flat.toarray())
    for name in ("paid", "noise"):
        assert np.array_equal(getattr(again, name), getattr(mdp, name))
    assert np.array_equal(again.successors.successor, mdp.successors.successor)
    text = path.read_bytes()
    mdps.save(again, path)
    assert path.read_bytes() == text
    path.write_text(changed(sparse=1))
    with pytest.raises(InvalidFile, match=r"sparse is 1, must be true or false"):
        mdps.load(path)


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(InvalidFile, match=r"missing.json cannot be read: .*No such file"):
        mdps.load(tmp_path / "missing.json")
    with pytest.raises(InvalidFile, match="cannot be read"):
        mdps.load(tmp_path)
    with pytest.raises(InvalidFile, match="cannot be read"):
        mdps.load("nul\0byte")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidFile, match=r"bytes.json cannot be read: .*codec"):
        mdps.load(tmp_path / "bytes.json")
    with pytest.raises(InvalidFile, match=r"cannot be written: .*No such file"):
        mdps.save(mdps.get("three-armed-bandit"), tmp_path / "no" / "folder.json")


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_other_error_escapes(tmp_path, content):
    path = tmp_path / "noise.json"
    path.write_bytes(content)
    with pytest.raises(InvalidFile):
        mdps.load(path)


@given(
    st.sampled_from(sorted(GOOD)),
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_other_error_escapes_from_any_field(tmp_path, field, value):
    path = tmp_path / "field.json"
    path.write_text(changed(**{field: value}))
    try:
        mdp = mdps.load(path)
    except (InvalidFile, InvalidMDP):
        return
    assert isinstance(mdp, TabularMDP)
