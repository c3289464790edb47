"""Sampling: the same bits whatever the chunks, and the frequencies that the exact occupancy says.

Every statistical test compares counts with exact binomial (or χ², or normal) quantiles, has a fixed seed, and would
fail by chance with probability at most 1e-8 in all its comparisons together.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest
from random_problems import random_problem
from reference import binomial_bounds
from scipy.stats import chi2, norm

from pgverify import (
    AverageReward,
    Discounted,
    FiniteHorizon,
    Problem,
    SoftmaxPolicy,
    TabularMDP,
    Trajectories,
    exact,
    sample,
    sample_chunks,
)
from pgverify.errors import InvalidSampling
from pgverify.randomness import STEPS_IN_WINDOW as WINDOW
from pgverify.sampling import CHUNK_CELLS, _normal

FIELDS = ("states", "actions", "rewards", "lengths", "terminated", "values")
FALSE_FAIL = 1e-8
"""Probability that one statistical test fails although the code is right."""


def some_problem(kind: str, seed: int = 11, noisy: bool = True) -> tuple[Problem, int | None]:
    """Return a problem of one kind of rollout, and its `max_steps`: the first that has enough to go wrong."""
    rng = np.random.default_rng(seed)
    objective = {"finite": "finite", "average": "average"}.get(kind, "discounted")
    while True:
        problem = random_problem(rng, objective, 4, 3, logit_scales=(1.0,), noisy=noisy)
        mdp = problem.mdp
        starts = mdp.start @ ~mdp.terminal
        if (
            mdp.num_states >= 3
            and mdp.num_actions >= 2
            and (kind == "average" or (mdp.terminal.any() and starts > 0.4))
        ):
            break
    if noisy:
        mdp = TabularMDP(mdp.start, mdp.transition, mdp.reward, mdp.terminal, 0.5)
    chosen = {"finite": FiniteHorizon(6, 0.9), "average": AverageReward()}.get(kind, Discounted(0.8))
    return Problem(mdp, problem.policy, chosen), {"cut": 7, "average": 5}.get(kind)


KINDS = ("finite", "cut", "random horizon", "average")


def same(first: Trajectories, second: Trajectories) -> bool:
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in FIELDS)


# ---------------------------------------------------------------------------------------------- reproducible


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bits_whatever_the_chunk_size(kind: str, noisy: bool) -> None:
    problem, max_steps = some_problem(kind, noisy=noisy)
    whole = sample(problem, 40, seed=3, max_steps=max_steps)
    for chunk_size in (1, 7, 37, 1000):
        parts = list(sample_chunks(problem, 40, 3, max_steps, chunk_size))
        assert [len(part) for part in parts[:-1]] == [chunk_size] * (len(parts) - 1)
        assert sum(map(len, parts)) == 40
        assert same(whole, sample(problem, 40, 3, max_steps, chunk_size))


@pytest.mark.parametrize("kind", KINDS)
def test_a_trajectory_depends_on_its_number_alone(kind: str) -> None:
    """The first ten of a hundred are the ten of ten: more data extends a batch, it does not change it."""
    problem, max_steps = some_problem(kind)
    few, many = (sample(problem, n, seed=5, max_steps=max_steps) for n in (10, 100))
    head = many.select(slice(0, 10))
    assert np.array_equal(few.lengths, head.lengths)
    assert np.array_equal(few.rewards, head.rewards[:, : few.num_steps])
    assert np.array_equal(few.states, head.states[:, : few.num_steps + 1])


def test_bits_do_not_change_beyond_one_window_of_random_numbers() -> None:
    """Episodes longer than a window take their numbers from several streams, at the same places in each.

    With one state actions are the numbers themselves: no two windows may repeat each other.
    """
    mdp = TabularMDP([1.0], np.ones((1, 2, 1)), [[0.0, 1.0]])
    problem = Problem(mdp, SoftmaxPolicy([[0.0, 0.0]]), FiniteHorizon(3 * WINDOW + 3))
    whole = sample(problem, 20, seed=1)
    assert same(whole, sample(problem, 20, seed=1, chunk_size=3))
    windows = [whole.actions[:, i * WINDOW : (i + 1) * WINDOW] for i in range(3)]
    assert not np.array_equal(windows[0], windows[1])
    assert not np.array_equal(windows[1], windows[2])


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_differ_and_repeat(kind: str) -> None:
    problem, max_steps = some_problem(kind)
    first, again, other = (sample(problem, 50, seed, max_steps) for seed in (0, 0, 1))
    assert same(first, again)
    assert not same(first, other)


def test_normal_numbers_are_finite_at_both_ends() -> None:
    """NumPy's uniform numbers are k/2^53, k = 0 .. 2^53 − 1; the middle maps to 0, and Φ takes it back."""
    ends = _normal(np.array([0.0, 0.5, 1.0 - 2.0**-53]))
    assert np.isfinite(ends).all()
    assert ends[1] == 0.0
    middle = np.linspace(0.01, 0.99, 9)
    assert norm.cdf(_normal(middle)) == pytest.approx(middle)


