"""Groups that start alike: how they are drawn and carried, the mean of one's own group, exact moments by listing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from moment_cases import moment_error, small_problem
from reference import binomial_bounds, score_by_complex_step

import pgverify as pgv
from pgverify import Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, Trajectories, exact
from pgverify.baselines import AverageReturn, StateValue
from pgverify.errors import InvalidSampling
from pgverify.estimators import Estimator, RewardToGo, TotalReturn
from pgverify.trajectories import concatenate

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def two_starts(objective: FiniteHorizon | Discounted) -> Problem:
    rng = np.random.default_rng(41)
    mdp = TabularMDP([0.3, 0.7, 0.0], rng.dirichlet(np.ones(3), size=(3, 2)), rng.normal(size=(3, 2)))
    return Problem(mdp, SoftmaxPolicy(rng.normal(size=(3, 2))), objective)


@pytest.mark.parametrize("objective", [FiniteHorizon(3, 0.9), Discounted(0.7)])
@pytest.mark.parametrize("size", [1, 3, 4])
def test_members_start_alike_and_go_on_apart(objective: FiniteHorizon | Discounted, size: int) -> None:
    """1,200 groups start by p (binomial bounds, rate 1e-9); members differ somewhere in nearly all groups."""
    batch = pgv.sample(two_starts(objective), 1_200 * size, seed=7, group_size=size)
    assert batch.group is not None
    assert np.array_equal(batch.group, np.repeat(np.arange(1_200), size))
    first = batch.states[:, 0].reshape(1_200, size)
    assert (first == first[:, :1]).all()
    low, high = binomial_bounds(1_200, 0.3, 1e-9)
    assert low <= int((first[:, 0] == 0).sum()) <= high
    if size > 1:  # two members take the same first action with probability below 0.9: 1,200 times, never
        actions = batch.actions[:, 0].reshape(1_200, size)
        assert 0.05 < (actions != actions[:, :1]).any(axis=1).mean() < 1.0


@pytest.mark.parametrize("chunk", [1, 2, 5, 7, 24])
def test_chunks_do_not_matter_even_where_they_split_a_group(chunk: int) -> None:
    problem = two_starts(Discounted(0.7))
    whole = pgv.sample(problem, 24, seed=3, group_size=4)
    parts = pgv.sample(problem, 24, seed=3, group_size=4, chunk_size=chunk)
    for name in ("states", "actions", "rewards", "lengths", "group"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name)), name


def test_without_a_size_there_are_no_groups_and_the_same_episodes_as_of_one() -> None:
    problem = two_starts(FiniteHorizon(3))
    alone, single = pgv.sample(problem, 20, seed=1), pgv.sample(problem, 20, seed=1, group_size=1)
    assert alone.group is None
    assert np.array_equal(alone.states, single.states)
    assert np.array_equal(alone.actions, single.actions)


def test_groups_follow_their_rows() -> None:
    batch = pgv.sample(two_starts(FiniteHorizon(3)), 8, seed=1, group_size=2)
    assert batch.group is not None
    assert batch.select([5, 0, 1]).group.tolist() == [2, 0, 0]
    assert batch.select(batch.group == 1).group.tolist() == [1, 1]
    copied = batch.copy()
    copied.group[:] = 9
    assert batch.group.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    joined = concatenate([batch.select(slice(4, 8)), batch.select(slice(0, 4))])
    assert joined.group.tolist() == [2, 2, 3, 3, 0, 0, 1, 1]


@pytest.mark.parametrize("name", ["group", "critic"])
def test_batches_with_and_without_are_not_joined(name: str) -> None:
    batch = pgv.sample(two_starts(FiniteHorizon(3)), 4)
    given = replace(batch, **{name: np.zeros(4, dtype=np.int64) if name == "group" else np.zeros((4, 4))})
    for order in ([batch, given], [given, batch]):
        with pytest.raises(InvalidSampling, match=f"{name} is None in batches.* must be given in all"):
            concatenate(order)


@pytest.mark.parametrize("leave_one_out", [True, False])
def test_the_mean_is_that_of_the_own_group(leave_one_out: bool) -> None:
    """Group numbers of any kind in any order; means by a loop over members."""
    problem = two_starts(Discounted(0.8))
    batch = pgv.sample(problem, 9, seed=5, max_steps=4)
    group = np.array([7, -2, 7, 100, -2, 7, 100, 100, 100])
    grouped = replace(batch, group=group)
    returns = [sum(0.8**t * batch.rewards[i, t] for t in range(4)) for i in range(9)]
    found = AverageReturn(leave_one_out).evaluate(grouped)
    for i in range(9):
        members = [j for j in range(9) if group[j] == group[i] and not (leave_one_out and j == i)]
        assert found[i] == pytest.approx(sum(returns[j] for j in members) / len(members), rel=1e-12)


def groups(batch: Trajectories, chances: np.ndarray, size: int) -> Iterator[tuple[list[int], float]]:
    """Yield every group of trajectories that start alike, with its probability p(s) Π P(τ|s)."""
    for start in np.unique(batch.states[:, 0]):
        rows = np.flatnonzero(batch.states[:, 0] == start)
        here = float(chances[rows].sum())
        for members in product(rows.tolist(), repeat=size):
            yield list(members), here * float(np.prod(chances[list(members)] / here))


def group_estimate(kind: str, batch: Trajectories, members: list[int], score: np.ndarray, gamma: float) -> np.ndarray:
    """Return the mean contribution of one group, by loops.

    Parameters
    ----------
    kind : "all", "others" (mean returns with reward-to-go or the whole return) or "none"
    """
    returns = {j: sum(gamma**t * r for t, r in enumerate(batch.rewards[j])) for j in set(members)}
    total = np.zeros(score.shape[-1])
    for place, i in enumerate(members):
        others = [returns[j] for k, j in enumerate(members) if k != place]
        mean = {"all": (sum(others) + returns[i]) / len(members), "others": sum(others) / max(len(others), 1)}
        for t in range(int(batch.lengths[i])):
            to_go = sum(gamma ** (k - t) * batch.rewards[i, k] for k in range(t, int(batch.lengths[i])))
            weight = {
                "return, others": returns[i] - mean["others"],
                "to go, all": gamma**t * (to_go - mean["all"]),
                "to go": gamma**t * to_go,
            }[kind]
            total += weight * score[batch.states[i, t], batch.actions[i, t]]
    return total / len(members)


ESTIMATORS: dict[str, Estimator] = {
    "return, others": TotalReturn(AverageReturn(True)),
    "to go, all": RewardToGo(AverageReturn(False)),
    "to go": RewardToGo(),
}


@pytest.mark.parametrize("block", range(7))
def test_exact_moments_of_groups(block: int) -> None:
    """30 problems a block, groups of two by listing all pairs that start alike; means over independent groups."""
    for seed in range(30 * block, 30 * block + 30):
        problem = small_problem(seed, "finite", horizon=2, logit_scales=(0.0, 1.0, 3.0), limit=14, max_states=3)
        batch, chances = exact.enumerate_trajectories(problem)
        score, gamma = score_by_complex_step(problem.policy), float(problem.objective.discount)
        kind = list(ESTIMATORS)[seed % 3]
        listed = list(groups(batch, chances, 2))
        weights = np.array([weight for _, weight in listed])
        assert weights.sum() == pytest.approx(1.0, abs=1e-12)
        rows = np.array([group_estimate(kind, batch, members, score, gamma) for members, _ in listed])
        mean = weights @ rows
        covariance = (rows - mean).T @ ((rows - mean) * weights[:, None])
        # The weights of one member are larger than the difference that is left of a group.
        alone = RewardToGo()(batch)
        scale = float(weights @ (rows**2).sum(axis=1)) + float(chances @ (alone**2).sum(axis=1)) + 1e-290
        for form in ("full", "diagonal", "trace"):
            found = exact.batch_moments(ESTIMATORS[kind], problem, 6, form, group_size=2)
            assert moment_error(found, mean, covariance / 3.0, scale) <= 1e-10, f"seed {seed}, {kind}, {form}"


def test_groups_of_three() -> None:
    problem = two_starts(FiniteHorizon(1))
    batch, chances = exact.enumerate_trajectories(problem)
    score = score_by_complex_step(problem.policy)
    for kind, estimator in ESTIMATORS.items():
        listed = list(groups(batch, chances, 3))
        rows = np.array([group_estimate(kind, batch, members, score, 1.0) for members, _ in listed])
        weights = np.array([weight for _, weight in listed])
        mean = weights @ rows
        covariance = (rows - mean).T @ ((rows - mean) * weights[:, None])
        found = exact.batch_moments(estimator, problem, 12, group_size=3)
        assert moment_error(found, mean, covariance / 4.0, float(weights @ (rows**2).sum(axis=1))) <= 1e-11
        if kind == "return, others":  # still unbiased; the mean with one's own shrinks by 2/3 within each prompt
            assert mean == pytest.approx(exact.gradient(problem), abs=1e-13)
        if kind == "to go, all":
            assert mean == pytest.approx(2.0 / 3.0 * exact.gradient(problem), abs=1e-13)


@pytest.mark.parametrize("estimator", [TotalReturn(AverageReturn(True)), RewardToGo(StateValue())])
def test_sampled_groups_have_the_exact_moments(estimator: Estimator) -> None:
    """3,000 groups of four: every mean within 6.5 standard errors (rate 8e-11 each, 5e-10 in all)."""
    problem = two_starts(FiniteHorizon(3, 0.9))
    batch = pgv.sample(problem, 12_000, seed=11, group_size=4)
    exactly = exact.batch_moments(estimator, problem, 12_000, "diagonal", group_size=4)
    assert exactly.variance is not None
    off = np.abs(estimator(batch).mean(axis=0) - exactly.mean)
    assert (off <= 6.5 * np.sqrt(exactly.variance)).all()
    # The mean over groups varies more than that over independent episodes, without a baseline of their own.
    alone = exact.batch_moments(RewardToGo(), problem, 12_000, "trace").trace
    assert exact.batch_moments(RewardToGo(), problem, 12_000, "trace", group_size=4).trace > alone


def test_one_start_makes_groups_independent() -> None:
    problem = two_starts(FiniteHorizon(2, 0.9))
    one = replace(problem, mdp=replace(problem.mdp, start=[0.0, 1.0, 0.0]))
    for estimator in (RewardToGo(), TotalReturn()):
        grouped = exact.batch_moments(estimator, one, 6, group_size=3)
        plain = exact.batch_moments(estimator, one, 6)
        assert grouped.covariance == pytest.approx(plain.covariance, rel=1e-11, abs=1e-15)
