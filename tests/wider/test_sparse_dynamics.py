"""Tables given sparse, in any format and any disorder: the same answers as dense ones, and the same samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from slow_cases import slow_but

import pgverify as pgv
from pgverify import (
    AverageReward,
    Discounted,
    Entropy,
    FiniteHorizon,
    Problem,
    SoftmaxPolicy,
    TabularMDP,
    dynamics,
    exact,
)
from pgverify.baselines import AverageReturn, StateValue
from pgverify.estimators import GeneralizedAdvantage, NStepAdvantage, RewardToGo, TotalReturn
from pgverify.exact.estimate_bounds import estimate_bounds
from pgverify.policies import LinearSoftmaxPolicy
from pgverify.problem import Objective

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

FORMATS = ("csr", "csc", "coo", "lil", "dok", "bsr", "dia")
LARGE = 40
"""States: 40 · 3 · 40 cells of which a twentieth are in use are kept as sparse matrices."""


def tables(states: int, actions: int, share: float, ends: bool, seed: int = 0) -> dict[str, np.ndarray]:
    """Return dense tables in which about `share` of the transitions are possible."""
    rng = np.random.default_rng([seed, states])
    transition = rng.random((states, actions, states)) * (rng.random((states, actions, states)) < share)
    transition[:, :, 0] += 0.1
    transition /= transition.sum(axis=2, keepdims=True)
    possible = transition > 0
    reward = np.where(possible & (rng.random(possible.shape) < 0.7), rng.normal(size=possible.shape), 0.0)
    noise = np.where(possible & (rng.random(possible.shape) < 0.5), rng.random(possible.shape), 0.0)
    terminal = np.zeros(states, dtype=bool)
    if ends:
        terminal[states - 1] = True
        transition[-1] = np.eye(states)[-1]
        reward[-1], noise[-1] = 0.0, 0.0
    start = np.where(rng.random(states) < 0.3, rng.random(states), 0.0) + np.eye(states)[min(1, states - 1)]
    return {
        "start": start / start.sum(),
        "transition": transition,
        "reward": reward,
        "terminal": terminal,
        "reward_noise": noise,
    }


def flat(table: np.ndarray) -> np.ndarray:
    return table.reshape(-1, table.shape[2])


def sparse_mdp(given: dict[str, np.ndarray], convert: Any) -> TabularMDP:
    return TabularMDP(
        given["start"],
        convert(flat(given["transition"])),
        convert(flat(given["reward"])),
        given["terminal"],
        convert(flat(given["reward_noise"])),
    )


def assert_same_lists(first: TabularMDP, second: TabularMDP) -> None:
    assert np.array_equal(first.successors.dense, second.successors.dense)
    assert np.array_equal(first.successors.successor, second.successors.successor) or not first.sparse
    for name in ("paid", "noise", "start", "terminal"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


@pytest.mark.filterwarnings("ignore:Constructing a DIA matrix")  # a strange choice, and still a matrix
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("array", [True, False])
@pytest.mark.parametrize("states", [3, LARGE])
def test_every_format_gives_the_same_lists(kind: str, array: bool, states: int) -> None:
    given = tables(states, 2, 0.3, True)
    dense = TabularMDP(**given)
    make = getattr(sp, f"{kind}_{'array' if array else 'matrix'}")
    found = sparse_mdp(given, make)
    assert found.sparse
    assert not dense.sparse
    assert_same_lists(dense, found)
    for name in ("transition", "reward", "reward_noise"):
        table = getattr(found, name)
        assert np.array_equal(np.asarray(table.toarray()), flat(given[name])), name
        assert not table.data.flags.writeable


def disordered(table: np.ndarray, rng: np.random.Generator) -> sp.csr_array:
    """Return a CSR array with every entry in two halves, explicit zeros in between, and indices in any order."""
    rows, columns = np.nonzero(table)
    values = table[rows, columns]
    empty_rows, empty_columns = np.nonzero(table == 0)
    kept = rng.random(len(empty_rows)) < 0.3
    row = np.concatenate([rows, rows, empty_rows[kept]])
    column = np.concatenate([columns, columns, empty_columns[kept]])
    value = np.concatenate([values / 2, values / 2, np.zeros(kept.sum())])
    order = rng.permutation(len(row))
    order = order[np.argsort(row[order], kind="stable")]
    pointers = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(table)))])
    return sp.csr_array((value[order], column[order], pointers), shape=table.shape)


@pytest.mark.parametrize("states", [3, 4, LARGE])
def test_duplicates_zeros_and_disorder_do_not_matter(states: int) -> None:
    rng = np.random.default_rng(states)
    given = tables(states, 3, 0.3, True)
    messy = disordered(flat(given["transition"]), rng)
    before = messy.copy()
    assert not messy.has_canonical_format
    found = sparse_mdp(given, lambda table: disordered(table, rng))
    assert_same_lists(TabularMDP(**given), found)
    mdp = TabularMDP(given["start"], messy, np.zeros((states, 3)))
    for name in ("data", "indices", "indptr"):  # what was handed in is left as it was
        assert np.array_equal(getattr(messy, name), getattr(before, name))
    messy.data[:] = 0.0
    assert mdp.transition.sum() == pytest.approx(states * 3)


def test_integers_and_booleans_are_numbers() -> None:
    steps = sp.csr_array(np.tile(np.eye(3, dtype=bool), (2, 1)).reshape(6, 3))
    for matrix in (steps, steps.astype(np.int8), steps.astype(np.float32)):
        mdp = TabularMDP([1.0, 0.0, 0.0], matrix, sp.csr_array(np.arange(18).reshape(6, 3)))
        assert mdp.successors.weight.shape == (3, 2, 1)
        assert mdp.paid[0, 1, 0] == 4.0  # row 1: action 1 in state 0 leads to state 1


def test_rewards_beside_the_possible_transitions_are_never_paid() -> None:
    transition = sp.csr_array(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]))
    reward = sp.csr_array(np.array([[1.0, 50.0], [60.0, 2.0], [3.0, 70.0], [80.0, 4.0]]))
    mdp = TabularMDP([1.0, 0.0], transition, reward)
    assert mdp.paid[:, :, 0].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert mdp.paid.shape == (2, 2, 1)


def answers(problem: Problem) -> dict[str, Any]:
    """Return every exact answer there is of a problem, as arrays."""
    objective = problem.objective
    endless = isinstance(objective, AverageReward) or problem.mdp.num_states == LARGE  # few steps where states are many
    max_steps = 3 if endless and not isinstance(objective, FiniteHorizon) else None
    found: dict[str, Any] = {
        "J": exact.expected_return(problem),
        "gradient": exact.gradient(problem),
        "value derivative": exact.gradient_by_value_derivative(problem),
        "probability gradient": exact.probability_gradient(problem),
        "occupancy": exact.occupancy(problem),
        "fisher": exact.fisher(problem),
    }
    if problem.policy.parameters.size < 20:
        found |= {"hessian": exact.hessian(problem), "complex step": exact.gradient_by_complex_step(problem)}
    values = exact.values(problem)
    found |= {"V": values.state, "Q": values.action, "A": values.advantage}
    for estimator in (RewardToGo(StateValue()), TotalReturn(), GeneralizedAdvantage(0.8), NStepAdvantage(2)):
        name = type(estimator).__name__
        for form in ("diagonal", "trace"):
            moments = exact.moments(estimator, problem, form, max_steps)
            found |= {f"{name}, {form}, mean": moments.mean, f"{name}, {form}, trace": moments.trace}
    found["covariance"] = exact.moments(RewardToGo(), problem, "full", max_steps).covariance
    for name, baseline in (("others", AverageReturn(True)), ("all", AverageReturn())):
        batch = exact.batch_moments(RewardToGo(baseline), problem, 6, "diagonal", max_steps, group_size=3)
        found[f"batch, {name}"] = batch.variance
    shares = exact.variance_shares(RewardToGo(), problem, max_steps=max_steps)
    found["shares"] = shares["trace"].to_numpy()
    best = exact.optimal_baseline(TotalReturn(), problem, max_steps)
    found |= {"best": best.values, "best trace": np.array(list(best.trace.values()))}
    if not isinstance(objective, AverageReward):
        rng = np.random.default_rng(1)
        acting = SoftmaxPolicy(0.2 * rng.normal(size=problem.policy.probabilities().shape))
        steps = 3 if isinstance(objective, Discounted) else None
        found["acting"] = exact.moments(RewardToGo(StateValue()), problem, "diagonal", steps, acting).variance
    if isinstance(objective, FiniteHorizon):
        bounds = estimate_bounds(problem)
        found |= {"bounds": bounds.largest, "weights": bounds.weight}
        plan = pgv.plan(RewardToGo(), problem)
        found["plan"] = np.array([plan.trace, plan.parallel, plan.gradient_norm, plan.steps_per_trajectory])
    return found


def policies(states: int, actions: int) -> dict[str, Any]:
    rng = np.random.default_rng([states, actions])
    linear = LinearSoftmaxPolicy(rng.normal(size=(states, actions, 3)), rng.normal(size=3))
    return {"tabular": SoftmaxPolicy(rng.normal(size=(states, actions))), "linear": linear}


@pytest.mark.parametrize("policy", ["tabular", "linear"])
@pytest.mark.parametrize(
    "objective", [FiniteHorizon(4, 0.9, Entropy(0.1)), Discounted(0.3), AverageReward()], ids=lambda o: type(o).__name__
)
@pytest.mark.parametrize("states", slow_but([4, LARGE], [4]))
def test_every_exact_answer_is_that_of_dense_tables(
    states: int, objective: Objective, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dense problem keeps dense matrices whatever its size; the sparse one, where states are many, does not."""
    given = tables(states, 3, 0.3 if states < 10 else 0.04, not isinstance(objective, AverageReward))
    actor = policies(states, 3)[policy]
    sparse = sparse_mdp(given, sp.csr_array)
    found = answers(Problem(sparse, actor, objective))
    assert sparse.successors.sparse is (states == LARGE)
    monkeypatch.setattr(dynamics, "SMALLEST_SPARSE", 10**9)
    dense = TabularMDP(**given)
    expected = answers(Problem(dense, actor, objective))
    assert not dense.successors.sparse
    for name, value in found.items():
        scale = np.abs(np.asarray(expected[name])).max() + 1e-12
        assert np.abs(np.asarray(value) - np.asarray(expected[name])).max() <= 1e-10 * scale, name


