"""Targets by a second route: sums over whole completions, and lists of groups."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from pgverify import targets
from pgverify.errors import InvalidInput
from pgverify.language.built_in_problems import built_in_problems

SAME = built_in_problems(2, "same")
APART = built_in_problems(2, "old")


def completion_sum(problem, weight):
    """Σ_x Σ_y p Σ_t w(x, y) ψ_t, in plain loops."""
    table, total = problem.completions, 0.0
    for x, y, t in np.argwhere(table.mask):
        total = total + problem.chances[x, y] * weight(x, y) * problem.scores[x, y, t] / problem.prompts
    return total


@pytest.mark.parametrize("problem", SAME, ids=lambda p: p.name)
def test_policy_gradient_and_sequence_kl(problem) -> None:
    table = problem.completions
    x = problem.log_probs(problem.policy) - problem.log_probs(problem.reference)
    kl = np.where(table.mask, x, 0.0).sum(axis=2)
    found = targets.PolicyGradient().vector(problem, 4)
    np.testing.assert_allclose(found, completion_sum(problem, lambda a, b: table.rewards[a, b]), atol=1e-12)
    found = targets.SequenceKL(0.3).vector(problem, 4)
    np.testing.assert_allclose(found, completion_sum(problem, lambda a, b: -0.3 * kl[a, b]), atol=1e-12)


@pytest.mark.parametrize("problem", APART, ids=lambda p: p.name)
@pytest.mark.parametrize("advantages", ["leave-one-out", "own-mean", "none"])
def test_the_surrogate_by_listing_groups(problem, advantages: str) -> None:
    """E over every ordered group of three of Σ_i Σ_t ∇min(ρA, clip(ρ)A) / G."""
    ratio = np.exp(problem.log_probs(problem.policy) - problem.log_probs(problem.old))
    total = np.zeros(len(problem.policy.parameters))
    for x in range(problem.prompts):
        for group in product(range(problem.chances.shape[1]), repeat=3):
            chance, paid = np.prod(problem.chances[x, list(group)]), problem.completions.rewards[x, list(group)]
            for i, y in enumerate(group):
                a = {
                    "none": paid[i],
                    "own-mean": paid[i] - paid.mean(),
                    "leave-one-out": paid[i] - (paid.sum() - paid[i]) / 2,
                }[advantages]
                for t in np.flatnonzero(problem.completions.mask[x, y]):
                    if (a > 0 and ratio[x, y, t] <= 1.2) or (a < 0 and ratio[x, y, t] >= 0.8):
                        total += chance / 6 * ratio[x, y, t] * a * problem.scores[x, y, t]
    np.testing.assert_allclose(targets.Surrogate(0.2, advantages).vector(problem, 3), total, atol=1e-12)


@pytest.mark.parametrize("problem", SAME, ids=lambda p: p.name)
def test_group_std_by_listing_groups(problem) -> None:
    total = np.zeros(len(problem.policy.parameters))
    for x in range(problem.prompts):
        for group in product(range(problem.chances.shape[1]), repeat=3):
            paid = problem.completions.rewards[x, list(group)]
            scores = np.einsum("kt,ktd->kd", problem.completions.mask[x, list(group)], problem.scores[x, list(group)])
            a = (paid - paid.mean()) / (paid.std(ddof=1) + 1e-6)
            total += np.prod(problem.chances[x, list(group)]) * (a @ scores) / 6
    np.testing.assert_allclose(targets.GroupStd().vector(problem, 3), total, atol=1e-12)


def test_group_std_with_rewards_0_and_1_weighs_each_prompt() -> None:
    """For G = 2 a mixed group has mean ½ and standard deviation 1/√2, so A = ±1/√2: √2 times the own-mean advantage ±½.

    The own mean gives (1 − 1/G)∇J = ∇J/2, hence ∇J/√2.
    """
    problem = SAME[0]
    assert set(np.unique(problem.completions.rewards)) == {0.0, 1.0}
    found = targets.GroupStd(epsilon=0.0).vector(problem, 2)
    np.testing.assert_allclose(found, targets.PolicyGradient().vector(problem, 2) / np.sqrt(2), atol=1e-12)


def test_state_kl_and_entropy_by_differences() -> None:
    """With the visits held, the derivative of Σ d KL and of Σ d H by θ."""
    problem = APART[0]
    from pgverify.targets.sums import prefix_visits

    visits, theta, step = prefix_visits(problem), problem.policy.parameters, 1e-6
    ref = problem.reference.probabilities()

    def value(shift, of):
        pi = problem.policy.with_parameters(theta + shift).probabilities()
        return float(visits @ of(pi).sum(axis=1))

    for target, of in (
        (targets.StateKL(1.0), lambda pi: -pi * np.log(pi / ref)),
        (targets.StateKL(1.0, "forward"), lambda pi: -ref * np.log(ref / pi)),
        (targets.Entropy(1.0), lambda pi: -pi * np.log(pi)),
    ):
        slopes = [(value(step * e, of) - value(-step * e, of)) / (2 * step) for e in np.eye(len(theta))]
        np.testing.assert_allclose(target.vector(problem, 4), slopes, atol=1e-8)


def test_length_normalised_is_the_gradient_of_r_over_l() -> None:
    problem = SAME[1]
    table = problem.completions
    found = targets.LengthNormalised("none").vector(problem, 4)
    want = completion_sum(problem, lambda a, b: table.rewards[a, b] / table.mask[a, b].sum())
    np.testing.assert_allclose(found, want, atol=1e-12)


def test_sums_and_multiples() -> None:
    problem = SAME[0]
    both = targets.PolicyGradient() + 2.0 * targets.StateKL(0.1) - targets.Entropy(0.5)
    want = targets.PolicyGradient().vector(problem, 4) + 2 * targets.StateKL(0.1).vector(problem, 4)
    np.testing.assert_allclose(both.vector(problem, 4), want - targets.Entropy(0.5).vector(problem, 4), atol=1e-15)
    assert "∇E[R]" in both.formula


@pytest.mark.parametrize(
    "make",
    [
        lambda: targets.Surrogate(clip=2.0),
        lambda: targets.StateKL(direction="up"),
        lambda: targets.Surrogate(advantages="best").vector(SAME[0], 4),
        lambda: targets.Surrogate().vector(SAME[0], 1),
        lambda: targets.GroupStd().vector(SAME[0], 1),
    ],
)
def test_what_makes_no_sense_is_refused(make) -> None:
    with pytest.raises(InvalidInput, match="must be"):
        make()
