"""Whose completions an expectation is of: that of its formula, π_θ or π_old, and not of whoever happened to draw.

A loss without a ratio to the policy that drew estimates E_μ[w ψ], and no E_π. With w_i = Π_t π/μ of its own completion,
E_μ[w_i A_i ψ_i] = E_{y_i∼π, others∼μ}[A_i ψ_i]: that is what the claims below are of.
"""

import numpy as np
import pytest

import pgverify as pgv

G = 2


def own(b):
    rewards = b.rewards.reshape(-1, G)
    return (rewards - rewards.mean(axis=1, keepdims=True)).ravel()


def others(b):
    return own(b) * G / (G - 1)


def over_std(b):
    spread = b.rewards.reshape(-1, G).std(axis=1, ddof=1, keepdims=True)
    return own(b) / np.repeat(spread + 1e-6, G, axis=1).ravel()


def over_length(b):
    return others(b) / b.mask.sum(axis=1)


def with_bonus(b):
    return others(b) - 0.1 / b.mask.sum(axis=1)


CLAIMS = {
    "length_normalised": over_length,
    "group_std": over_std,
    "policy_gradient + length_bonus(0.1)": with_bonus,
    "surrogate": others,  # of π_old = π_θ: ratios are 1, and nothing is clipped
}


def of_sequences(drew):
    """Π_t π_θ/μ of each completion."""
    return lambda b: np.exp(((b.log_probs - getattr(b, drew)) * b.mask).sum(axis=1))


def loss_of(advantage, ratio):
    def loss(b):
        weights = (advantage(b) * ratio(b))[:, None] * b.mask / len(b.rewards)
        return -(weights * b.log_probs).sum(), -weights

    return loss


WHERE = [(claim, "rollout", "rollout_log_probs") for claim in CLAIMS] + [
    (claim, "old", "old_log_probs") for claim in CLAIMS if claim != "surrogate"
]


@pytest.mark.parametrize(("claim", "sampler", "drew"), WHERE)
def test_weighted_by_the_ratio_of_sequences_it_is_correct(claim, sampler, drew) -> None:
    report = pgv.check_lm(
        loss_of(CLAIMS[claim], of_sequences(drew)), G, target=claim, sampler=sampler, framework="numpy"
    )
    assert report.outcome is pgv.Outcome.CORRECT, report


@pytest.mark.parametrize(("claim", "sampler", "drew"), WHERE)
def test_without_a_ratio_it_is_not(claim, sampler, drew) -> None:
    del drew
    report = pgv.check_lm(
        loss_of(CLAIMS[claim], lambda b: np.ones(len(b.rewards))),
        G,
        target=claim,
        sampler=sampler,
        framework="numpy",
    )
    assert not report.outcome.good
    assert report.diagnosis.startswith("ratio-missing"), report


def test_by_the_ratio_of_tokens_neither() -> None:
    """E_μ Σ_t (π/μ)_t A ψ_t has the prefixes of μ."""

    def loss(b):
        weights = others(b)[:, None] * np.exp(b.log_probs - b.rollout_log_probs) * b.mask / len(b.rewards)
        return -(weights * b.log_probs).sum(), -weights

    report = pgv.check_lm(loss, G, target="surrogate", sampler="rollout", framework="numpy")
    assert not report.outcome.good


@pytest.mark.parametrize("claim", CLAIMS)
def test_where_the_policy_drew_nothing_is_missing(claim) -> None:
    report = pgv.check_lm(loss_of(CLAIMS[claim], lambda b: np.ones(len(b.rewards))), G, target=claim, framework="numpy")
    assert report.outcome is pgv.Outcome.CORRECT, report
