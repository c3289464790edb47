"""Surrogates, divergence and natural step: against plain loops, differences, and what they are at θ_old."""

from __future__ import annotations

import numpy as np
import pytest
from reference import TINY_STEP

import pgverify as pgv
from pgverify import exact
from pgverify.collected_problem import CollectedProblem
from pgverify.errors import InvalidInput

SUITE = {entry.name: entry.problem for entry in pgv.suites.get("off-policy")}
CLIPS = {
    "TRPO": {},
    "PPO": {"clip": 0.2},
    "clip-higher": {"clip": (0.2, 0.28)},
    "dual clip": {"clip": 0.2, "dual": 3.0},
}


def at_old(problem):
    return pgv.Problem(problem.mdp, problem.policy, problem.objective)


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("name", SUITE)
def test_at_the_old_policy_every_surrogate_has_the_policy_gradient_and_the_value_zero(name: str, clip: str) -> None:
    problem = at_old(SUITE[name])
    found = exact.surrogate_gradient(problem, problem.policy, **CLIPS[clip])
    np.testing.assert_allclose(found, exact.gradient(problem), atol=1e-12)
    assert exact.surrogate(problem, problem.policy, **CLIPS[clip]) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("name", SUITE)
def test_the_gradient_is_that_of_the_value(name: str, clip: str) -> None:
    """Central differences, away from the corners of the clip."""
    problem = SUITE[name]
    theta, h = problem.policy.parameters, 1e-5
    values = [
        [exact.surrogate(problem.with_parameters(theta + s * h * e), problem.acting, **CLIPS[clip]) for s in (1, -1)]
        for e in np.eye(len(theta))
    ]
    slopes = [(up - down) / (2 * h) for up, down in values]
    found = exact.surrogate_gradient(problem, problem.acting, **CLIPS[clip])
    np.testing.assert_allclose(found, slopes, atol=1e-8)


def plain_surrogate(problem, low, high, dual):
    """Σ over trajectories of μ of Σ_t γ^t min(ρA, clip(ρ)A), A = A^μ_t(s_t, a_t): lists, no visits."""
    before = at_old(replace_policy(problem, problem.acting))
    advantage = exact.values(before).advantage
    batch, chances = exact.enumerate_trajectories(before)
    new, old, total = problem.policy.probabilities(), problem.acting.probabilities(), 0.0
    for i, p in enumerate(chances):
        for t in range(batch.lengths[i]):
            s, a = batch.states[i, t], batch.actions[i, t]
            rho, gain = new[s, a] / old[s, a], advantage[t, s, a]
            kept = min(rho * gain, min(max(rho, low), high) * gain)
            total += p * batch.discount**t * (max(kept, dual * gain) if gain < 0 else kept)
    return total


def replace_policy(problem, policy):
    return pgv.Problem(problem.mdp, policy, problem.objective)


@pytest.mark.parametrize("name", ["lent-bandit", "far", "ends-sooner"])
@pytest.mark.parametrize(
    ("clip", "numbers"), [("TRPO", (0, 9e9, 9e9)), ("PPO", (0.8, 1.2, 9e9)), ("dual clip", (0.8, 1.2, 3))]
)
def test_the_surrogate_by_plain_loops(name: str, clip: str, numbers: tuple[float, float, float]) -> None:
    problem = SUITE[name]
    found = exact.surrogate(problem, problem.acting, **CLIPS[clip])
    assert found == pytest.approx(plain_surrogate(problem, *numbers), abs=1e-12)


@pytest.mark.parametrize("side", ["low", "high"])
def test_on_both_sides_of_the_clip(side: str) -> None:
    """A bandit of two arms by hand: beyond the clip on its own side an arm has no gradient, on the other it has.

    μ = (½, ½), rewards (1, 0), so A = (½, −½) and, with ρ = 2π, L = ½ Σ_a min(ρA, clip(ρ)A).
    """
    mdp = pgv.TabularMDP([1.0], np.ones((1, 2, 1)), [[1.0, 0.0]])
    old = pgv.SoftmaxPolicy([[0.0, 0.0]])
    shift = 1.0 if side == "high" else -1.0
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy([[shift, 0.0]]), pgv.FiniteHorizon(1))
    pi = problem.policy.probabilities()[0]
    score = np.array([1.0, 0.0]) - pi, np.array([0.0, 1.0]) - pi
    plain = pi[0] * 0.5 * score[0] - pi[1] * 0.5 * score[1]
    np.testing.assert_allclose(exact.surrogate_gradient(problem, old), plain, atol=1e-14)
    want = np.zeros(2) if side == "high" else plain  # ρ = (1.46, 0.54): both beyond; (0.54, 1.46): neither on its side
    np.testing.assert_allclose(exact.surrogate_gradient(problem, old, clip=0.2), want, atol=1e-14)
    lost = pi[0] * 0.5 * score[0]  # the dual clip at 1.2 lets go of the second arm, A < 0 and ρ = 1.46
    if side == "low":
        np.testing.assert_allclose(exact.surrogate_gradient(problem, old, clip=0.2, dual=1.2), lost, atol=1e-14)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("name", ["lent-bandit", "far", "other-features"])
def test_the_divergence_has_the_fisher_information_as_curvature(name: str) -> None:
    """KL(μ‖π_θ) at θ = θ_old: value and slope 0, and the derivative of its slope is F."""
    problem = at_old(SUITE[name])
    theta, old = problem.policy.parameters, problem.policy
    assert exact.policy_divergence(problem, old) == pytest.approx(0.0, abs=1e-14)
    assert exact.policy_divergence(SUITE[name], SUITE[name].acting) > 0

    def divergence(shift):
        return exact.policy_divergence(problem.with_parameters(theta + shift), old)

    units = np.eye(len(theta)) * 1e-3
    curvature = [
        [(divergence(a + b) - divergence(a - b) - divergence(b - a) + divergence(-a - b)) / 4e-6 for b in units]
        for a in units
    ]
    np.testing.assert_allclose(curvature, exact.fisher(problem), atol=2e-5)


