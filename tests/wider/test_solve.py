"""What is computed once for a problem: the same for the same problem, read-only, and never anywhere else."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import numpy as np
import pytest

import pgverify as pgv
from pgverify import KL, AverageReward, Discounted, Entropy, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, exact
from pgverify.exact.solution import Solution, solve
from pgverify.problem import Objective

OBJECTIVES: list[Objective] = [FiniteHorizon(4, 0.9), Discounted(0.8, Entropy(0.2)), AverageReward()]
PIECES = ("stationary", "state_values", "action_values", "advantage", "visits", "weighted_visits")


def make(objective: Objective, states: int = 3) -> Problem:
    rng = np.random.default_rng(61)
    mdp = TabularMDP(
        np.full(states, 1.0 / states), rng.dirichlet(np.ones(states), size=(states, 2)), rng.normal(size=(states, 2))
    )
    return Problem(mdp, SoftmaxPolicy(rng.normal(size=(states, 2))), objective)


def pieces(problem: Problem) -> tuple[str, ...]:
    return PIECES if isinstance(problem.objective, AverageReward) else PIECES[1:]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_one_solution_a_problem_with_arrays_nobody_can_write_to(objective: Objective) -> None:
    problem = make(objective)
    assert solve(problem) is solve(problem)
    assert solve(make(objective)) is not solve(problem)
    for name in pieces(problem):
        array = getattr(solve(problem), name)
        assert array is getattr(solve(problem), name)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7.0
    chain = solve(problem).chain
    for name in ("start", "probabilities", "reward", "noise", "running", "step_reward", "state_reward"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(chain, name)[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        chain.state_transition[0, 0] = 0
    for array in (exact.values(problem).state, exact.values(problem).action, exact.occupancy(problem)):
        assert not array.flags.writeable


def test_a_policy_that_hands_out_its_own_table_keeps_it() -> None:
    class Table(SoftmaxPolicy):
        def probabilities(self) -> np.ndarray:
            return self._softmax[0]

    problem = replace(make(FiniteHorizon(2)), policy=Table(np.zeros((3, 2))))
    exact.gradient(problem)
    assert problem.policy.probabilities().flags.writeable


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_other_problems_share_nothing(objective: Objective) -> None:
    """A further θ, another reward, another objective: each has its own answers, and the first keeps its own."""
    problem = make(objective)
    before = {name: np.array(getattr(solve(problem), name)) for name in pieces(problem)}
    others = [
        problem.with_parameters(problem.policy.parameters + 1.0 * np.arange(6)),
        replace(problem, mdp=replace(problem.mdp, reward=problem.mdp.reward * 2.0)),
        replace(problem, objective=replace(objective, bonus=KL(SoftmaxPolicy(np.zeros((3, 2))), 0.3))),
    ]
    for other in others:
        assert "_solution" not in vars(other)
        assert solve(other) is not solve(problem)
        assert not np.array_equal(solve(other).state_values, before["state_values"])
    for name, array in before.items():
        assert np.array_equal(getattr(solve(problem), name), array)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_complex_steps_leave_no_trace(objective: Objective) -> None:
    problem = make(objective)
    expected = {name: np.array(getattr(solve(make(objective)), name)) for name in pieces(problem)}
    exact.hessian(problem)
    exact.gradient_by_complex_step(problem)
    imaginary = problem.with_parameters(problem.policy.parameters + 1e-3j)
    assert np.iscomplexobj(solve(imaginary).state_values)
    for name, array in expected.items():
        found = getattr(solve(problem), name)
        assert not np.iscomplexobj(found)
        assert np.array_equal(found, array)


@pytest.mark.parametrize("how", ["pickle", "deepcopy", "copy", "replace"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_copies_are_solved_anew(objective: Objective, how: str) -> None:
    problem = make(objective)
    expected = exact.gradient(problem)
    ways = {
        "pickle": lambda p: pickle.loads(pickle.dumps(p)),
        "deepcopy": copy.deepcopy,
        "copy": copy.copy,
        "replace": replace,
    }
    found = ways[how](problem)
    assert "_solution" not in vars(found)
    assert solve(found) is not solve(problem)
    assert solve(found).problem is found
    assert np.array_equal(exact.gradient(found), expected)
    assert not found.mdp.transition.flags.writeable
    assert not found.mdp.successors.weight.flags.writeable


def test_pickles_do_not_grow_with_what_was_computed() -> None:
    """A problem is its tables, P, r and σ [S, A, S], and θ; all else, here four times as much, is made again."""
    problem = make(FiniteHorizon(200), states=30)
    before = len(pickle.dumps(problem))
    tables = 8 * 3 * 30 * 2 * 30
    assert before <= tables + 10_000
    for name in PIECES[1:]:
        getattr(solve(problem), name)
    exact.moments(pgv.estimators.RewardToGo(), problem, "trace")
    assert len(pickle.dumps(problem)) == before
    batch = pgv.sample(problem, 2)
    rows = sum(getattr(batch, name).nbytes for name in ("states", "actions", "rewards", "log_probs"))
    assert len(pickle.dumps(batch)) <= before + rows + 10_000


@pytest.mark.parametrize("objective", [FiniteHorizon(4, 0.9), Discounted(0.8, KL(SoftmaxPolicy(np.ones((3, 2))), 0.1))])
@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
def test_batches_travel_whole(objective: Objective, way: str) -> None:
    problem = make(objective)
    acting = SoftmaxPolicy(np.zeros((3, 2)))
    for actor in (None, acting):
        batch = pgv.sample(problem, 6, seed=1, max_steps=3, acting=actor, group_size=2)
        expected = batch.values.copy()
        found = pickle.loads(pickle.dumps(batch)) if way == "pickle" else copy.deepcopy(batch)
        for name in ("states", "actions", "rewards", "lengths", "terminated", "log_probs", "group", "mask"):
            assert np.array_equal(getattr(found, name), getattr(batch, name)), name
        assert np.array_equal(found.values, expected)
        assert found.rollout.on_policy is (actor is None)  # who acts is the same object as the policy, or is not
        estimator = pgv.estimators.GeneralizedAdvantage(0.9)
        assert np.array_equal(estimator(found), estimator(batch))
        assert found.values is not batch.values
        assert solve(found.problem).problem is found.problem


def test_threads_share_one_solution() -> None:
    """Eight threads ask at once, 30 times over: one object, one set of answers."""
    expected = exact.gradient(make(Discounted(0.8)))
    with ThreadPoolExecutor(8) as pool:
        for _ in range(30):
            problem, together = make(Discounted(0.8)), Barrier(8)

            def ask(problem: Problem = problem, together: Barrier = together) -> tuple[int, np.ndarray]:
                together.wait()
                return id(solve(problem)), exact.gradient(problem)

            answers = [job.result() for job in [pool.submit(ask) for _ in range(8)]]
            assert len({identity for identity, _ in answers}) == 1
            assert all(np.array_equal(gradient, expected) for _, gradient in answers)


def test_two_threads_that_ask_at_once_get_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are held where neither has stored its solution yet: the worst moment there is."""
    problem, together = make(Discounted(0.8)), Barrier(2, timeout=30.0)
    begin = Solution.__init__

    def held(self: Solution, problem: Problem) -> None:
        begin(self, problem)
        together.wait()

    monkeypatch.setattr(Solution, "__init__", held)
    with ThreadPoolExecutor(2) as pool:
        first, second = (job.result() for job in [pool.submit(solve, problem) for _ in range(2)])
    assert first is second is solve(problem)
