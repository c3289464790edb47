"""Self-normalised importance sampling: exact moments against the list of batches, and by convolution of the weights."""

from __future__ import annotations

import numpy as np
import pytest
from declared_cases import small_off_policy
from moment_cases import moment_error, tables
from slow_cases import some_slow

import pgverify as pgv
from pgverify import exact
from pgverify.collected_problem import CollectedProblem
from pgverify.errors import InvalidEstimator, TooLarge
from pgverify.estimators import SelfNormalized, TotalReturn, effective_sample_size
from pgverify.exact import weighted_totals
from pgverify.exact.self_normalised import self_normalised_sums
from pgverify.exact.step_law import step_law

TOLERANCE = 1e-9
PROBLEMS = 200
MOST_BATCHES = 150

SUITE = {entry.name: entry.problem for entry in pgv.suites.get("off-policy")}


def estimators(problem: pgv.Problem, seed: int) -> list[SelfNormalized]:
    given = tables(problem, seed, problem.objective.horizon)
    return [SelfNormalized(), SelfNormalized(TotalReturn(given.by_time, discount_weighting=False), cap=1.2)]


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("seed", some_slow(PROBLEMS, 3))
def test_every_batch_is_listed(seed: int) -> None:
    problem, acting = small_off_policy(seed, limit=MOST_BATCHES)
    collected = CollectedProblem(problem.mdp, problem.policy, problem.objective, acting=acting)
    count = exact.count_trajectories(problem, acting)
    for n in (1, 2, 3):
        if n > 1 and count**n > MOST_BATCHES:
            break
        for estimator in estimators(problem, seed):
            batch, chance = exact.enumerate_trajectories(collected)
            rows = np.stack(np.meshgrid(*[np.arange(len(batch))] * n, indexing="ij"), axis=-1).reshape(-1, n)
            values = np.stack([estimator(batch.select(list(each))).mean(axis=0) for each in rows])
            weights = chance[rows].prod(axis=1)
            mean, second = weights @ values, (values * weights[:, None]).T @ values
            scale = np.trace(second) + 1e-290
            found = exact.batch_moments(estimator, problem, n, acting=acting)
            assert moment_error(found, mean, second - np.outer(mean, mean), scale) <= TOLERANCE
            assert exact.batch_moments(estimator, collected, n).trace == found.trace


def by_convolution(problem: pgv.Problem, estimator: SelfNormalized, n: int) -> np.ndarray:
    """Return n Σ_w w M(w) E[1/(w + S)], S the sum of n − 1 weights, from the list of trajectories."""
    batch, chance = exact.enumerate_trajectories(problem)
    weight = np.minimum(batch.importance.prod(axis=1), np.inf if estimator.cap is None else estimator.cap)
    base = estimator.base(pgv.Trajectories(**{**vars(batch), "rollout": exact.rollout(own(problem))}))
    sums = {0.0: 1.0}
    for _ in range(n - 1):
        following: dict[float, float] = {}
        for total, likely in sums.items():
            for one, probability in zip(weight, chance, strict=True):
                key = round(total + one, 12)
                following[key] = following.get(key, 0.0) + likely * probability
        sums = following
    totals, likely = np.array(list(sums)), np.array(list(sums.values()))
    inverse = (likely / (weight[:, None] + totals)).sum(axis=1)
    return n * (chance * weight * inverse) @ base


def own(problem: pgv.Problem) -> pgv.Problem:
    return pgv.Problem(problem.mdp, problem.policy, problem.objective)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(("name", "n"), [("lent-bandit", 2), ("lent-bandit", 20), ("ends-sooner", 5)])
@pytest.mark.parametrize("cap", [None, 1.5])
def test_means_by_convolution(name: str, n: int, cap: float | None) -> None:
    estimator = SelfNormalized(cap=cap)
    expected = by_convolution(SUITE[name], estimator, n)
    found = exact.batch_moments(estimator, SUITE[name], n).mean
    assert found == pytest.approx(expected, abs=1e-9 * np.abs(expected).max())


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("n", [1, 2, 33, 1_000])
def test_half_as_many_nodes_are_enough(n: int) -> None:
    for problem in (SUITE["lent-bandit"], SUITE["far"], SUITE["ends-sooner"]):
        law = step_law(problem, exact.rollout(problem), whole=True)
        declared = SelfNormalized().declaration(law.rollout)
        fine, coarse = (self_normalised_sums(law, declared, n, step) for step in (1 / 32, 1 / 16))
        for one, other in zip(fine, coarse, strict=True):
            assert np.abs(one - other).max() <= 1e-13 * np.abs(one).max()