# -------------------------------------------------------------------------------------------- what a batch says


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_masks_padding_lengths_and_values(kind: str, seed: int) -> None:
    problem, max_steps = some_problem(kind, seed, noisy=False)
    batch = sample(problem, 200, seed=seed, max_steps=max_steps)
    mdp, mask = problem.mdp, batch.mask
    law = exact.rollout(problem, max_steps)
    steps = batch.num_steps
    assert steps == (law.horizon or batch.lengths.max())
    assert np.array_equal(mask.sum(axis=1), batch.lengths)
    # Real steps are possible, are paid what the table says, and start outside terminal states.
    source, action, target = batch.states[:, :-1][mask], batch.actions[mask], batch.states[:, 1:][mask]
    assert (mdp.transition[source, action, target] > 0).all()
    assert not mdp.terminal[source].any()
    assert np.array_equal(batch.rewards[mask], mdp.reward[source, action, target])
    # Padding pays nothing and goes nowhere.
    assert not batch.rewards[~mask].any()
    assert not batch.actions[~mask].any()
    assert (batch.states[:, 1:] == batch.states[:, :-1])[~mask].all()
    # An episode ends early only in a terminal state, or by the random horizon.
    last = batch.states[np.arange(200), batch.lengths]
    early = batch.lengths < steps
    if kind != "random horizon":
        assert mdp.terminal[last[early]].all()
    expected_end = {"finite": np.ones(200, bool), "random horizon": np.ones(200, bool)}
    assert np.array_equal(batch.terminated, expected_end.get(kind, mdp.terminal[last]))
    assert np.array_equal(batch.truncated, ~batch.terminated)
    # Values are those of the problem while the episode has a future, 0 afterwards.
    table = exact.values(problem).state
    if table.ndim == 1:
        table = np.broadcast_to(table, (steps + 1, len(table)))
    expected = np.where(batch.ongoing, table[np.arange(steps + 1), batch.states], 0.0)
    assert np.array_equal(batch.values, expected)
    assert (batch.discount, batch.step_scale, batch.gain) == (law.discount, law.step_scale, law.gain)


def test_early_ends_are_exercised() -> None:
    """Negative control of the test above: episodes of several lengths, and of length zero, occur in its problems."""
    lengths = [sample(some_problem("cut", seed)[0], 200, seed, 7).lengths for seed in range(6)]
    assert sum(len(set(length.tolist())) > 2 for length in lengths) >= 3
    assert any((length == 0).any() for length in lengths)


def test_all_episodes_may_start_in_a_terminal_state() -> None:
    mdp = TabularMDP([1.0], np.ones((1, 2, 1)), np.zeros((1, 2)), [True])
    policy = SoftmaxPolicy([[0.0, 1.0]])
    batch = sample(Problem(mdp, policy, Discounted(0.5)), 4)
    assert (batch.num_steps, batch.lengths.tolist(), batch.terminated.all()) == (0, [0] * 4, True)
    batch = sample(Problem(mdp, policy, FiniteHorizon(3)), 4)
    assert (batch.num_steps, batch.lengths.tolist(), batch.terminated.all()) == (3, [0] * 4, True)


def test_discount_zero_ends_every_episode_after_one_step() -> None:
    problem, _ = some_problem("average", noisy=False)
    batch = sample(Problem(problem.mdp, problem.policy, Discounted(0.0)), 50)
    assert batch.lengths.tolist() == [1] * 50
    assert batch.terminated.all()


def test_what_has_probability_zero_is_never_drawn() -> None:
    """Deterministic pieces leave no room for chance: a logit gap of 1000 is probability 0 in float64."""
    transition = np.zeros((3, 3, 3))
    transition[:, :, 1] = 1.0  # only state 1 is ever entered
    reward = np.zeros((3, 3, 3))
    reward[:, :, [0, 2]] = 1e99  # entering another would show
    mdp = TabularMDP([0.0, 0.0, 1.0], transition, reward)
    policy = SoftmaxPolicy([[-1000.0, 0.0, 0.0], [0.0, -1000.0, 0.0], [0.0, 0.0, -1000.0]])
    batch = sample(Problem(mdp, policy, FiniteHorizon(4)), 5000, seed=2)
    assert (batch.states[:, 0] == 2).all()
    assert (batch.states[:, 1:] == 1).all()
    assert not batch.rewards.any()
    assert not (batch.actions == batch.states[:, :-1]).any()
    assert len(np.unique(batch.actions[:, 0])) == 2


