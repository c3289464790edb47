"""Numbers that can be derived by hand, and the entries that must reproduce them."""

from __future__ import annotations

from collections.abc import Callable
from math import comb, exp, pi, sqrt

import numpy as np
import pytest
from bug_problems import THREE_ARMS, coin_door, each_batch
from scipy.stats import norm

from pgverify import Discounted, FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, Trajectories, exact, sample
from pgverify.bugs import get
from pgverify.bugs.actions import plain_setting
from pgverify.bugs.gaussian_nodes import gaussian_policy, one_dimension
from pgverify.bugs.groups import standardised
from pgverify.bugs.selection import unequal_comparison
from pgverify.errors import InvalidEstimator, InvalidPolicy
from pgverify.estimators import RewardToGo, TotalReturn


def expectation(slug: str, problem: Problem) -> np.ndarray:
    batch, probabilities = exact.enumerate_trajectories(problem)
    return probabilities @ get(slug).implementation(batch)


def constant_reward() -> Problem:
    mdp = TabularMDP([1.0], np.ones((1, 3, 1)), [[1.0, 1.0, 1.0]])
    return Problem(mdp, THREE_ARMS.policy, FiniteHorizon(1))


@pytest.mark.parametrize(
    ("slug", "law", "published", "digits"),
    [
        # q = 0.8 π + 0.2/3.
        ("exploration-not-scored", 0.8 * np.array([0.31274, 0.17164, 0.51562]) + 0.2 / 3, (0.0041, 0.0323, -0.0365), 4),
        # q = π over the two likeliest arms, divided by 1 − 0.17164.
        ("truncated-sampling", np.array([0.31274, 0.0, 0.51562]) / 0.82836, (0.065, -0.172, 0.107), 3),
    ],
)
def test_drift_under_a_constant_reward(slug: str, law: np.ndarray, published: tuple[float, ...], digits: int) -> None:
    """E_q[ψ_π] = Σ_a q_a (e_a − π) = q − π, with π = (.31274, .17164, .51562): an estimator of ∇J would give 0."""
    drift = expectation(slug, constant_reward())
    np.testing.assert_allclose(drift, law - np.array([0.31274, 0.17164, 0.51562]), atol=1e-5)
    np.testing.assert_allclose(drift, published, atol=0.5 * 10.0**-digits)
    batch, probabilities = exact.enumerate_trajectories(constant_reward())
    np.testing.assert_allclose(probabilities @ get(slug).correct(batch), 0.0, atol=1e-15)


@pytest.mark.parametrize("slug", ["clipped-action-scored", "temperature-mismatch", "argmax-action", "double-softmax"])
def test_a_constant_reward_gives_these_away_too(slug: str) -> None:
    problem = constant_reward()
    if get(slug).setting is not None:
        own = get(slug).setting()
        mdp = TabularMDP(own.mdp.start, own.mdp.transition, np.ones(own.mdp.reward.shape))
        problem = Problem(mdp, own.policy, FiniteHorizon(1))
    assert np.abs(expectation(slug, problem)).max() > 0.01


def two_armed(success: float) -> Problem:
    mdp = TabularMDP([1.0], np.ones((1, 2, 1)), [[1.0, 0.0]])
    return Problem(mdp, SoftmaxPolicy([[np.log(success), np.log(1.0 - success)]]), FiniteHorizon(1))


@pytest.mark.parametrize(("success", "published"), [(0.05, 2.31), (0.5, 1.74)])
@pytest.mark.usefixtures("unchecked_shapes")
def test_group_std_with_binary_rewards(success: float, published: float) -> None:
    """n = 8 answers, k ~ Bin(n, p) right. With s² = k(n−k)/(n(n−1)) and E[Ψ|R=1] = ∇p/p, E[Ψ|R=0] = −∇p/(1−p):

    E = ∇p/(p(1−p)) E[(k/n)(1−k/n)/s] = ∇p E[√(k(n−k))] √((n−1)/n) / (n p (1−p)).

    p = 1/2: Σ_k C(8,k) √(k(8−k)) = 2(8√7 + 28√12 + 56√15) + 70·4 = 950.1; /256 = 3.7113; · √(7/8) · 4/8 = 1.7358.
    """
    n = 8
    mean_root = sum(comb(n, k) * success**k * (1 - success) ** (n - k) * sqrt(k * (n - k)) for k in range(n + 1))
    factor = mean_root * sqrt((n - 1) / n) / (n * success * (1 - success))
    assert factor == pytest.approx(published, abs=0.005)
    problem = two_armed(success)
    batch, probabilities = exact.enumerate_trajectories(problem)
    estimates, weights = each_batch(get("group-std").implementation, batch, probabilities, n)
    np.testing.assert_allclose(weights @ estimates, factor * exact.gradient(problem), rtol=1e-6)  # ε = 1e-8 in the std


