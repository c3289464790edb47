"""Policies of other people: table doors alone, step doors, and actions that depend on the history."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from policies_by_hand import Repeating, SigmoidPolicy, StepDoors
from reference import binomial_bounds

import pgverify as pgv
from pgverify import Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, Trajectories, exact
from pgverify.adapters.visited_logits import visited_logits
from pgverify.errors import InvalidPolicy
from pgverify.estimators import GeneralizedAdvantage, RewardToGo
from pgverify.policies import LinearSoftmaxPolicy

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def small_mdp(terminal: bool = True) -> TabularMDP:
    rng = np.random.default_rng(51)
    transition, reward = rng.dirichlet(np.ones(3), size=(3, 2)), rng.normal(size=(3, 2))
    ends = np.zeros(3, dtype=bool)
    if terminal:
        transition[2], reward[2], ends[2] = np.eye(3)[2], 0.0, True
    return TabularMDP([0.4, 0.5, 0.1], transition, reward, ends)


def test_two_table_doors_are_enough() -> None:
    """One parameter for all states: ∇J by central differences of J, which never asks for a score."""
    policy = SigmoidPolicy(np.array([0.7]), np.array([1.0, -1.0, 2.0]))
    problem = Problem(small_mdp(), policy, FiniteHorizon(3, 0.9))
    step = 1e-4
    high, low = (exact.expected_return(problem.with_parameters(np.array([0.7 + h]))) for h in (step, -step))
    assert exact.gradient(problem) == pytest.approx([(high - low) / (2 * step)], abs=1e-8)
    batch, chances = exact.enumerate_trajectories(problem)
    assert chances @ RewardToGo()(batch) == pytest.approx(exact.gradient(problem), rel=1e-12)
    one = 1.0 / (1.0 + np.exp(-0.7 * np.array([1.0, -1.0, 2.0])))
    drawn = pgv.sample(problem, 300, seed=1)
    for row, time in zip(*np.nonzero(drawn.mask), strict=True):
        state, action = drawn.states[row, time], drawn.actions[row, time]
        expected = math.log(one[state] if action else 1.0 - one[state])
        assert drawn.log_probs[row, time] == pytest.approx(expected, rel=1e-12)
    exactly = exact.moments(RewardToGo(), problem)
    assert exactly.variance is not None
    many = RewardToGo()(pgv.sample(problem, 5_000, seed=2)).mean(axis=0)
    assert (np.abs(many - exactly.mean) <= 6.5 * np.sqrt(exactly.variance / 5_000)).all()  # false-fail rate 8e-11


def test_step_doors_are_asked_in_place_of_the_tables() -> None:
    """The same batch, weights and scores as the table's; NaN on padding does no harm; no table is asked for."""
    logits = np.random.default_rng(52).normal(size=(3, 2))
    doors, table = StepDoors(logits), SoftmaxPolicy(logits)
    own, plain = (Problem(small_mdp(), policy, Discounted(0.7)) for policy in (doors, table))
    first, second = pgv.sample(own, 40, seed=3), pgv.sample(plain, 40, seed=3)
    assert np.array_equal(first.states, second.states)
    assert first.log_probs == pytest.approx(second.log_probs, rel=1e-13, abs=1e-15)
    assert (first.log_probs[~first.mask] == 0.0).all()
    doors.asked.clear()
    weights = np.random.default_rng(53).normal(size=first.actions.shape)
    assert first.score_weighted(weights) == pytest.approx(second.score_weighted(weights), rel=1e-12, abs=1e-14)
    assert RewardToGo()(first) == pytest.approx(RewardToGo()(second), rel=1e-12, abs=1e-14)
    assert doors.asked == ["score_sum", "score_sum"]


def test_step_doors_under_somebody_else() -> None:
    """Ratios come from log_prob of both: π with doors and μ with doors, against the tables' quotient."""
    rng = np.random.default_rng(54)
    target, actor = StepDoors(rng.normal(size=(3, 2))), StepDoors(rng.normal(size=(3, 2)))
    problem = Problem(small_mdp(), target, FiniteHorizon(3, 0.9))
    batch, chances = exact.enumerate_trajectories(problem, acting=actor)
    ratio = (target.probabilities() / actor.probabilities())[batch.states[:, :-1], batch.actions]
    assert batch.importance == pytest.approx(np.where(batch.mask, ratio, 1.0), rel=1e-12)
    assert chances @ GeneralizedAdvantage(0.9)(batch) == pytest.approx(exact.gradient(problem), abs=1e-12)


