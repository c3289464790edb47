"""Importance ratios: of tokens, sequences and prefixes, clipped, capped and masked.

Each returns the weight of every token's score ψ_t in the gradient of its surrogate, for advantages A and shares n_t:
of Σ n_t f(ρ_t) A that is n_t f'(ρ_t) ρ_t A.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from pgverify.language.losses.loss_rows import LossRows
from pgverify.language.losses.parts import LossPart
from pgverify.validation import Array

TokenWeights = Callable[[LossRows, np.ndarray, np.ndarray], Float[Array, "N B T"]]


def none(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
    """Return A: no ratio."""
    return advantage * share * np.ones(rows.mask.shape)


def token(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
    """Return ρ_t A."""
    return np.exp(rows.log_ratio) * advantage * share


def probability(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
    """Return π A: of a surrogate that has the probability for its logarithm."""
    return np.exp(rows.log_probs) * advantage * share


def squared(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
    """Return 2ρ_t² A."""
    return 2.0 * np.exp(2.0 * rows.log_ratio) * advantage * share


def inverted(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
    """Return −A/ρ_t."""
    return -np.exp(-rows.log_ratio) * advantage * share


def weighted_score(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
    """Return sg(ρ_t)² A: the ratio in the advantage and in the surrogate."""
    return np.exp(2.0 * rows.log_ratio) * advantage * share


def sampled_by_rollout(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
    """Return π/μ A, μ the policy that drew."""
    return np.exp(rows.log_probs - rows.rollout) * advantage * share


def kept_where(inside: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> TokenWeights:
    """Return ρ_t A where `inside(ρ, A)`, else 0."""

    def weights(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
        ratio = np.exp(rows.log_ratio)
        return np.where(inside(ratio, advantage), ratio * advantage * share, 0.0)

    return weights


def pessimistic(low: float, high: float, dual: float = np.inf) -> TokenWeights:
    """Return the gradient of min(ρA, clip(ρ, low, high)A), and of max(·, dual · A) where A < 0."""
    return kept_where(lambda r, a: np.where(a > 0, r <= high, (r >= low) & (r <= dual)))


def capped(low: float, high: float) -> TokenWeights:
    """Return clip(ρ_t, low, high) A, its ratio detached (CISPO)."""

    def weights(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
        return np.clip(np.exp(rows.log_ratio), low, high) * advantage * share

    return weights


def sequence(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
    """Return Πρ A: the ratio of the sequence, differentiated as one, once a completion."""
    return sequence_on_tokens(rows, advantage, share) / rows.lengths[:, :, None]


def sequence_on_tokens(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
    """Return L Πρ A: the same, spread over the completion's tokens and added up."""
    whole = np.exp(rows.total(rows.log_ratio))
    return whole * advantage * rows.total(np.broadcast_to(share, rows.mask.shape)) * np.ones(rows.mask.shape)