# ------------------------------------------------------------------------------------------------- frequencies


def assert_counts(counts: np.ndarray, trials: int, probabilities: np.ndarray) -> None:
    """Compare counts with the binomials they must come from, FALSE_FAIL shared by all of them."""
    share = FALSE_FAIL / counts.size
    for index in np.ndindex(counts.shape):
        low, high = binomial_bounds(trials, float(probabilities[index]), share)
        assert low <= counts[index] <= high, (index, counts[index], low, high)


@pytest.mark.statistical
@pytest.mark.parametrize("seed", range(3))
def test_frequencies_of_steps_and_lengths(seed: int) -> None:
    """n = 20,000: each (t, s, a, s') is Binomial(n, d_t(s) π(a|s) P(s'|s,a)), each length beyond t likewise.

    False-fail rate 2e-8 (exact binomial quantiles, 1e-8 shared by all counts of each of two comparisons). A
    probability that is off by 0.03 is seen with near certainty: 8 standard deviations of 0.0035.
    """
    problem, _ = some_problem("finite", seed)
    mdp, horizon, count = problem.mdp, problem.objective.horizon, 20_000
    batch = sample(problem, count, seed=100 + seed)
    visits = np.where(mdp.terminal, 0.0, exact.occupancy(problem))
    law = visits[:, :, None, None] * (problem.policy.probabilities()[:, :, None] * mdp.transition)
    counts = np.zeros(law.shape, dtype=int)
    for t in range(horizon):
        real = batch.mask[:, t]
        np.add.at(counts[t], (batch.states[real, t], batch.actions[real, t], batch.states[real, t + 1]), 1)
    assert_counts(counts, count, law)
    longer = (batch.lengths[:, None] > np.arange(horizon)).sum(axis=0)
    assert_counts(longer, count, visits.sum(axis=1))


@pytest.mark.statistical
@pytest.mark.parametrize("seed", range(3))
def test_the_random_horizon_survives_with_probability_gamma(seed: int) -> None:
    """P(length > t) = γ^t P(not terminal by t), t = 0..19, and states at time t likewise: γ^t d_t(s).

    n = 20,000, false-fail rate 2e-8 (exact binomial quantiles).
    """
    problem, _ = some_problem("random horizon", seed)
    count, times = 20_000, 20
    batch = sample(problem, count, seed=200 + seed)
    still = exact.occupancy(Problem(problem.mdp, problem.policy, FiniteHorizon(times)))
    law = np.where(problem.mdp.terminal, 0.0, still) * 0.8 ** np.arange(times)[:, None]
    longer = (batch.lengths[:, None] > np.arange(times)).sum(axis=0)
    assert_counts(longer, count, law.sum(axis=1))
    counts = np.zeros(law.shape, dtype=int)
    for t in range(min(times, batch.num_steps)):
        real = batch.mask[:, t]
        np.add.at(counts[t], batch.states[real, t], 1)
    assert_counts(counts, count, law)


@pytest.mark.statistical
def test_the_random_horizon_has_the_expected_return_of_the_discount() -> None:
    """Paid once, on entering the goal, the return is 0 or 1 and its mean J: a count that is Binomial(n, J).

    n = 100,000, false-fail rate 1e-8; an error of J by 0.01 is seen (J = .708, standard deviation 0.0014).
    """
    transition = np.zeros((3, 2, 3))
    transition[0, 0] = [0.5, 0.5, 0.0]
    transition[0, 1] = [0.0, 0.6, 0.4]
    transition[1, 0] = [0.3, 0.0, 0.7]
    transition[1, 1] = [0.0, 0.9, 0.1]
    transition[2, :, 2] = 1.0
    reward = np.zeros((3, 2, 3))
    reward[:2, :, 2] = 1.0
    mdp = TabularMDP([0.8, 0.2, 0.0], transition, reward, [False, False, True])
    problem = Problem(mdp, SoftmaxPolicy([[0.3, 0.0], [1.0, 0.0], [0.0, 0.0]]), Discounted(0.8))
    batch = sample(problem, 100_000, seed=7)
    value = exact.expected_return(problem)
    assert 0.3 < value < 0.8
    returns = batch.rewards.sum(axis=1)
    assert set(np.unique(returns)) == {0.0, 1.0}
    low, high = binomial_bounds(100_000, value, FALSE_FAIL)
    assert low <= returns.sum() <= high


