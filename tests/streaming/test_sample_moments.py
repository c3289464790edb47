"""Moments by streaming are those of the trajectories that `sample` draws, compiled or not, and near the exact ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from jaxtyping import Float

import pgverify as pgv
from pgverify.errors import InvalidEstimator, InvalidSampling
from pgverify.exact.rollout_law import rollout
from pgverify.randomness import Channel, Stream
from pgverify.stats import Moments
from pgverify.streaming import native, sampled_moments, visited_pairs
from pgverify.streaming.compiled import compiled_weights
from pgverify.streaming.contribution_sums import ContributionSums
from pgverify.streaming.packed_law import packed_law
from pgverify.streaming.plain import drawn, plain_weights
from pgverify.validation import Array

Problem = pgv.Problem
STEPS = 9
ESTIMATORS = {
    "reward-to-go": pgv.estimators.RewardToGo(),
    "state value": pgv.estimators.RewardToGo(pgv.baselines.StateValue()),
    "no gamma^t": pgv.estimators.RewardToGo(discount_weighting=False),
    "total return": pgv.estimators.TotalReturn(pgv.baselines.Constant(0.7)),
    "gae": pgv.estimators.GeneralizedAdvantage(0.8),
    "wrong critic": pgv.estimators.GeneralizedAdvantage(0.3, critic=pgv.baselines.Constant(2.0)),
}
PLACES = ("finite", "cut", "random horizon", "average reward", "terminal", "noisy", "another acts", "linear")


def place(name: str) -> tuple[Problem, dict[str, object]]:
    """Return a problem of that kind, and how it is sampled."""
    rng = np.random.default_rng(PLACES.index(name))
    states, actions = 4, 3
    terminal = np.arange(states) == 3 if name == "terminal" else None
    transition = rng.dirichlet(np.ones(states), (states, actions))
    reward = rng.normal(size=(states, actions, states))
    if terminal is not None:
        transition[3], reward[3] = np.eye(states)[3], 0.0
    mdp = pgv.TabularMDP(
        rng.dirichlet(np.ones(states)),
        transition,
        reward,
        terminal=terminal,
        reward_noise=0.5 if name == "noisy" else None,
    )
    policy: pgv.Policy = pgv.SoftmaxPolicy(rng.normal(size=(states, actions)))
    if name == "linear":
        policy = pgv.LinearSoftmaxPolicy(rng.normal(size=(states, actions, 5)), rng.normal(size=5))
    options: dict[str, object] = {}
    objective: object = pgv.FiniteHorizon(STEPS, discount=0.9)
    if name == "cut":
        objective, options = pgv.Discounted(0.9), {"max_steps": STEPS}
    elif name == "random horizon":
        objective = pgv.Discounted(0.8)
    elif name == "average reward":
        objective, options = pgv.AverageReward(), {"max_steps": STEPS}
    elif name == "another acts":
        options = {"acting": pgv.SoftmaxPolicy(rng.normal(size=(states, actions)))}
    return pgv.Problem(mdp, policy, objective), options  # type: ignore[arg-type]


@pytest.fixture(params=["compiled", "NumPy alone"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "compiled":
        if native.kernel() is None:
            pytest.skip("the kernel was not built: no C compiler")
    else:
        monkeypatch.setattr(sampled_moments, "kernel", lambda: None)


def same(found: Moments, expected: Moments) -> None:
    """Every sum agrees to rounding, on the scale of the largest of its kind."""
    assert found.count == expected.count
    for name in ("mean", "scatter", "third", "fourth", "norm_third", "norm_fourth"):
        if expected.diagonal and name.startswith("norm"):
            continue
        a, b = np.asarray(getattr(found, name)), np.asarray(getattr(expected, name))
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10 * max(float(np.abs(b).max()), 1e-300), err_msg=name)


@pytest.mark.usefixtures("_way", "unchecked_shapes")
@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("title", ESTIMATORS)
def test_the_moments_are_those_of_the_sampled_batch(name: str, title: str) -> None:
    problem, options = place(name)
    estimator = ESTIMATORS[title]
    batch = pgv.sample(problem, 203, seed=7, **options)  # type: ignore[arg-type]
    found = pgv.sample_moments(estimator, problem, 203, seed=7, **options)  # type: ignore[arg-type]
    same(found, Moments.of(estimator(batch)))


@pytest.mark.parametrize("name", PLACES)
def test_the_trajectories_are_the_same_to_the_bit(name: str) -> None:
    """With weights of 1 the kernel counts visits; whole numbers have no rounding to hide behind."""
    problem, options = place(name)
    law = rollout(problem, **options)  # type: ignore[arg-type]
    packed = packed_law(ESTIMATORS["reward-to-go"], law, 3)
    assert packed is not None
    batch = pgv.sample(problem, 100, seed=3, **options)  # type: ignore[arg-type]
    columns = drawn(packed, 0, 100)
    steps = batch.num_steps
    taken = np.ones((steps, 100), dtype=bool) if columns.taken is None else columns.taken
    np.testing.assert_array_equal(taken.T, batch.mask)
    pairs = np.where(taken.T, columns.pairs.T, 0)
    actions = problem.mdp.num_actions
    np.testing.assert_array_equal(pairs, np.where(batch.mask, batch.states[:, :-1] * actions + batch.actions, 0))
    np.testing.assert_array_equal(columns.rewards.T, batch.relative_rewards)
    np.testing.assert_array_equal(columns.ended, batch.terminated)
    kernel = native.kernel()
    if kernel is None:
        pytest.skip("the kernel was not built: no C compiler")
    counting = replace(
        packed, sum=replace(packed.sum, baseline=np.zeros(1), decay=0.0, weighting=1.0), ratio=None, critic=None
    )
    unit = replace(counting, reward=np.ones_like(packed.reward), noise=np.zeros_like(packed.noise))
    plain_law = replace(unit, rollout=replace(law, gain=0.0, step_scale=1.0))
    out = np.empty((100, packed.pairs))
    compiled_weights(kernel, plain_law)(0, out)
    place_of = np.arange(100)[:, None] * packed.pairs + pairs
    visits = np.bincount(place_of.ravel(), weights=batch.mask.ravel(), minlength=out.size).reshape(out.shape)
    np.testing.assert_array_equal(out, visits)


def test_a_kernel_that_reads_another_channel_is_seen() -> None:
    """Negative control: the numbers of another channel are other trajectories."""
    problem, _ = place("finite")
    packed = packed_law(ESTIMATORS["reward-to-go"], rollout(problem), 3)
    assert packed is not None
    other = replace(packed, stream=_Other(packed.stream.key))
    assert (drawn(packed, 0, 50).pairs != drawn(other, 0, 50).pairs).any()
    assert not np.allclose(plain_weights(packed, 0, 50), plain_weights(other, 0, 50))


class _Other(Stream):
    def window(self, channel: Channel, window: int, first: int, rows: int) -> Float[Array, "rows 4"]:
        return super().window(Channel(channel + 1), window, first, rows)


@pytest.mark.usefixtures("_way")
def test_parts_and_workers_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, _ = place("finite")
    monkeypatch.setattr(sampled_moments, "PART", 64)
    one = pgv.sample_moments(ESTIMATORS["gae"], problem, 500, seed=1)
    two = pgv.sample_moments(ESTIMATORS["gae"], problem, 500, seed=1, workers=2)
    assert np.array_equal(one.scatter, two.scatter)
    assert np.array_equal(one.mean, two.mean)


@pytest.mark.usefixtures("_way", "unchecked_shapes")
def test_it_is_near_the_exact_moments() -> None:
    """The mean is within 6 standard errors in each of 12 coordinates: 2e-8 of runs fail, were they normal."""
    problem, _ = place("finite")
    estimator = ESTIMATORS["state value"]
    found, exact = pgv.sample_moments(estimator, problem, 40_000, seed=2), pgv.exact.moments(estimator, problem)
    assert (np.abs(found.mean - exact.mean) < 6.0 * found.standard_error).all()
    assert abs(found.trace / np.trace(exact.covariance) - 1.0) < 0.1


def test_an_estimator_that_does_not_declare_what_it_does_is_called() -> None:
    @dataclass(frozen=True)
    class Doubled(pgv.estimators.RewardToGo):
        """Declares reward-to-go, and returns twice that."""

        def __call__(self, batch: pgv.Trajectories) -> Float[Array, "n d"]:
            return 2.0 * super().__call__(batch)

    problem, _ = place("finite")
    once = pgv.sample_moments(pgv.estimators.RewardToGo(), problem, 100)
    twice = pgv.sample_moments(Doubled(), problem, 100)
    np.testing.assert_allclose(twice.mean, 2.0 * once.mean, rtol=1e-12)


def test_functions_are_called() -> None:
    problem, _ = place("finite")
    own = pgv.sample_moments(lambda batch: batch.score_weighted(batch.rewards), problem, 50, seed=4)
    batch = pgv.sample(problem, 50, seed=4)
    np.testing.assert_allclose(own.mean, batch.score_weighted(batch.rewards).mean(axis=0), rtol=1e-12)


@pytest.mark.usefixtures("_way")
def test_only_variances_are_kept_where_that_is_asked_for() -> None:
    problem, _ = place("finite")
    full = pgv.sample_moments(ESTIMATORS["gae"], problem, 300)
    diagonal = pgv.sample_moments(ESTIMATORS["gae"], problem, 300, diagonal=True)
    assert diagonal.diagonal
    np.testing.assert_allclose(diagonal.variance, full.variance, rtol=1e-12)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("name", [name for name in PLACES if name != "linear"])
@pytest.mark.parametrize("title", ["state value", "total return", "gae"])
def test_sums_over_visited_pairs_are_those_over_all(name: str, title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if native.kernel() is None:
        pytest.skip("the kernel was not built: no C compiler")
    problem, options = place(name)
    asked = {"seed": 5, "diagonal": True, **options}
    every = pgv.sample_moments(ESTIMATORS[title], problem, 203, **asked)  # type: ignore[arg-type]
    monkeypatch.setattr(visited_pairs, "FEWEST_PAIRS", 0)
    called = []
    adding = sampled_moments.visited_adding
    monkeypatch.setattr(sampled_moments, "visited_adding", lambda *given: called.append(adding(*given)) or called[0])
    visited = pgv.sample_moments(ESTIMATORS[title], problem, 203, **asked)  # type: ignore[arg-type]
    assert called[0] is not None
    assert visited.diagonal
    same(visited, every)


@pytest.mark.usefixtures("_way")
def test_large_offsets_cancel_about_the_centre() -> None:
    """A baseline far away: contributions of about 1e6 whose deviations count, against two passes over the batch."""
    problem, _ = place("finite")
    estimator = pgv.estimators.RewardToGo(pgv.baselines.Constant(1e6))
    batch = pgv.sample(problem, 300, seed=1)
    same(pgv.sample_moments(estimator, problem, 300, seed=1), Moments.of(estimator(batch)))


def test_sums_move_to_the_mean() -> None:
    """Against `Moments.of`, which goes over the rows twice; about a centre that is one standard deviation off."""
    x = np.random.default_rng(0).normal(size=(60, 3)) ** 2
    sums = ContributionSums.about(x.mean(axis=0) + 1.0, diagonal=False)
    sums.add(x[:25].copy())
    rest = ContributionSums.about(sums.centre, diagonal=False)
    rest.add(x[25:].copy())
    sums.merge(rest)
    same(sums.moments(), Moments.of(x))


@pytest.mark.usefixtures("unchecked_shapes")
def test_bad_input_is_one_sentence() -> None:
    problem, _ = place("finite")
    with pytest.raises(InvalidEstimator, match="must return one contribution a trajectory"):
        pgv.sample_moments(lambda _: np.zeros(3), problem, 10)
    with pytest.raises(InvalidEstimator, match="must be a function of a batch"):
        pgv.sample_moments("gae", problem, 10)  # type: ignore[arg-type]
    with pytest.raises(InvalidSampling, match="workers"):
        pgv.sample_moments(ESTIMATORS["gae"], problem, 10, workers=0)