def test_standardised_by_hand() -> None:
    """(1, 2, 6): mean 3, deviations (−2, −1, 3), s² = 14/2 = 7."""
    np.testing.assert_allclose(
        standardised(np.array([1.0, 2.0, 6.0])), np.array([-2.0, -1.0, 3.0]) / sqrt(7), rtol=1e-7
    )
    np.testing.assert_array_equal(standardised(np.array([5.0])), [0.0])


def test_group_mean_scales_by_a_half_for_two() -> None:
    assert get("group-mean-self").factor(2) == 0.5
    assert get("group-mean-self").factor(8) == 7 / 8


def test_score_of_a_clipped_action() -> None:
    """Clipped from above at the mean: E[min(ε, 0)]/σ = −∫_0^∞ ε φ(ε) dε/σ = −1/(σ√(2π)), by the trapezoid rule."""
    for mean, std in ((0.0, 1.0), (2.0, 0.5)):
        policy = gaussian_policy(np.array([[mean]]), np.log([std]), 3, learns_std=False)
        noise = np.linspace(-10.0, 10.0, 20_001)
        actions = np.minimum(mean + std * noise, mean)
        mass = norm.pdf(noise) * (noise[1] - noise[0])
        drift = policy.log_density_vjp(actions[None, :, None], mass[None, :])
        np.testing.assert_allclose(drift, [-1 / (std * sqrt(2 * pi))], atol=1e-6)


def test_double_exponential_by_hand() -> None:
    """Constant reward, σ = 0.8, scored with e^0.8: mean 0, log σ gets (σ² e^{−2σ} − 1) σ."""
    own = get("double-exp-std").setting()
    mdp = TabularMDP(own.mdp.start, own.mdp.transition, np.ones(own.mdp.reward.shape))
    drift = expectation("double-exp-std", Problem(mdp, own.policy, FiniteHorizon(1)))
    np.testing.assert_allclose(drift, [0.0, 0.0, (0.64 * exp(-1.6) - 1.0) * 0.8], atol=1e-12)


def test_the_gaussian_on_nodes_is_a_gaussian() -> None:
    """Five nodes integrate polynomials up to degree 9 exactly: moments, scores and ∇J of a quadratic reward."""
    policy = one_dimension(learns_std=True)
    weights, nodes = policy.probabilities(), policy.nodes[:, :, 0]
    mean = np.array([0.3, -0.4])
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose((weights * nodes).sum(axis=1), mean, rtol=1e-13)
    np.testing.assert_allclose((weights * (nodes - mean[:, None]) ** 4).sum(axis=1), 3 * 0.8**4, rtol=1e-12)
    identity = np.eye(10).reshape(2, 5, 2, 5)
    score = policy.score_vjp(identity)
    standard = (nodes - mean[:, None]) / 0.8
    np.testing.assert_allclose(score[0, :, 0], standard[0] / 0.8, atol=1e-12)
    np.testing.assert_allclose(score[1, :, 1], standard[1] / 0.8, atol=1e-12)
    np.testing.assert_allclose(score[..., 2], standard**2 - 1.0, atol=1e-12)
    # One step of reward −(a − 1)²: J = −(μ − 1)² − σ², ∂J/∂μ = −2(μ − 1), ∂J/∂log σ = −2σ².
    mdp = TabularMDP([1.0, 0.0], np.broadcast_to(np.eye(2)[:, None, :], (2, 5, 2)), -((nodes - 1.0) ** 2))
    gradient = exact.gradient(Problem(mdp, policy, FiniteHorizon(1)))
    np.testing.assert_allclose(gradient, [1.4, 0.0, -1.28], atol=1e-12)


@pytest.mark.parametrize("learns_std", [False, True])
def test_the_gaussian_on_nodes_differentiates_its_own_probabilities(learns_std: bool) -> None:
    """Away from θ_0 too: score against the complex-step derivative of log π."""
    policy = gaussian_policy(np.array([[0.2, -0.3], [-0.5, 0.4]]), np.log([0.7, 0.9]), 3, learns_std)
    rng = np.random.default_rng(0)
    policy = policy.with_parameters(policy.parameters + 0.3 * rng.normal(size=policy.parameters.size))
    weights = rng.normal(size=(2, 9))
    expected = [
        (weights * np.log(policy.with_parameters(policy.parameters + 1e-20j * unit).probabilities())).sum().imag / 1e-20
        for unit in np.eye(policy.parameters.size)
    ]
    np.testing.assert_allclose(policy.score_vjp(weights), expected, rtol=1e-11, atol=1e-12)