@pytest.mark.parametrize("name", SUITE)
def test_the_natural_step_goes_uphill_at_its_radius(name: str) -> None:
    problem = at_old(SUITE[name])
    for radius, off in ((1e-6, 1e-2), (1e-8, 1e-3)):
        step = exact.natural_step(problem, radius)
        moved = problem.with_parameters(problem.policy.parameters + step)
        assert exact.policy_divergence(moved, problem.policy) == pytest.approx(radius, rel=off)
        assert exact.surrogate(moved, problem.policy) > 0
    # Of all steps of that divergence, to first order, none gains more: compared with random ones on the ellipsoid.
    rng, fisher, gain = np.random.default_rng(0), exact.fisher(problem), exact.gradient(problem)
    best = gain @ exact.natural_step(problem, 0.5)
    for _ in range(20):
        other = rng.normal(size=len(gain))
        other = other / np.sqrt(max(other @ fisher @ other, 1e-12))
        assert gain @ other <= best + 1e-9


def test_nothing_to_gain_is_no_step() -> None:
    mdp = pgv.TabularMDP([1.0], np.ones((1, 2, 1)), [[1.0, 1.0]])
    problem = pgv.Problem(mdp, pgv.SoftmaxPolicy([[0.3, 0.0]]), pgv.FiniteHorizon(1))
    np.testing.assert_allclose(exact.natural_step(problem, 0.1), 0.0, atol=1e-6)


@pytest.mark.parametrize("name", SUITE)
def test_the_sampled_surrogate_unclipped_is_the_exact_one_with_old_states(name: str) -> None:
    """Σ_t γ^t E_μ ρ_t (G_t − V) ψ_t: V does not matter, and G_t follows μ afterwards: A^μ."""
    problem = SUITE[name]
    found = exact.sampled_surrogate_gradient(problem)
    np.testing.assert_allclose(found, exact.surrogate_gradient(problem, problem.acting), atol=1e-12)
    np.testing.assert_allclose(found, exact.sampled_surrogate_gradient(problem, baseline=False), atol=1e-12)


def test_the_sampled_surrogate_clips_by_each_return() -> None:
    """By plain loops over every trajectory of μ; where returns are random it is not the exact one."""
    problem = SUITE["far"]
    batch, chances = exact.enumerate_trajectories(problem)
    new, old = problem.policy.probabilities(), problem.acting.probabilities()
    score, total = problem.policy.score(), 0.0
    for i, p in enumerate(chances):
        for t in range(batch.lengths[i]):
            s, a = batch.states[i, t], batch.actions[i, t]
            later = sum(batch.discount ** (k - t) * batch.rewards[i, k] for k in range(t, batch.lengths[i]))
            gain, rho = later - batch.values[i, t], new[s, a] / old[s, a]
            if (gain > 0 and rho <= 1.2) or (gain <= 0 and rho >= 0.8):
                total = total + p * batch.discount**t * rho * gain * score[s, a]
    found = exact.sampled_surrogate_gradient(problem, clip=0.2)
    np.testing.assert_allclose(found, total, atol=1e-12)
    assert np.abs(found - exact.surrogate_gradient(problem, problem.acting, clip=0.2)).max() > 1e-3


def test_on_policy_the_sampled_surrogate_is_the_policy_gradient_and_cut_episodes_have_none() -> None:
    problem = at_old(SUITE["near"])
    np.testing.assert_allclose(exact.sampled_surrogate_gradient(problem, 0.2), exact.gradient(problem), atol=1e-12)
    cut = CollectedProblem(problem.mdp, problem.policy, problem.objective, max_steps=2)
    assert exact.sampled_surrogate_gradient(cut, 0.2) is None


@pytest.mark.usefixtures("unchecked_shapes")  # what a user sees
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: exact.surrogate(p, 3), "old"),
        (lambda p: exact.surrogate(p, p.policy, clip=-0.1), "clip"),
        (lambda p: exact.surrogate(p, p.policy, clip=(0.2, 0.2, 0.2)), "clip"),
        (lambda p: exact.surrogate_gradient(p, p.policy, clip=0.2, dual=0.5), "dual"),
        (lambda p: exact.natural_step(p, 0.0), "radius"),
    ],
)
def test_what_makes_no_sense_is_refused(make, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        make(at_old(SUITE["near"]))


def test_complex_steps_reach_the_divergence() -> None:
    """Its slope at θ ≠ θ_old is −Σ d μ ψ: by complex steps through the policy alone."""
    problem = SUITE["far"]
    theta, old = problem.policy.parameters, problem.acting.probabilities()
    visits = exact.solve(replace_policy(problem, problem.acting)).weighted_visits.sum(axis=0)

    def value(at):
        return (visits[:, None] * old * -np.log(problem.policy.with_parameters(at).probabilities())).sum()

    slope = [value(theta + 1j * TINY_STEP * e).imag / TINY_STEP for e in np.eye(len(theta))]
    h = 1e-5
    found = [
        (exact.policy_divergence(problem.with_parameters(theta + h * e), problem.acting)
         - exact.policy_divergence(problem.with_parameters(theta - h * e), problem.acting)) / (2 * h)
        for e in np.eye(len(theta))
    ]  # fmt: skip
    np.testing.assert_allclose(found, slope, atol=1e-9)
