"""Baselines: what they say along a batch equals their table, and is 0 once the episode has ended."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pgverify import (
    Discounted,
    FiniteHorizon,
    Problem,
    SoftmaxPolicy,
    TabularMDP,
    Trajectories,
    exact,
    sample,
)
from pgverify.baselines import (
    AverageReturn,
    Baseline,
    Constant,
    NoBaseline,
    StateValue,
    TableBaseline,
    TimeStateValue,
)
from pgverify.errors import InvalidEstimator

STEPS = 4
RANDOM = np.random.default_rng(0)
BY_STATE = RANDOM.normal(size=3)
BY_TIME = RANDOM.normal(size=(STEPS + 1, 3))


def problem(objective: Any) -> Problem:
    """Return three states, of which state 2 ends the episode, two actions, noise-free rewards."""
    rng = np.random.default_rng(1)
    transition = rng.dirichlet(np.ones(3), size=(3, 2))
    transition[2] = [0.0, 0.0, 1.0]
    reward = rng.normal(size=(3, 2))
    reward[2] = 0.0
    mdp = TabularMDP([0.5, 0.5, 0.0], transition, reward, [False, False, True])
    return Problem(mdp, SoftmaxPolicy(rng.normal(size=(3, 2))), objective)


def finite() -> Trajectories:
    return sample(problem(FiniteHorizon(STEPS, 0.9)), 100, seed=1)


def cut() -> Trajectories:
    return sample(problem(Discounted(0.9)), 100, seed=1, max_steps=STEPS)


BASELINES = (NoBaseline(), Constant(1.5), StateValue(), StateValue(BY_STATE), TimeStateValue(BY_TIME))


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda b: type(b).__name__)
@pytest.mark.parametrize("batch", [finite(), cut()], ids=["finite", "cut"])
def test_along_a_batch_it_is_the_table_looked_up(baseline: TableBaseline, batch: Trajectories) -> None:
    """b_t(s_t) while the episode has a future, 0 afterwards; both kinds of end occur in the batch."""
    max_steps = None if isinstance(batch.problem.objective, FiniteHorizon) else STEPS
    table = baseline.table(exact.rollout(batch.problem, max_steps))
    if table.ndim == 1:
        table = np.broadcast_to(table, (STEPS + 1, len(table)))
    expected = np.where(batch.ongoing, table[np.arange(STEPS + 1), batch.states], 0.0)
    found = baseline.evaluate(batch)
    assert found.shape == (100, STEPS + 1)
    assert np.array_equal(found, expected)
    assert (batch.lengths < STEPS).any()
    assert (batch.lengths == STEPS).any()
    assert isinstance(baseline, Baseline)
    assert isinstance(baseline, TableBaseline)


def test_state_value_without_numbers_is_the_true_value() -> None:
    batch = finite()
    table = exact.values(batch.problem).state
    found = StateValue().evaluate(batch)
    for i, t in ((0, 0), (3, 1), (7, 2)):
        expected = table[t, batch.states[i, t]] if t < batch.lengths[i] else 0.0
        assert found[i, t] == expected
    assert np.array_equal(StateValue().table(exact.rollout(batch.problem)), table)


def test_average_return_is_the_mean_over_the_batch() -> None:
    """(1/n) Σ_i Σ_t γ^t r_t, by a plain double loop, in every ongoing state."""
    batch = finite()
    total = sum(0.9**t * batch.rewards[i, t] for i in range(100) for t in range(int(batch.lengths[i])))
    found = AverageReturn().evaluate(batch)
    assert found[batch.ongoing] == pytest.approx(total / 100)
    assert not found[~batch.ongoing].any()
    assert not isinstance(AverageReturn(), TableBaseline)


def test_time_values_without_the_last_row_serve_where_nothing_is_cut() -> None:
    """Row T is read only at a cut; [T, S] suffices for a finite horizon and is refused for a cut batch."""
    whole, short = TimeStateValue(BY_TIME), TimeStateValue(BY_TIME[:-1])
    assert np.array_equal(whole.evaluate(finite()), short.evaluate(finite()))
    with pytest.raises(InvalidEstimator, match=r"values has 4 rows, must have T\+1 = 5: the batch has truncated"):
        short.evaluate(cut())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant(np.inf), "value is inf, must be a finite number"),
        (lambda: Constant(np.nan), "value is nan, must be a finite number"),
        (lambda: StateValue([[1.0]]), r"values has shape \(1, 1\), must be \[S\]; use TimeStateValue"),
        (lambda: StateValue([np.nan]), r"values\[0\] is nan, every entry must be finite"),
        (lambda: TimeStateValue([1.0]), r"values has shape \(1,\), must be \[T, S\] or \[T\+1, S\]"),
        (lambda: StateValue([1.0]).evaluate(finite()), r"values has shape \(1,\), must be \[S\] = \(3,\)"),
        (
            lambda: StateValue([1.0]).table(exact.rollout(finite().problem)),
            r"values has shape \(1,\), must be \[S\] = \(3,\) of the problem",
        ),
        (
            lambda: TimeStateValue(np.zeros((2, 3))).evaluate(finite()),
            r"values has shape \(2, 3\), must be \[T, S\] = \(4, 3\) or \[T\+1, S\] = \(5, 3\)",
        ),
        (
            lambda: TimeStateValue(BY_TIME).table(exact.rollout(problem(Discounted(0.5)))),
            r"values depend on time, must be \[S\] \(StateValue\) where the number of steps has no bound",
        ),
    ],
)
def test_refuses_what_does_not_fit(make: Any, message: str) -> None:
    with pytest.raises(InvalidEstimator, match=message):
        make()
