"""pgv.check of PPO on data of another policy: the surrogate claimed as text or as object, faults of its ratio named."""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.verdict.surrogate_terms import surrogate_numbers
from pgverify.checking.verdict.targets import claim_of, target_vector
from pgverify.errors import InvalidInput, UnknownName

pytestmark = pytest.mark.usefixtures("unchecked_shapes")


def advantages(batch):
    """G_t − V(s_t), backwards."""
    found, later = np.zeros_like(batch.rewards), np.zeros(len(batch.rewards))
    for t in reversed(range(batch.rewards.shape[1])):
        later = batch.rewards[:, t] + batch.discount * later
        found[:, t] = later
    return found - batch.values[:, :-1]


def contributions(batch, slope):
    """Σ_t γ^t ρ_t ∂/∂ρ f(ρ_t, A_t) ψ_t, the derivative of somebody's f by central differences."""
    rho, a, h = batch.importance, advantages(batch), 1e-6
    derivative = (slope(rho + h, a) - slope(rho - h, a)) / (2 * h)
    # The quotient is exact on the straight pieces of f but for rounding; on them it is A, or 0.
    pieces = np.where(np.abs(derivative) < 1e-6, 0.0, np.where(np.abs(derivative - a) < 1e-6, a, derivative))
    return batch.score_weighted(np.where(batch.mask, batch.discount_powers * rho * pieces, 0.0))


def ppo(low=0.8, high=1.2, choose=np.minimum):
    return lambda batch: contributions(batch, lambda r, a: choose(r * a, np.clip(r, low, high) * a))


def dual(batch):
    def f(r, a):
        plain = np.minimum(r * a, np.clip(r, 0.8, 1.2) * a)
        return np.where(a < 0, np.maximum(plain, 2.0 * a), plain)

    return contributions(batch, f)


def verdict(function, target):
    return pgv.check(function, suite="off-policy", target=target)


@pytest.mark.parametrize(
    ("function", "target"),
    [
        (ppo(), pgv.targets.Surrogate(clip=0.2)),
        (ppo(), "surrogate(0.2)"),
        (ppo(high=1.28), pgv.targets.Surrogate(clip=(0.2, 0.28))),
        (ppo(0.0, np.inf), pgv.targets.Surrogate(clip=None)),
        (dual, pgv.targets.Surrogate(clip=0.2, dual=2.0)),
        (dual, "surrogate(0.2, 0.2, 2)"),
    ],
    ids=["PPO", "as text", "clip-higher", "TRPO", "dual clip", "dual clip as text"],
)
def test_each_surrogate_is_correct_where_it_is_claimed(function, target) -> None:
    report = verdict(function, target)
    assert report.outcome is pgv.Outcome.CORRECT, str(report)


@pytest.mark.parametrize(
    ("function", "target", "outcome"),
    [
        (ppo(), "surrogate", pgv.Outcome.OTHER_TARGET),  # the word alone has no clip: who has PPO's is told of it
        (ppo(0.0, np.inf), "surrogate(0.2)", pgv.Outcome.BIASED),
        (ppo(high=1.28), "surrogate(0.2)", pgv.Outcome.BIASED),
        (dual, "surrogate(0.2)", pgv.Outcome.BIASED),
    ],
    ids=["clipped", "unclipped", "higher", "dual"],
)
def test_another_clip_is_not(function, target: str, outcome: pgv.Outcome) -> None:
    assert verdict(function, target).outcome is outcome


def before_advantage(batch):
    return contributions(batch, lambda r, a: np.minimum(r, np.clip(r, 0.8, 1.2)) * a)


def without_ratio(batch):
    return batch.score_weighted(np.where(batch.mask, batch.discount_powers * advantages(batch), 0.0))


@pytest.mark.parametrize(
    ("function", "slug"),
    [
        (ppo(choose=np.maximum), "ppo-max-for-min"),
        (before_advantage, "clip-before-advantage"),
        (without_ratio, "old-logp-recomputed"),
    ],
)
def test_faults_of_the_ratio_are_named(function, slug: str) -> None:
    report = verdict(function, pgv.targets.Surrogate(clip=0.2))
    assert (report.outcome, report.diagnosis) == (pgv.Outcome.BIASED, slug)


def test_objects_become_text() -> None:
    t = pgv.targets
    assert claim_of(t.Surrogate(clip=0.2) + t.Entropy(0.01)) == "surrogate(0.2, 0.2) + entropy_bonus(0.01)"
    assert claim_of(t.PolicyGradient()) == "policy_gradient"
    assert claim_of(t.Surrogate(None)) == "surrogate"
    assert surrogate_numbers("surrogate(0.2, 0.28)") == (0.2, 0.28)
    assert surrogate_numbers("surrogate_gradient") is None


def test_a_sum_is_the_sum() -> None:
    problem = pgv.suites.get("off-policy")[2].problem
    both = target_vector("surrogate(0.2) + entropy_bonus(0.01)", problem)
    want = target_vector("surrogate(0.2)", problem) + target_vector("entropy_bonus(0.01)", problem)
    np.testing.assert_allclose(both, want, atol=1e-15)


@pytest.mark.parametrize(
    ("target", "error", "said"),
    [
        (pgv.targets.GroupStd(), InvalidInput, "check_lm"),
        (2.0 * pgv.targets.PolicyGradient(), InvalidInput, "check_lm"),
        (pgv.targets.Surrogate(0.2, "own-mean"), InvalidInput, "advantages is 'own-mean'.*check_lm"),
        (pgv.targets.Surrogate(None, dual=3.0), InvalidInput, "dual is 3.0 and clip is None"),
        ("surrogate(x)", InvalidInput, "surrogate"),
        ("surrogate(0.1, 0.2, 3, 4)", InvalidInput, "dual clip"),
        ("surogate(0.2)", UnknownName, "surrogate"),
    ],
)
def test_a_claim_that_is_none_is_refused(target, error, said: str) -> None:
    with pytest.raises(error, match=said):
        verdict(ppo(), target)