@dataclass(frozen=True)
class Remembered:
    """An episode of a policy with a memory: its probability, and that of every action."""

    probability: float
    states: tuple[int, ...]
    actions: tuple[int, ...]
    chances: tuple[float, ...]


def remembered(mdp: TabularMDP, own: np.ndarray, stick: float, steps: int) -> Iterator[Remembered]:
    """Yield all episodes by counting: every sequence of actions and states, kept where its probability is positive."""
    for states in product(range(3), repeat=steps + 1):
        for actions in product(range(2), repeat=steps):
            chance, chances, length = float(mdp.start[states[0]]), [], 0
            while length < steps and not mdp.terminal[states[length]]:
                state, action = states[length], actions[length]
                again = float(length > 0 and actions[length - 1] == action)
                chances.append(own[state, action] if length == 0 else (1 - stick) * own[state, action] + stick * again)
                chance *= chances[-1] * float(mdp.transition[state, action, states[length + 1]])
                length += 1
            # Each episode once: what follows an end is written as zeros.
            if chance > 0 and not any(actions[length:]) and not any(states[length + 1 :]):
                yield Remembered(chance, states[: length + 1], actions[:length], tuple(chances))


def key(batch: Trajectories, row: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    length = int(batch.lengths[row])
    return tuple(batch.states[row, : length + 1].tolist()), tuple(batch.actions[row, :length].tolist())


@pytest.mark.parametrize("stick", [0.6, 1.0])
def test_a_memory_is_listed_and_sampled(stick: float) -> None:
    """Sticking for ever forbids what the table allows. 6,000 episodes within binomial bounds of rate 1e-10 each."""
    mdp, policy = small_mdp(), Repeating(np.array([[0.3, -0.2], [0.1, 0.6], [0.0, 0.0]]), stick)
    problem = Problem(mdp, policy, FiniteHorizon(3, 0.9))
    episodes = {(e.states, e.actions): e for e in remembered(mdp, policy.probabilities(), stick, 3)}
    assert math.fsum(e.probability for e in episodes.values()) == pytest.approx(1.0, abs=1e-12)
    batch, chances = exact.enumerate_trajectories(problem)
    assert len(batch) == len(episodes)
    for row in range(len(batch)):
        episode = episodes[key(batch, row)]
        assert chances[row] == pytest.approx(episode.probability, rel=1e-12)
        # log π(a_t | history), although only next_probabilities is offered.
        length = len(episode.actions)
        assert batch.log_probs[row, :length] == pytest.approx(np.log(episode.chances), abs=1e-12)
        assert not batch.log_probs[row, length:].any()
    drawn = pgv.sample(problem, 6_000, seed=5)
    counts = Counter(key(drawn, row) for row in range(len(drawn)))
    for at, episode in episodes.items():
        low, high = binomial_bounds(6_000, episode.probability, 1e-10)
        assert low <= counts.pop(at, 0) <= high
    assert not counts
    for row in range(50):
        chosen = episodes[key(drawn, row)].chances
        assert drawn.log_probs[row, : len(chosen)] == pytest.approx(np.log(chosen), abs=1e-12)
    for chunk in (1, 7):
        parts = pgv.sample(problem, 30, seed=5, chunk_size=chunk)
        assert np.array_equal(parts.states, drawn.states[:30])
        assert np.array_equal(parts.actions, drawn.actions[:30])


def test_data_of_somebody_with_a_memory_estimate_the_gradient() -> None:
    """The acting policy remembers, π_θ does not: with ratios by history the expectation is ∇J."""
    target = SoftmaxPolicy(np.array([[0.3, -0.2], [0.1, 0.6], [0.0, 0.0]]))
    problem = Problem(small_mdp(), target, FiniteHorizon(3, 0.9))
    actor = Repeating(np.array([[1.0, 0.0], [0.0, 0.5], [0.0, 0.0]]), 0.5)
    batch, chances = exact.enumerate_trajectories(problem, acting=actor)
    assert chances.sum() == pytest.approx(1.0, abs=1e-12)
    for estimator in (RewardToGo(), GeneralizedAdvantage(0.9)):
        assert chances @ estimator(batch) == pytest.approx(exact.gradient(problem), abs=1e-12)
    with pytest.raises(InvalidPolicy, match=r"may depend on the history .*must be a table of probabilities"):
        exact.moments(RewardToGo(), problem, acting=actor)


@pytest.mark.parametrize("states", [3, 300])
@pytest.mark.parametrize("kind", ["tabular", "linear"])
@pytest.mark.parametrize("imaginary", [False, True])
def test_score_sums_against_loops(states: int, kind: str, imaginary: bool) -> None:
    """Σ_t w_t ψ(s_t,a_t) with ψ(s,a) = φ(s,a) − Σ_b π φ(s,b), visits to one state added up, padding left out."""
    rng = np.random.default_rng([55, states])
    actions, count = 3, 7
    phi = np.eye(states * actions).reshape(states, actions, -1) if kind == "tabular" else None
    if phi is None:
        phi = rng.normal(size=(states, actions, 5))
    theta = rng.normal(size=phi.shape[2]) + (0.1j * rng.normal(size=phi.shape[2]) if imaginary else 0.0)
    policy = SoftmaxPolicy(theta.reshape(states, actions)) if kind == "tabular" else LinearSoftmaxPolicy(phi, theta)
    transition = np.zeros((states, actions, states))
    transition[np.arange(states), :, rng.integers(0, min(states, 4), size=states)] = 1.0  # states are met again
    mdp = TabularMDP(np.full(states, 1.0 / states), transition, np.zeros((states, actions)))
    real = policy.with_parameters(theta.real)
    batch = pgv.sample(Problem(mdp, real, Discounted(0.8)), count, seed=6)
    problem = Problem(mdp, policy, Discounted(0.8))
    rollout = pgv.exact.rollout(problem)
    weights = rng.normal(size=batch.actions.shape)
    weights[0] = 0.0
    found = Trajectories(
        rollout, batch.states, batch.actions, batch.rewards, batch.lengths, batch.terminated, batch.log_probs
    ).score_weighted(weights)
    expected = np.zeros((count, phi.shape[2]), dtype=complex)
    for row in range(count):
        for time in range(int(batch.lengths[row])):
            state, action = batch.states[row, time], batch.actions[row, time]
            powers = [np.exp(phi[state, b] @ theta) for b in range(actions)]
            mean = sum(p * phi[state, b] for b, p in enumerate(powers)) / sum(powers)
            expected[row] += weights[row, time] * (phi[state, action] - mean)
    assert np.iscomplexobj(found) == imaginary
    assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()


def test_exact_recursions_refuse_a_policy_that_remembers() -> None:
    """Its actions do not form a chain: values, gradients, visits and moments have no recursion over states."""
    remembering = Problem(small_mdp(), Repeating(np.zeros((3, 2)), 0.3), FiniteHorizon(3, 0.9))
    for answer in (exact.gradient, exact.values, exact.occupancy, lambda p: exact.moments(RewardToGo(), p)):
        with pytest.raises(
            InvalidPolicy, match="which depends on more than the state, must have no next_probabilities"
        ):
            answer(remembering)
    _, probability = exact.enumerate_trajectories(remembering)
    assert probability.sum() == pytest.approx(1.0, rel=1e-12)


def test_logits_that_are_something_else_are_not_read_where_a_loss_would_read_them() -> None:
    """An ε-mixed policy may call its table `logits`; a gradient through softmax of them would be of another policy."""

    class Mixed(Repeating):
        next_probabilities = None  # no memory

        @property
        def logits(self) -> np.ndarray:
            return self.table.logits

        def probabilities(self) -> np.ndarray:
            return 0.9 * self.table.probabilities() + 0.05

    problem = Problem(small_mdp(), Mixed(np.array([[0.4, -0.2], [1.0, 0.0], [0.0, 0.0]]), 0.0), FiniteHorizon(2))
    batch = pgv.sample(problem, 2)
    own = np.log(problem.policy.probabilities())[batch.states[:, :-1]]
    assert visited_logits(batch) == pytest.approx(own, rel=1e-12)
    plain = Problem(small_mdp(), problem.policy.table, FiniteHorizon(2))
    assert visited_logits(pgv.sample(plain, 2)).shape == (2, 2, 2)