def sequence_detached(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
    """Return Πρ n_t A: the ratio of the sequence, detached, before each token's log-probability."""
    return np.exp(rows.total(rows.log_ratio)) * advantage * share * np.ones(rows.mask.shape)


def geometric(low: float, high: float) -> TokenWeights:
    """Return (Πρ)^{1/L} A/L, clipped pessimistically (GSPO)."""

    def weights(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
        mean = np.exp(rows.total(rows.log_ratio) / rows.lengths[:, :, None])
        kept = np.where(advantage > 0, mean <= high, mean >= low)
        each = rows.total(np.broadcast_to(share, rows.mask.shape)) / rows.lengths[:, :, None]
        return np.where(kept, mean * advantage * each, 0.0) * np.ones(rows.mask.shape)

    return weights


def geometric_of_clipped(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
    """Return the geometric mean of the token ratios, each clipped pessimistically to e^{±0.4} (GMPO)."""
    log = rows.log_ratio
    kept = np.where(advantage > 0, log <= 0.4, log >= -0.4)
    clipped = np.where(advantage > 0, np.minimum(log, 0.4), np.maximum(log, -0.4))
    mean = np.exp(rows.total(clipped) / rows.lengths[:, :, None])
    each = rows.total(np.broadcast_to(share, rows.mask.shape)) / rows.lengths[:, :, None]
    return np.where(kept, mean * advantage * each, 0.0)


def soft(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
    """Return 4σ(1 − σ) ρ_t A, σ = σ(τ(ρ − 1)), τ = 1 where A > 0 and 1.05 elsewhere (SAPO)."""
    ratio = np.exp(rows.log_ratio)
    gate = 1.0 / (1.0 + np.exp(-np.where(advantage > 0, 1.0, 1.05) * (ratio - 1.0)))
    return 4.0 * gate * (1.0 - gate) * ratio * advantage * share


def prefix(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
    """Return ρ_1 ⋯ ρ_t A: the ratio of the prefix, its token included."""
    return np.exp(np.cumsum(np.where(rows.mask, rows.log_ratio, 0.0), axis=2)) * advantage * share


def truncated_tokens(cap: float) -> TokenWeights:
    """Return min(π_old/μ, cap) ρ_t A, token by token."""

    def weights(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
        return np.minimum(np.exp(rows.old - rows.rollout), cap) * token(rows, advantage, share)

    return weights


def truncated_sequences(cap: float) -> TokenWeights:
    """Return min(Π π_old/μ, cap) ρ_t A."""

    def weights(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
        return np.minimum(np.exp(rows.total(rows.old - rows.rollout)), cap) * token(rows, advantage, share)

    return weights


def to_reference(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
    """Return π/π_ref A."""
    return np.exp(rows.log_probs - rows.reference) * advantage * share


def token_root(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
    """Return ρ_t^{1/L} A/L: each token's own log-ratio divided by the length."""
    length = rows.lengths[:, :, None]
    return np.exp(rows.log_ratio / length) * advantage * share / length


def truncated_mean(cap: float) -> TokenWeights:
    """Return min((Π π_old/μ)^{1/L}, cap) ρ_t A: the geometric mean for the product."""

    def weights(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
        mean = np.exp(rows.total(rows.old - rows.rollout) / rows.lengths[:, :, None])
        return np.minimum(mean, cap) * token(rows, advantage, share)

    return weights


def pulled_back(coefficient: float) -> TokenWeights:
    """Return A − β log ρ_t: the gradient of A log π − β/2 (log ρ_t)² (DRO)."""

    def weights(rows: LossRows, advantage: np.ndarray, share: np.ndarray) -> Float[Array, "N B T"]:
        return (advantage - coefficient * rows.log_ratio) * share

    return weights


LOW, HIGH, HIGHER = 0.8, 1.2, 1.28
"""1 − ε and 1 + ε of PPO, and DAPO's higher side."""

PPO, DAPO, GSPO = ("arXiv:1707.06347",), ("arXiv:2503.14476",), ("arXiv:2507.18071",)
CISPO, TRUNCATED = ("arXiv:2506.13585",), ("huggingface/trl#3867",)

METHODS: tuple[LossPart, ...] = (
    LossPart("token-ratio", "token ratio", token, source=PPO),
    LossPart("ppo-clip", "token ratio clipped to 0.8 … 1.2", pessimistic(LOW, HIGH), source=PPO),
    LossPart("clip-higher", "token ratio clipped to 0.8 … 1.28", pessimistic(LOW, HIGHER), source=DAPO),
    LossPart("dual-clip", "dual clip, 3", pessimistic(LOW, HIGH, 3.0), source=("arXiv:1912.09729",)),
    LossPart("cispo", "capped token ratio, detached (CISPO)", capped(LOW, HIGH), source=CISPO),
    LossPart("cispo-upper", "token ratio capped at 1.28, detached (CISPO)", capped(0, HIGHER), source=CISPO),
    LossPart("sequence-ratio", "sequence ratio", sequence, source=("arXiv:2402.14740",)),
    LossPart("sequence-ratio-on-tokens", "sequence ratio on every token", sequence_on_tokens, source=GSPO),
    LossPart("sequence-ratio-detached", "sequence ratio, detached", sequence_detached, source=("arXiv:2402.14740",)),
    LossPart("gspo", "geometric mean of token ratios (GSPO)", geometric(0, np.inf), source=GSPO),
    LossPart("gspo-clip", "geometric mean, clipped (GSPO)", geometric(1 - 3e-4, 1 + 4e-4), source=GSPO),
    LossPart("gspo-clip", "geometric mean, clipped to 0.8 … 1.2 (GSPO)", geometric(LOW, HIGH), source=GSPO),
    LossPart("gmpo", "geometric mean of clipped ratios (GMPO)", geometric_of_clipped, source=("arXiv:2507.20673",)),
    LossPart("sapo", "soft gate of the token ratio (SAPO)", soft, source=("arXiv:2511.20347",)),
    *(
        LossPart("dro", f"A − {beta:g} log ρ (DRO)", pulled_back(beta), source=("arXiv:2405.19107",))
        for beta in (0.1, 0.01, 1.0)
    ),
    LossPart("prefix-ratio", "prefix ratio", prefix, source=CISPO),
    *(
        LossPart(
            f"tis-token-{cap:g}",
            f"π_old/μ of tokens, at most {cap:g}",
            truncated_tokens(cap),
            source=TRUNCATED,
        )
        for cap in (np.inf, 2.0)
    ),
    *(
        LossPart(
            f"tis-sequence-{cap:g}",
            f"π_old/μ of sequences, at most {cap:g}",
            truncated_sequences(cap),
            source=TRUNCATED,
        )
        for cap in (np.inf, 3.0, 2.0, 1.2)
    ),
)
"""What papers propose; each estimates something else."""