def test_an_entry_about_real_actions_refuses_a_policy_without_them() -> None:
    batch, _ = exact.enumerate_trajectories(THREE_ARMS)
    with pytest.raises(InvalidPolicy, match="policy is SoftmaxPolicy, must be the Gaussian"):
        get("clipped-action-scored").implementation(batch)
    assert get("reparameterised-sample").setting is plain_setting


def test_kl_directions_agree_to_second_order() -> None:
    """Row 57: the Hessians of KL(π‖π_old) and KL(π_old‖π) times v, by complex steps along v of derived gradients."""
    policy = THREE_ARMS.policy
    old, theta = policy.probabilities()[0], policy.parameters
    vector = np.cos(1.0 + np.arange(3))

    def moved(h: complex) -> np.ndarray:
        return policy.with_parameters(theta + h * vector).probabilities()[0]

    new = moved(1e-20j)
    # ∇_z KL(π‖old) = π (log π/old − KL), ∇_z KL(old‖π) = π − old, for logits z.
    logs = np.log(new / old)
    forward = (new * (logs - (new * logs).sum())).imag / 1e-20
    backward = (new - old).imag / 1e-20
    np.testing.assert_allclose(forward, backward, rtol=1e-12)
    np.testing.assert_allclose(expectation("kl-direction-local", THREE_ARMS), forward, rtol=1e-12)


def test_rounded_ratios_are_off_by_a_bfloat16() -> None:
    """log π = −1.1624 is −149/128 (8 bits) = −1.1640625 in bfloat16: a relative error of 0.0017 in the ratio."""
    batch, _ = exact.enumerate_trajectories(THREE_ARMS)
    bug = get("ratio-noise")
    off = bug.implementation(batch)[0] / bug.correct(batch)[0]
    log_prob = batch.log_probs[0, 0]
    assert log_prob == pytest.approx(-1.16238, abs=1e-5)
    np.testing.assert_allclose(off, np.exp(log_prob + 149 / 128), rtol=1e-12)


def test_the_invalid_comparison_in_numbers() -> None:
    """Row 61, exactly: on the estimator that was measured the baseline adds variance, on the one used it removes it."""
    problem, bug = coin_door(), get("unequal-comparison")
    batch, probabilities = exact.enumerate_trajectories(problem)

    def trace(estimator: Callable[[Trajectories], np.ndarray]) -> float:
        rows = estimator(batch)
        return float(probabilities @ ((rows - probabilities @ rows) ** 2).sum(axis=1))

    measured, used = trace(bug.implementation) / trace(TotalReturn()), trace(bug.correct) / trace(RewardToGo())
    assert measured > 1.01
    assert used < 0.95
    # From 4000 trajectories each variance is known to a few per cent (its relative error is √((kurtosis−1)/4000)).
    found = unequal_comparison(sample(problem, 4000, seed=0))
    exactly = [trace(f) for f in (TotalReturn(), bug.implementation, RewardToGo(), bug.correct)]
    sampled = [found.measured, found.measured_with_baseline, found.used, found.used_with_baseline]
    np.testing.assert_allclose(sampled, exactly, rtol=0.2)
    with pytest.raises(InvalidEstimator, match="batch has 1 trajectory"):
        unequal_comparison(batch.select([0]))


@pytest.mark.parametrize(
    ("slug", "which", "times", "early"),
    [
        ("truncation-as-termination", "correct", 1.0, 0),
        ("truncation-as-termination", "implementation", 0.0, 0),
        ("truncation-wrong-state", "implementation", 1.0, 1),
        ("bootstrap-twice", "implementation", 2.0, 0),
    ],
)
def test_windows_by_their_definition(slug: str, which: str, times: float, early: int) -> None:
    """Step by step: rewards up to the end of the window of two, or of the episode, and V there; cut at step five.

    At the cut that the sampler makes the value of the state reached belongs to the target in all of them.
    """
    discounted = Problem(coin_door().mdp, coin_door().policy, Discounted(0.9))
    batch = sample(discounted, 40, seed=1, max_steps=5)
    assert batch.truncated.any()
    assert batch.terminated.any()
    weights = np.zeros(batch.rewards.shape)
    for row, length in enumerate(batch.lengths):
        for t in range(length):
            k = min((t // 2 + 1) * 2, length)
            ahead = batch.values[row, k] if k == length else times * batch.values[row, k - early]
            target = sum(0.9 ** (i - t) * batch.rewards[row, i] for i in range(t, k)) + 0.9 ** (k - t) * ahead
            weights[row, t] = 0.9**t * (target - batch.values[row, t])
    found = getattr(get(slug), which)(batch)
    np.testing.assert_allclose(found, batch.score_weighted(weights), rtol=1e-12, atol=1e-12)
