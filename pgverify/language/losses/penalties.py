"""KL and entropy terms: what a penalty weighs each token's score, and each prefix's entropy gradient, by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from pgverify.language.losses import shares
from pgverify.language.losses.loss_rows import LossRows
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


KL_THREADS = ("verl-project/verl#2953", "huggingface/trl#4967")

TERMS: tuple[PenaltyTerm, ...] = (
    PenaltyTerm(
        "kl-k2-as-loss", "k2 = x²/2 as a loss: ∇KL(π‖ref), states held", lambda r: -log_ratio(r), source=KL_THREADS
    ),
    PenaltyTerm(
        "kl-k3-as-loss",
        "k3 as a loss: ∇KL(ref‖π), states held",
        lambda r: -(1.0 - np.exp(-log_ratio(r))),
        fault=True,
        cause="k3 is differentiated as a loss: that gives ∇KL(ref‖π), not ∇KL(π‖ref).",
        cure="Differentiate k2 on policy (states held), weight k3 by the token's ratio, or pay the KL as a reward.",
        source=KL_THREADS,
    ),
    PenaltyTerm("kl-in-reward", "k1 paid as a reward: ∇KL of sequences", whole_return, source=("arXiv:2512.21852",)),
    PenaltyTerm(
        "kl-k3-in-reward",
        "k3 paid as a reward: neither KL",
        whole_return_k3,
        fault=True,
        cause="k3 is paid as a reward: its gradient is neither that of KL(π‖ref) nor of KL(ref‖π).",
        cure="Pay k1, the plain log-ratio.",
        source=("huggingface/trl#5889", "arXiv:2512.21852"),
    ),
    PenaltyTerm(
        "kl-k1-as-loss",
        "a term of expectation zero",
        lambda r: -ones(r),
        fault=True,
        cause="The sampled log-ratio is differentiated as a loss: its gradient ψ is 0 on average, or a length bonus.",
        cure="Put the log-ratio into the reward, or differentiate k2, or the KL in closed form.",
        source=("NVIDIA-NeMo/RL#2506", "OpenRLHF/OpenRLHF#1309"),
    ),
    PenaltyTerm(
        "kl-absolute-as-loss",
        "|x| as a loss",
        lambda r: -np.sign(log_ratio(r)),
        fault=True,
        cause="The absolute log-ratio is differentiated as a loss: its gradient is the sign of it times ψ.",
        cure="Differentiate k2, or pay the log-ratio as a reward.",
        source=("verl-project/verl#2953",),
    ),
    PenaltyTerm(
        "kl-k3-upside-down",
        "e^x − 1 − x as a loss",
        lambda r: -(np.exp(log_ratio(r)) - 1.0),
        fault=True,
        cause="k3 has its log-ratio upside down: exp(log π − log ref) where exp(log ref − log π) belongs.",
        cure="Write exp(ref − logp) − (ref − logp) − 1; and see kl-k3-as-loss.",
        source=("walkinglabs/hands-on-modern-rl#27",),
    ),
    PenaltyTerm(
        "kl-to-old-policy",
        "the distance to the old policy for that to the reference",
        lambda r: -(r.log_probs - r.old),
        fault=True,
        cause="The penalty is taken to the old policy, not to the reference.",
        cure="Pass the reference's log-probabilities.",
        source=("Jiayi-Pan/TinyZero#67",),
    ),
    PenaltyTerm("entropy-bonus", "entropy over the vocabulary, states held", nothing, ones),
    PenaltyTerm(
        "sampled-entropy",
        "−log π of the drawn tokens as entropy, with its whole return",
        lambda r: -r.total(r.log_probs) * ones(r),
        source=("arXiv:2510.01555",),
    ),
)
"""With x = log π/π_ref, each is what its derivative weighs ψ by, times −1."""

SHARES = (*shares.RIGHT, *shares.FAULTY)
"""How a term may be averaged."""
