"""What losses of the catalogue are written with: groups, sums over tokens, ratios."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.bugs.losses.complex_step import clipped, lesser
from pgverify.validation import Array

LOW, HIGH = 0.8, 1.2
"""1 − ε and 1 + ε, ε = 0.2 as in PPO."""

BETA = 0.1
"""The coefficient of a KL or an entropy term."""


def by_group(b: Any, each: Float[Array, "B"]) -> Float[Array, "P G"]:
    """Return what each row has, a group a row: `rewards.view(-1, G)`."""
    return each.reshape(int(np.max(b.group)) + 1, -1)


def own_mean(b: Any) -> Float[Array, "B 1"]:
    """Return R − mean of the group."""
    r = by_group(b, b.rewards)
    return (r - r.mean(axis=1, keepdims=True)).reshape(-1, 1)


def others(b: Any) -> Float[Array, "B 1"]:
    """Return R − mean of the others of the group."""
    size = by_group(b, b.rewards).shape[1]
    return own_mean(b) * size / (size - 1)


def whitened(b: Any, each: Float[Array, "B 1"]) -> Float[Array, "B 1"]:
    """Return (A − mean)/√(var + ε) over all tokens of the batch, as verl's `masked_whiten` does."""
    tokens = np.broadcast_to(each, b.mask.shape)[np.asarray(b.mask, dtype=bool)]
    return (each - tokens.mean()) / np.sqrt(tokens.var(ddof=1) + 1e-8)


def mean_of_sums(b: Any, tokens: Any) -> Any:
    """Return the mean over completions of each one's sum over its own tokens."""
    return (tokens * b.mask).sum(axis=(-2, -1)) / len(b.rewards)


def ascent(b: Any, advantage: Float[Array, "B #T"]) -> Any:
    """Return −E Σ_t A log π_t."""
    return -mean_of_sums(b, advantage * b.log_probs)


def rloo(b: Any) -> Any:
    """Return the leave-one-out loss: its expectation is −∇J."""
    return ascent(b, others(b))


def ratio(b: Any) -> Any:
    """Return ρ_t = π/π_old."""
    return np.exp(b.log_probs - b.old_log_probs)


def surrogate(b: Any, of: Any) -> Any:
    """Return −E Σ_t ρ A, of whatever stands for ρ."""
    return -mean_of_sums(b, of * others(b))


def ppo(b: Any) -> Any:
    """Return −E Σ_t min(ρA, clip(ρ)A)."""
    r, a = ratio(b), others(b)
    return -mean_of_sums(b, lesser(r * a, clipped(r, LOW, HIGH) * a))


def log_to_reference(b: Any) -> Any:
    """Return x_t = log π/π_ref."""
    return b.log_probs - b.ref_log_probs