@pytest.mark.parametrize("seed", range(70))
def test_many_small_problems(seed: int) -> None:
    """Three objectives each, 210 problems: gradient, values and moments; and the same listing, bit for bit."""
    rng = np.random.default_rng(seed)
    for objective in (FiniteHorizon(2, 0.9), Discounted(0.7), AverageReward()):
        given = tables(int(rng.integers(1, 5)), 2, 0.4, not isinstance(objective, AverageReward), seed)
        states = len(given["start"])
        if states == 1:
            given["terminal"][:] = False
        policy = SoftmaxPolicy(rng.normal(size=(states, 2)))
        dense = Problem(TabularMDP(**given), policy, objective)
        sparse = Problem(sparse_mdp(given, sp.csc_array), policy, objective)
        assert np.array_equal(exact.gradient(dense), exact.gradient(sparse))
        assert np.array_equal(exact.values(dense).action, exact.values(sparse).action)
        first, chances = exact.enumerate_trajectories(dense, max_steps=2)
        second, others = exact.enumerate_trajectories(sparse, max_steps=2)
        assert np.array_equal(chances, others)
        for name in ("states", "actions", "rewards", "terminated", "values"):
            assert np.array_equal(getattr(first, name), getattr(second, name)), name
        for estimator in (RewardToGo(), GeneralizedAdvantage(0.5)):
            one, two = (exact.moments(estimator, p, max_steps=2) for p in (dense, sparse))
            assert np.array_equal(one.covariance, two.covariance)


