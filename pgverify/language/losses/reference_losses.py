"""Every row of the tables of losses as one: what is drawn, what each token weighs, what it estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from pgverify.language.losses import advantages, penalties, ratios, shares, tokens
from pgverify.language.losses.compositions import NO_RATIO
from pgverify.language.losses.loss_rows import LossRows
from pgverify.language.losses.parts import ComposedLoss, LossPart
from pgverify.language.losses.penalties import PenaltyTerm
from pgverify.validation import Array


@dataclass(frozen=True)
class ReferenceLoss:
    """A loss, or a term of one, whose expectation was derived.

    Attributes
    ----------
    name : str
    estimand : str
        The expected direction of ascent, as a formula.
    sampler : "same", "old" or "rollout"
    rewarded : ComposedLoss or None
    free : PenaltyTerm or None
        A term without rewards, and below how its tokens are averaged.
    share : LossPart
    """

    name: str
    estimand: str
    sampler: str = "same"
    rewarded: ComposedLoss | None = None
    free: PenaltyTerm | None = None
    share: LossPart = shares.RIGHT[0]

    def weights(self, rows: LossRows) -> Float[Array, "N B T"]:
        """Return what each token's score weighs in the direction of ascent."""
        if self.rewarded is not None:
            return self.rewarded.weights(rows)
        return self._free.by_scores(rows) * self.share.weights(rows) * rows.mask

    def entropy_weights(self, rows: LossRows) -> Float[Array, "N B T"]:
        """Return what the gradient of each prefix's entropy weighs."""
        if self.free is None:
            return np.zeros(rows.mask.shape)
        return self._free.by_entropies(rows) * self.share.weights(rows) * rows.mask

    @property
    def _free(self) -> PenaltyTerm:
        return self.free if self.free is not None else penalties.ENTROPY


def _part(parts: tuple[LossPart, ...], name: str) -> LossPart:
    return next(part for part in parts if part.name == name)


def _term(name: str) -> PenaltyTerm:
    return next(term for term in penalties.TERMS if term.name == name)


def _made(
    name: str,
    estimand: str,
    sampler: str = "same",
    advantage: str = "leave-one-out",
    ratio: str = "",
    share: str = "sequence-sum",
    counted: str = "own-tokens",
) -> ReferenceLoss:
    composed = ComposedLoss(
        _part((*advantages.RIGHT, *advantages.FAULTY), advantage),
        _part(ratios.METHODS, ratio) if ratio else NO_RATIO,
        _part((*shares.RIGHT, *shares.METHODS, *shares.FAULTY), share),
        _part((*tokens.RIGHT, *tokens.METHODS, *tokens.FAULTY), counted),
    )
    return ReferenceLoss(name, estimand, sampler, composed)


OWN = "length-per-trajectory"
OVER_LENGTH = "∇E[(R − sg V)/L]"

AT_OLD: tuple[ReferenceLoss, ...] = (
    _made("REINFORCE", "∇J", advantage="raw"),
    _made("RLOO", "∇J"),
    _made("Dr. GRPO", "(1 − 1/G) ∇J, over a constant", advantage="own-mean"),
    _made("group std", "E_x[f_G(p) ∇p] where rewards are 0 and 1", advantage="group-std"),
    _made("GRPO without baseline", "∇E[R/L]", advantage="raw", share=OWN),
    _made("GRPO with leave-one-out", OVER_LENGTH, share=OWN),
    _made("GSPO at ratio 1", OVER_LENGTH, ratio="gspo", share=OWN),
    _made("SAPO at ratio 1", OVER_LENGTH, ratio="sapo", share=OWN),
    _made("GMPO at ratio 1", OVER_LENGTH, ratio="gmpo", share=OWN),
    _made("LUSPO", "∇J", ratio="gspo"),
    _made("overlong filter", "∇E[1{finished}(R − sg V)]", counted="overlong-filter"),
    _made("DAPO", "→ ∇J/E[L]", share="length-per-batch"),
    _made("PF-PPO", "→ ∇E[wR]/E[w], w = R²", advantage="raw", share="pf-ppo"),
)
"""Where θ = θ_old."""

TERMS: tuple[ReferenceLoss, ...] = (
    ReferenceLoss("k1 in the reward", "−∇KL of sequences", free=penalties.KL_IN_REWARD),
    ReferenceLoss("k2 as loss", "−Σ_t E_s ∇KL(π‖ref), states held", free=penalties.KL_K2),
    ReferenceLoss("k3 as loss", "−Σ_t E_s ∇KL(ref‖π), states held", free=_term("kl-k3-as-loss")),
    ReferenceLoss("k3 in the reward", "neither", free=_term("kl-k3-in-reward")),
    ReferenceLoss("k1 as loss", "0", free=_term("kl-k1-as-loss")),
    ReferenceLoss("k1 as loss over L", "−∇E[1/L]", free=_term("kl-k1-as-loss"), share=_part(shares.FAULTY, OWN)),
    ReferenceLoss("entropy", "Σ_t E_s ∇H, states held", free=penalties.ENTROPY),
    ReferenceLoss(
        "ratio times k3", "−Σ_t E_s ∇KL(π‖ref), states of old", "old", free=penalties.weighted(penalties.KL_K2)
    ),
)
"""KL and entropy."""

APART: tuple[ReferenceLoss, ...] = (
    _made("token ratio", "∇L_old", "old", ratio="token-ratio"),
    _made("sequence ratio", "∇J(θ)", "old", ratio="sequence-ratio"),
    _made("prefix ratio", "Σ_s d_π(s) Σ_a Q_old ∇π", "old", ratio="prefix-ratio"),
    _made("PPO", "∇L_old without the clipped tokens", "old", ratio="ppo-clip"),
    _made("clip-higher", "∇L_old without the clipped tokens", "old", ratio="clip-higher"),
    _made("dual clip", "∇L_old without the clipped tokens", "old", ratio="dual-clip"),
    _made("CISPO", "E_old[clip(ρ) A ψ]", "old", ratio="cispo"),
    _made("GSPO", "∇E_old[(Πρ)^{1/L} A]", "old", ratio="gspo", share=OWN),
    _made("GMPO", "∇E_old[(Π clip ρ)^{1/L} A]", "old", ratio="gmpo", share=OWN),
    _made("SAPO", "E_old[4σ(1 − σ)ρAψ]", "old", ratio="sapo"),
    _made("DRO", "E_old[(A − β log ρ)ψ]", "old", ratio="dro"),
    _made("token TIS, no cap", "∇L_μ", "rollout", ratio="tis-token-inf"),
    _made("sequence TIS, no cap", "∇J(θ)", "rollout", ratio="tis-sequence-inf"),
    _made("sequence TIS, cap 2", "E_μ[min(Πρ, 2) A S]", "rollout", ratio="tis-sequence-2"),
    _made("sequence TIS, cap 1.2", "E_μ[min(Πρ, 1.2) A S]", "rollout", ratio="tis-sequence-1.2"),
)
"""Away from θ_old, or where a third policy drew."""

BY_NAME: Mapping[str, ReferenceLoss] = MappingProxyType({one.name: one for one in (*AT_OLD, *TERMS, *APART)})
"""All of them."""
