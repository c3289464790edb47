"""Trajectories: what is real and what is padding, and the weighted score by a plain double loop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from random_problems import random_problem
from reference import score_by_complex_step

from pgverify import Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, Trajectories, exact
from pgverify.errors import InvalidEstimator, InvalidSampling
from pgverify.policies.steps import log_prob
from pgverify.trajectories import concatenate

FIELDS = ("states", "actions", "rewards", "lengths", "terminated", "log_probs", "group", "critic")


def corridor() -> Problem:
    """Return states 0 → 1 → 2, of which 2 is terminal; action 1 goes on, action 0 stays."""
    transition = np.zeros((3, 2, 3))
    transition[0, 0, 0] = transition[1, 0, 1] = transition[0, 1, 1] = transition[1, 1, 2] = 1.0
    transition[2, :, 2] = 1.0
    reward = np.array([[-1.0, -2.0], [-3.0, 5.0], [0.0, 0.0]])
    mdp = TabularMDP([1.0, 0.0, 0.0], transition, reward, [False, False, True])
    return Problem(mdp, SoftmaxPolicy([[0.0, 1.0], [0.5, 0.0], [0.0, 0.0]]), FiniteHorizon(3, 0.5))


def batch(**changes: Any) -> Trajectories:
    """Return three episodes: one of full length, one that ended at t = 2, one cut at t = 3 in state 1."""
    law = exact.rollout(corridor())
    law = replace(law, **{name: changes.pop(name) for name in ("discount", "gain") if name in changes})
    parts: dict[str, Any] = {
        "rollout": law,
        "states": np.array([[0, 0, 1, 2], [0, 1, 2, 2], [0, 0, 0, 1]]),
        "actions": np.array([[0, 1, 1], [1, 1, 0], [0, 0, 1]]),
        "rewards": np.array([[-1.0, -2.0, 5.0], [-2.0, 5.0, 0.0], [-1.0, -1.0, -2.0]]),
        "lengths": np.array([3, 2, 3]),
        "terminated": np.array([True, True, False]),
        "log_probs": -np.arange(9.0).reshape(3, 3),
        "group": np.array([4, 4, 7]),
        "critic": np.arange(12.0).reshape(3, 4),
    }
    return Trajectories(**{**parts, **changes})


def test_mask_and_ongoing() -> None:
    """The mask covers steps taken; a state is ongoing before the end, and at a cut, where it has a future."""
    b = batch()
    assert b.mask.tolist() == [[True] * 3, [True, True, False], [True] * 3]
    assert b.ongoing.tolist() == [[True] * 3 + [False], [True, True, False, False], [True] * 4]
    assert b.truncated.tolist() == [False, False, True]
    assert (len(b), b.num_steps) == (3, 3)
    assert b.policy is b.problem.policy
    assert repr(b) == "Trajectories(n=3, steps=3, mean length=2.667, terminated=2)"


def test_log_probs_are_those_of_the_policy_and_zero_on_padding() -> None:
    b = batch()
    b = replace(b, log_probs=log_prob(b.policy, b))
    table = np.log(b.policy.probabilities())
    expected = [
        [table[0, 0], table[0, 1], table[1, 1]],
        [table[0, 1], table[1, 1], 0.0],
        [table[0, 0], table[0, 0], table[0, 1]],
    ]
    assert b.log_probs == pytest.approx(np.array(expected))


def test_discount_powers_and_relative_rewards() -> None:
    assert batch().discount_powers.tolist() == [1.0, 0.5, 0.25]
    assert batch(discount=0.0).discount_powers.tolist() == [1.0, 0.0, 0.0]
    shifted = batch(gain=1.0).relative_rewards
    assert shifted.tolist() == [[-2.0, -3.0, 4.0], [-3.0, 4.0, 0.0], [-2.0, -2.0, -3.0]]


@pytest.mark.parametrize("seed", range(6))
def test_score_weighted_is_the_plain_double_loop(seed: int) -> None:
    """Σ_t w_t ψ(s_t, a_t) over the steps taken, revisited pairs included, padding not, whatever its weights."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, "finite", 3, 3, 4, logit_scales=(1.0,))
    b, _ = exact.enumerate_trajectories(problem)
    b = b.select(rng.choice(len(b), size=min(20, len(b))))
    weights = rng.normal(size=b.actions.shape)
    score = score_by_complex_step(problem.policy)
    expected = np.zeros((len(b), score.shape[-1]))
    for i in range(len(b)):
        for t in range(int(b.lengths[i])):
            expected[i] += weights[i, t] * score[b.states[i, t], b.actions[i, t]]
    assert b.score_weighted(weights) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("shape", [(3,), (3, 4), (4, 3), (1, 3)])
def test_weights_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidEstimator, match=r"weights has shape .*, must be \[n, T\] = \(3, 3\)"):
        batch().score_weighted(np.ones(shape))


def test_an_infinite_weight_on_padding_does_not_count() -> None:
    weights = np.ones((3, 3))
    clean = batch().score_weighted(weights)
    weights[1, 2] = np.inf
    assert np.array_equal(batch().score_weighted(weights), clean)


@pytest.mark.parametrize("rows", [[2, 0], np.array([True, False, True]), slice(1, None), np.array([1, 1, 1]), []])
def test_select_keeps_rows_whole(rows: Any) -> None:
    b = batch()
    rows = np.array(rows, dtype=np.int64) if isinstance(rows, list) else rows
    chosen = b.select(rows)
    for name in FIELDS:
        assert np.array_equal(getattr(chosen, name), getattr(b, name)[rows])
    assert (chosen.discount, chosen.problem) == (b.discount, b.problem)


