"""KL and entropy terms: what a penalty weighs each token's score, and each prefix's entropy gradient, by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from pgverify.bugs import get
from pgverify.language.losses import shares
from pgverify.language.losses.loss_rows import LossRows
from pgverify.language.losses.parts import LossPart
from pgverify.validation import Array

Tokens = Callable[[LossRows], Float[Array, "N B T"]]


@dataclass(frozen=True)
class PenaltyTerm:
    """A term of a loss that does not depend on rewards, with coefficient 1.

    Attributes
    ----------
    name : str
        Its slug.
    words : str
    by_scores : function
        Weight of each token's score in the direction of ascent, before shares.
    by_entropies : function
        Weight of the entropy gradient before each token.
    fault : bool
    cause, cure : str
    source : tuple of str
    """

    name: str
    words: str
    by_scores: Tokens
    by_entropies: Tokens = field(default=lambda rows: np.zeros(rows.mask.shape))
    fault: bool = False
    cause: str = ""
    cure: str = ""
    source: tuple[str, ...] = ()


def log_ratio(rows: LossRows) -> Float[Array, "N B T"]:
    """Return x = log π/π_ref."""
    return rows.log_probs - rows.reference


def whole_return(rows: LossRows) -> Float[Array, "N B T"]:
    """Return −Σ_t x_t, for every token: the KL paid as a reward, of whole sequences."""
    return -rows.total(log_ratio(rows)) * np.ones(rows.mask.shape)


def whole_return_k3(rows: LossRows) -> Float[Array, "N B T"]:
    """Return −Σ_t k3_t, for every token."""
    x = log_ratio(rows)
    return -rows.total(np.exp(-x) - 1.0 + x) * np.ones(rows.mask.shape)


def ones(rows: LossRows) -> Float[Array, "N B T"]:
    """Return 1."""
    return np.ones(rows.mask.shape)


def nothing(rows: LossRows) -> Float[Array, "N B T"]:
    """Return 0."""
    return np.zeros(rows.mask.shape)


def off_policy_ratio(rows: LossRows) -> Float[Array, "N B T"]:
    """Return ρ_t = π/π_old."""
    return np.exp(rows.log_probs - rows.old)


def penalty_fault(slug: str, words: str, by_scores: Tokens) -> PenaltyTerm:
    """Return the term that an entry of the catalogue is: cause, cure and source are the entry's."""
    entry = get(slug)
    return PenaltyTerm(slug, words, by_scores, nothing, True, entry.cause, entry.cure, entry.source)


KL_K2 = PenaltyTerm(
    "kl-k2-as-loss",
    "k2 = x²/2 as a loss: ∇KL(π‖ref), states held",
    lambda r: -log_ratio(r),
    source=get("kl-k2-as-loss").source,
)
KL_IN_REWARD = PenaltyTerm(
    "kl-in-reward", "k1 paid as a reward: ∇KL of sequences", whole_return, source=("arXiv:2512.21852",)
)
ENTROPY = PenaltyTerm("entropy-bonus", "entropy over the vocabulary, states held", nothing, ones)

TERMS: tuple[PenaltyTerm, ...] = (
    KL_K2,
    penalty_fault("kl-k3-as-loss", "k3 as a loss: ∇KL(ref‖π), states held", lambda r: -(1.0 - np.exp(-log_ratio(r)))),
    KL_IN_REWARD,
    penalty_fault("kl-k3-in-reward", "k3 paid as a reward: neither KL", whole_return_k3),
    penalty_fault("kl-k1-as-loss", "a term of expectation zero", lambda r: -ones(r)),
    PenaltyTerm(
        "kl-absolute-as-loss",
        "|x| as a loss",
        lambda r: -np.sign(log_ratio(r)),
        fault=True,
        cause="The absolute log-ratio is differentiated as a loss: its gradient is the sign of it times ψ.",
        cure="Differentiate k2, or pay the log-ratio as a reward.",
    ),
    penalty_fault("kl-k3-upside-down", "e^x − 1 − x as a loss", lambda r: -(np.exp(log_ratio(r)) - 1.0)),
    penalty_fault(
        "kl-to-old-policy",
        "the distance to the old policy for that to the reference",
        lambda r: -(r.log_probs - r.old),
    ),
    PenaltyTerm(
        "sampled-entropy",
        "−log π of the drawn tokens as entropy, with its whole return",
        lambda r: -r.total(r.log_probs) * ones(r),
        source=("arXiv:2510.01555",),
    ),
)
"""Of log-probabilities: with x = log π/π_ref, each is what its derivative weighs ψ by, times −1."""

KL_REVERSED = penalty_fault("kl-sign-reversed", "a KL term that is subtracted", nothing)
KL_IGNORED = penalty_fault("kl-ignored", "no KL term", nothing)
ENTROPY_REVERSED = penalty_fault("entropy-sign", "an entropy term that is added", nothing)
SAMPLED_ENTROPY = penalty_fault("sampled-entropy", "−log π of the drawn tokens as entropy", nothing)
ENTROPY_DEAD = penalty_fault("entropy-without-gradient", "no entropy term", nothing)

REVERSIBLE = ("kl-k2-as-loss", "kl-k3-as-loss", "kl-in-reward")
"""KL terms that have a sign."""


def weighted(term: PenaltyTerm) -> PenaltyTerm:
    """Return a term whose tokens are weighed by their ratios, as it has to be where π_old drew."""
    return replace(term, by_scores=lambda r: off_policy_ratio(r) * term.by_scores(r))


def terms(off_policy: bool) -> tuple[PenaltyTerm, ...]:
    """Return the terms that are looked for; where π_old drew, those with the ratio first, and k2 without it a fault."""
    if not off_policy:
        return TERMS
    without = penalty_fault("kl-ratio-missing", "k2 as a loss, without a ratio", KL_K2.by_scores)
    return (*(weighted(term) for term in TERMS), without, *TERMS[1:])


SHARES = (*shares.RIGHT, *shares.FAULTY)
"""How a term may be averaged."""


def penalty_shares(chosen: LossPart) -> Iterator[tuple[LossPart, bool]]:
    """Yield how a term may be averaged over the tokens chosen, and whether only those are counted."""
    yield from ((share, False) for share in SHARES)
    if chosen.fault:
        yield from ((share, True) for share in SHARES if share.name in shares.OF_LENGTHS)