def test_the_bias_falls_like_one_over_n_and_one_trajectory_is_that_of_mu() -> None:
    problem = SUITE["lent-bandit"]
    truth = exact.gradient(problem)
    gaps = [np.linalg.norm(exact.batch_moments(SelfNormalized(), problem, n).mean - truth) for n in (100, 200, 1_000)]
    assert gaps[0] / gaps[1] == pytest.approx(2.0, rel=0.02)
    assert gaps[0] / gaps[2] == pytest.approx(10.0, rel=0.03)
    batch, chance = exact.enumerate_trajectories(problem)
    # One trajectory weighs 1 whatever its weight is: E_μ[ψ R].
    score = problem.policy.score()[0][batch.actions[:, 0]]
    expected = (chance * batch.rewards[:, 0]) @ score
    assert exact.batch_moments(SelfNormalized(), problem, 1).mean == pytest.approx(expected, abs=1e-14)
    assert np.linalg.norm(expected - truth) > 0.1 * np.linalg.norm(truth)


def test_on_policy_it_is_the_plain_mean() -> None:
    problem = own(SUITE["near"])
    found, plain = (exact.batch_moments(one, problem, 4) for one in (SelfNormalized(), TotalReturn()))
    assert found.covariance == pytest.approx(plain.covariance, abs=1e-14)
    batch = pgv.sample(problem, 50, seed=1)
    assert SelfNormalized()(batch) == pytest.approx(TotalReturn()(batch), abs=1e-14)
    assert effective_sample_size(batch) == 50.0


def test_weights_by_a_plain_loop() -> None:
    batch = pgv.sample(SUITE["far"], 20, seed=2)
    products = [np.prod([batch.importance[i, t] for t in range(batch.lengths[i])]) for i in range(20)]
    for cap in (None, 1.5):
        weight = [w if cap is None else min(w, cap) for w in products]
        returns = [sum(0.8**t * batch.rewards[i, t] for t in range(3)) for i in range(20)]
        found = SelfNormalized(cap=cap).weights(batch)
        for i in range(20):
            assert found[i] == pytest.approx([20 * weight[i] * returns[i] / sum(weight)] * 3, rel=1e-12)
        expected = sum(weight) ** 2 / sum(w * w for w in weight)
        assert effective_sample_size(batch, cap) == pytest.approx(expected, rel=1e-12)


def test_the_share_that_is_left_is_that_of_a_large_batch() -> None:
    """1/E[W²] by recursion and by the list; a batch of 200,000 has it within 1 %."""
    for problem in SUITE.values():
        batch, chance = exact.enumerate_trajectories(problem)
        share = exact.effective_sample_share(problem)
        assert share == pytest.approx(1.0 / (chance @ batch.importance.prod(axis=1) ** 2), rel=1e-12)
        assert 0.0 < share < 1.0
        assert exact.effective_sample_share(own(problem)) == pytest.approx(1.0, rel=1e-14)
    near = SUITE["near"]
    found = effective_sample_size(pgv.sample(near, 20_000, seed=5)) / 20_000
    assert found == pytest.approx(exact.effective_sample_share(near), rel=0.02)


def test_the_share_under_a_random_horizon() -> None:
    """One state, one step more with probability γ: E[W²] = (1−γ) Σ_k γ^k m^(k+1), m = E[ρ²]."""
    mdp = pgv.TabularMDP([1.0], np.ones((1, 2, 1)), [[1.0, 0.0]])
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy([[0.0, 0.5]]), pgv.Discounted(0.5))
    acting = pgv.SoftmaxPolicy([[0.2, 0.0]])
    square = (problem.policy.probabilities() ** 2 / acting.probabilities()).sum()
    assert exact.effective_sample_share(problem, acting) == pytest.approx(
        (1 - 0.5 * square) / (0.5 * square), rel=1e-12
    )


def test_a_batch_without_weight_estimates_nothing() -> None:
    """μ takes an action that π, masked, never takes: where all of a batch did, there is nothing to divide by."""
    mdp = pgv.TabularMDP([1.0], np.ones((1, 2, 1)), [[1.0, -1.0]])
    policy = pgv.MaskedPolicy(pgv.SoftmaxPolicy([[0.3, 0.1]]), [[True, False]])
    problem = CollectedProblem(mdp, policy, pgv.FiniteHorizon(1), acting=pgv.SoftmaxPolicy([[0.0, 0.0]]))
    batch, _ = exact.enumerate_trajectories(problem)
    never = batch.select(batch.importance[:, 0] == 0.0)
    assert not SelfNormalized()(never).any()
    assert effective_sample_size(never) == 0.0
    assert np.isfinite(exact.batch_moments(SelfNormalized(), problem, 2).mean).all()


def test_what_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    near = SUITE["near"]
    with pytest.raises(InvalidEstimator, match=r"depend on each other, .* use exact.batch_moments"):
        exact.moments(SelfNormalized(), near)
    with pytest.raises(InvalidEstimator, match="group_size is 2, must be left out"):
        exact.batch_moments(SelfNormalized(), near, 4, group_size=2)
    endless = pgv.Problem(near.mdp, near.policy, pgv.Discounted(0.5))
    with pytest.raises(InvalidEstimator, match=r"episodes of bounded length .* pass max_steps="):
        exact.batch_moments(SelfNormalized(), endless, 2, acting=near.acting)
    monkeypatch.setattr(weighted_totals, "LARGEST_TABLE", 100)
    with pytest.raises(TooLarge, match=r"weights of trajectories take \d+ values after \d step"):
        exact.batch_moments(SelfNormalized(), near, 2)