@pytest.mark.parametrize("states", [4, LARGE, 150])
def test_samples_are_the_same_bit_for_bit(states: int) -> None:
    given = tables(states, 3, 0.3 if states < 10 else 0.04, True)
    policy = policies(states, 3)["tabular"]
    for objective in (FiniteHorizon(6, 0.9), Discounted(0.8)):
        dense = pgv.sample(Problem(TabularMDP(**given), policy, objective), 200, seed=4, group_size=2)
        sparse = pgv.sample(Problem(sparse_mdp(given, sp.coo_array), policy, objective), 200, seed=4, group_size=2)
        for name in ("states", "actions", "rewards", "lengths", "terminated", "log_probs"):
            assert np.array_equal(getattr(dense, name), getattr(sparse, name)), name
        assert np.abs(sparse.rewards).sum() > 0.0


def test_parts_of_sparse_problems_are_replaced() -> None:
    given = tables(5, 2, 0.4, True)
    mdp = sparse_mdp(given, sp.csr_array)
    moved = replace(mdp, start=np.eye(5)[0])
    assert moved.sparse
    assert np.array_equal(moved.successors.weight, mdp.successors.weight)
    assert np.array_equal(moved.noise, mdp.noise)
    quiet = replace(mdp, reward_noise=None)
    assert not quiet.noise.any()
    paid = replace(mdp, reward=np.where(given["terminal"][:, None], 0.0, 2.0) * np.ones((5, 2)))
    assert (paid.paid[:-1][paid.successors.weight[:-1] > 0] == 2.0).all()
    dense = replace(mdp, transition=given["transition"], reward=given["reward"], reward_noise=given["reward_noise"])
    assert not dense.sparse
    assert_same_lists(dense, mdp)
