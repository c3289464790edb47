"""The ε-mixed policy: with probability ε an action at random, and scored as what it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Inexact

from pgverify.errors import InvalidPolicy
from pgverify.kinds import known_arguments
from pgverify.policies.of_another import OfAnother, require_numbered
from pgverify.policies.protocol import Policy, table_weights
from pgverify.validation import Array, require_number, settle


@known_arguments
@dataclass(frozen=True, eq=False)
class MixedPolicy(OfAnother):
    """π(a|s) = (1−ε) p(a|s) + ε/A, so that ∇ log π = (1−ε) p/π · ∇ log p.

    Parameters
    ----------
    policy : Policy
        p.
    exploration : float
        ε in [0, 1].

    Raises
    ------
    InvalidPolicy
        When there is no such policy, or ε lies outside.
    """

    policy: Policy
    exploration: float

    def __post_init__(self) -> None:
        require_numbered(self.policy)
        settle(self, exploration=require_number("exploration", self.exploration, 0.0, 1.0, InvalidPolicy))

    def probabilities(self) -> Inexact[Array, "S A"]:
        """π(a|s) [S, A]."""
        greedy = self.policy.probabilities()
        return (1.0 - self.exploration) * greedy + self.exploration / greedy.shape[1]

    def score_vjp(self, weights: Inexact[Array, "*rows S A"]) -> Inexact[Array, "*rows d"]:
        """Return Σ w(s,a) ∇ log π(a|s) for weights [..., S, A], as [..., d]."""
        greedy, mixed = self.policy.probabilities(), self.probabilities()
        weights = table_weights("weights", weights, (greedy.shape[0], greedy.shape[1]))
        share = np.divide((1.0 - self.exploration) * greedy, mixed, out=np.ones_like(mixed), where=mixed != 0)
        return self.policy.score_vjp(share * weights)