@pytest.mark.statistical
def test_the_average_reward_starts_and_stays_stationary() -> None:
    """At each of five times the states are Binomial(n, d(s)), n = 20,000; false-fail rate 1e-8.

    Negative control: the MDP's own start distribution is far from d.
    """
    problem, max_steps = some_problem("average", 11)
    visits = exact.occupancy(problem)
    assert np.abs(visits - problem.mdp.start).max() > 0.1
    batch = sample(problem, 20_000, seed=5, max_steps=max_steps)
    times = batch.num_steps + 1
    counts = np.stack([(batch.states == s).sum(axis=0) for s in range(problem.mdp.num_states)], axis=1)
    assert_counts(counts, 20_000, np.broadcast_to(visits, (times, len(visits))))


@pytest.mark.statistical
def test_reward_noise_is_normal_and_independent_of_everything_else() -> None:
    """In each group (state, action, successor, survived) of m steps, z = (r − mean)/σ has Σz/√m normal and Σz² χ²_m.

    False-fail rate 1e-8, shared by all groups; and σ differs from transition to transition, so that an index gone
    astray shows.
    """
    base, _ = some_problem("average", noisy=False)
    mdp = base.mdp
    sigma = 0.5 + np.random.default_rng(0).random(mdp.reward.shape) * 2.0
    noisy = TabularMDP(mdp.start, mdp.transition, mdp.reward, mdp.terminal, sigma)
    batch = sample(Problem(noisy, base.policy, Discounted(0.7)), 20_000, seed=3)
    mask = batch.mask
    index = (batch.states[:, :-1][mask], batch.actions[mask], batch.states[:, 1:][mask])
    noise = (batch.rewards[mask] - mdp.reward[index]) / sigma[index]
    survived = (np.arange(batch.num_steps) < batch.lengths[:, None] - 1)[mask]
    group = np.ravel_multi_index(index, mdp.reward.shape) * 2 + survived
    groups = np.unique(group)
    assert len(groups) >= 8
    share = FALSE_FAIL / (2 * len(groups))
    for label in groups:
        z = noise[group == label]
        assert abs(z.sum()) / np.sqrt(len(z)) <= norm.isf(share / 2)
        assert chi2.ppf(share / 2, len(z)) <= (z**2).sum() <= chi2.isf(share / 2, len(z))


# ------------------------------------------------------------------------------------- bounded memory, refusals


@pytest.mark.usefixtures("unchecked_shapes")  # a long loop
def test_chunks_are_small_however_many_trajectories_are_asked_for() -> None:
    mdp = TabularMDP([1.0], np.ones((1, 2, 1)), [[0.0, 1.0]])
    policy = SoftmaxPolicy([[0.0, 0.0]])
    for objective, longest in ((FiniteHorizon(2000), 2000), (Discounted(0.95), None)):
        chunks = sample_chunks(Problem(mdp, policy, objective), 10**12, seed=1)
        for chunk in islice(chunks, 2):
            assert chunk.num_steps == longest or longest is None
            assert len(chunk) * np.mean(chunk.lengths) <= CHUNK_CELLS
            assert chunk.states.size <= 3 * CHUNK_CELLS


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_trajectories": 0}, "num_trajectories is 0, must be an integer of at least 1"),
        ({"num_trajectories": -5}, "num_trajectories is -5, must be"),
        ({"num_trajectories": 2.5}, "num_trajectories is 2.5, must be"),
        ({"num_trajectories": True}, "num_trajectories is True, must be"),
        ({"seed": -1}, "seed is -1, must be an integer of at least 0"),
        ({"seed": 0.5}, "seed is 0.5, must be"),
        ({"seed": None}, "seed is None, must be"),
        ({"chunk_size": 0}, "chunk_size is 0, must be an integer of at least 1"),
        ({"max_steps": 0}, "max_steps is 0, must be an integer of at least 1 step"),
        ({"max_steps": 1.5}, "max_steps is 1.5, must be"),
    ],
)
def test_refuses_what_cannot_be_sampled(arguments: dict[str, Any], message: str) -> None:
    problem, _ = some_problem("random horizon")
    with pytest.raises(InvalidSampling, match=message):
        sample(problem, **{"num_trajectories": 3, **arguments})


def test_max_steps_is_within_the_horizon_and_needed_where_there_is_none() -> None:
    finite, _ = some_problem("finite")
    average, _ = some_problem("average")
    beyond = finite.objective.horizon + 1
    with pytest.raises(InvalidSampling, match=f"max_steps is {beyond}, must be at most the horizon"):
        sample(finite, 3, max_steps=beyond)
    with pytest.raises(InvalidSampling, match="max_steps is None, must be an integer of at least 1 step"):
        sample(average, 3)