@pytest.mark.parametrize(
    ("rows", "same"), [(1, [1]), (np.int64(-1), [2]), ((0, 2), [0, 2]), (range(2), [0, 1]), ((), [])]
)
def test_select_takes_one_row_or_any_sequence_of_rows(rows: Any, same: list[int]) -> None:
    """An index keeps the axis of trajectories, and a tuple is rows, not a row and a step."""
    b = batch()
    for name in FIELDS:
        assert np.array_equal(getattr(b.select(rows), name), getattr(b, name)[np.array(same, dtype=np.int64)])


def test_a_copy_shares_no_array() -> None:
    b = batch()
    other = b.copy()
    for name in FIELDS:
        assert np.array_equal(getattr(other, name), getattr(b, name))
        assert not np.shares_memory(getattr(other, name), getattr(b, name))
    assert (other.problem, other.discount, other.step_scale, other.gain) == (
        b.problem,
        b.discount,
        b.step_scale,
        b.gain,
    )


def test_concatenate_undoes_a_split() -> None:
    b = batch()
    joined = concatenate([b.select(slice(0, 1)), b.select(slice(1, 3))])
    for name in FIELDS:
        assert np.array_equal(getattr(joined, name), getattr(b, name))


def test_concatenate_pads_to_the_longest() -> None:
    """A padded episode stays where it is, and its masked part, its length and its end are what they were."""
    short = batch()
    wide = np.array([[0, 0, 0, 0, 0, 1]])
    long = Trajectories(
        rollout=short.rollout,
        states=wide,
        actions=np.zeros((1, 5), dtype=np.int64),
        rewards=np.ones((1, 5)),
        lengths=np.array([5]),
        terminated=np.array([False]),
        log_probs=np.zeros((1, 5)),
        group=np.array([7]),
        critic=np.ones((1, 6)),
    )
    joined = concatenate([short, long])
    assert joined.num_steps == 5
    assert joined.states[0].tolist() == [0, 0, 1, 2, 2, 2]
    assert joined.states[3].tolist() == wide[0].tolist()
    assert joined.mask.sum(axis=1).tolist() == [3, 2, 3, 5]
    assert joined.rewards[0].tolist() == [-1.0, -2.0, 5.0, 0.0, 0.0]
    assert not joined.actions[:3, 3:].any()
    assert joined.ongoing.sum(axis=1).tolist() == [3, 2, 4, 6]
    with pytest.raises(InvalidSampling, match="batches is empty"):
        concatenate([])


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("states", np.zeros((3, 3), dtype=int)),
        ("rewards", np.zeros((3, 4))),
        ("lengths", np.zeros(2, dtype=int)),
        ("terminated", np.zeros((3, 1), dtype=bool)),
        ("log_probs", np.zeros((3, 4))),
        ("group", np.zeros(2, dtype=int)),
        ("critic", np.zeros((3, 3))),
    ],
)
def test_arrays_that_do_not_fit_are_refused(name: str, value: np.ndarray) -> None:
    with pytest.raises(InvalidSampling, match=rf"{name} has shape .*, must be \[n"):
        batch(**{name: value})


def test_a_batch_of_no_steps_is_a_batch() -> None:
    """Every episode may start in a terminal state: T = 0, and every contribution is 0."""
    mdp = TabularMDP([1.0], np.ones((1, 2, 1)), np.zeros((1, 2)), [True])
    problem = Problem(mdp, SoftmaxPolicy([[0.0, 1.0]]), Discounted(0.5))
    empty = Trajectories(
        rollout=exact.rollout(problem),
        states=np.zeros((2, 1), dtype=np.int64),
        actions=np.zeros((2, 0), dtype=np.int64),
        rewards=np.zeros((2, 0)),
        lengths=np.zeros(2, dtype=np.int64),
        terminated=np.ones(2, dtype=bool),
        log_probs=np.zeros((2, 0)),
    )
    assert empty.score_weighted(np.zeros((2, 0))).tolist() == [[0.0, 0.0]] * 2
    assert empty.mask.shape == empty.log_probs.shape == (2, 0)
    assert empty.ongoing.tolist() == [[False]] * 2


def test_replace_gives_another_batch() -> None:
    b = batch()
    assert replace(b, rollout=replace(b.rollout, discount=1.0)).discount_powers.tolist() == [1.0, 1.0, 1.0]
    assert b.discount == 0.5


def test_values_are_looked_up_when_they_are_read() -> None:
    """V_t(s_t) of the problem, 0 after the end; at a cut that of the last state; a critic's where one is given."""
    b = replace(batch(), critic=None)
    table = exact.values(b.problem).state
    ends = [[False] * 3 + [True], [False, False, True, True], [False] * 4]
    expected = np.where(ends, 0.0, table[np.arange(4), b.states])
    assert np.array_equal(b.values, expected)
    assert np.array_equal(b.select([2, 0]).values, expected[[2, 0]])
    assert np.array_equal(batch().values, np.arange(12.0).reshape(3, 4))


def test_importance_is_the_ratio_of_the_policy_to_the_one_that_acted() -> None:
    b = batch()
    assert np.array_equal(b.importance, np.ones((3, 3)))  # on policy, whatever is stored
    other = replace(b, rollout=replace(b.rollout, acting=SoftmaxPolicy(np.zeros((3, 2)))))
    expected = np.where(b.mask, 2.0 * b.policy.probabilities()[b.states[:, :-1], b.actions], 1.0)
    uniform = replace(other, log_probs=np.where(b.mask, np.log(0.5), 0.0))
    assert uniform.importance == pytest.approx(expected, rel=1e-15)
