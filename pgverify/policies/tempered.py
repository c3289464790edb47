"""The tempered policy: probabilities to the power 1/τ, as logits divided by a temperature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Inexact

from pgverify.errors import InvalidPolicy
from pgverify.kinds import known_arguments
from pgverify.policies.of_another import OfAnother, renormalised_weights, require_numbered
from pgverify.policies.protocol import Policy, table_weights
from pgverify.validation import Array, require_number, settle


@known_arguments
@dataclass(frozen=True, eq=False)
class TemperedPolicy(OfAnother):
    """π(a|s) ∝ p(a|s)^{1/τ}, so that ∇ log π_a = (ψ_a − Σ_b π_b ψ_b)/τ for the score ψ of p.

    Parameters
    ----------
    policy : Policy
        p; for a softmax, π is that of its logits divided by τ.
    temperature : float
        τ in [0.01, 100].

    Raises
    ------
    InvalidPolicy
        When there is no such policy, or τ lies outside.
    """

    policy: Policy
    temperature: float

    def __post_init__(self) -> None:
        require_numbered(self.policy)
        settle(self, temperature=require_number("temperature", self.temperature, 0.01, 100.0, InvalidPolicy))

    def probabilities(self) -> Inexact[Array, "S A"]:
        """π(a|s) [S, A]."""
        plain = self.policy.probabilities()
        possible = plain != 0
        logs = np.log(np.where(possible, plain, 1.0)) / self.temperature
        largest = np.where(possible, logs.real, -np.inf).max(axis=1, keepdims=True)
        powers = np.where(possible, np.exp(np.where(possible, logs - largest, 0.0)), 0.0)
        return powers / powers.sum(axis=1, keepdims=True)

    def score_vjp(self, weights: Inexact[Array, "*rows S A"]) -> Inexact[Array, "*rows d"]:
        """Return Σ w(s,a) ∇ log π(a|s) for weights [..., S, A], as [..., d]."""
        law = self.probabilities()
        weights = table_weights("weights", weights, (law.shape[0], law.shape[1]))
        return self.policy.score_vjp(renormalised_weights(law, law != 0, weights) / self.temperature)
