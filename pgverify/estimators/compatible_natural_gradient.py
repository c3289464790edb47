"""The natural gradient as the weights of the compatible critic: least squares, and no gradient besides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pgverify.arrays import LARGEST
from pgverify.errors import InvalidEstimator
from pgverify.estimators.discounted_sum import decided, decision_ratios
from pgverify.estimators.facts import Facts
from pgverify.estimators.natural_gradient import damped_inverse
from pgverify.estimators.reward_to_go import RewardToGo
from pgverify.kinds import accepts, known_arguments
from pgverify.policies.protocol import dense_score
from pgverify.trajectories import BATCH, Trajectories
from pgverify.validation import Array, require_number, settle


@known_arguments
@dataclass(frozen=True)
class CompatibleNaturalGradient:
    """ĝ = w, where (Σ γ^t ψψᵀ + n ε I) w = Σ γ^t ψ G over the steps of the batch: the least-squares fit of G by wᵀψ.

    Expectation: its own, biased by O(1/n) as a ratio of means is; F⁺∇J, the natural gradient, as the batch grows (and
    ε = 0). The sums are those of the actions taken. Where another policy acted, weights are per decision.

    Parameters
    ----------
    damping : float
        ε ≥ 0, in the units of the Fisher information.

    Raises
    ------
    InvalidEstimator
        When ε is negative.

    References
    ----------
    Kakade, A natural policy gradient, 2001, theorem 1; Peters & Schaal, Natural actor-critic, 2008.
    """

    facts: ClassVar[Facts] = Facts(
        name="compatible_natural_gradient",
        expectation="E[(Σ γ^t ψψᵀ)⁺ Σ γ^t ψ G]; F⁺∇J as n → ∞",
        assumptions="batches of n independent trajectories",
        source="Kakade 2001; Peters & Schaal 2008",
        example=lambda _: CompatibleNaturalGradient(),
        unbiased=False,
    )

    damping: float = 0.0

    def __post_init__(self) -> None:
        allowed = "a number of at least 0, and finite"
        settle(self, damping=require_number("damping", self.damping, 0.0, LARGEST, InvalidEstimator, allowed))

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one row a trajectory [n, d], whose mean is w."""
        counted = batch.step_scale * batch.discount_powers
        counted = counted * decided(np.ones(batch.rewards.shape), decision_ratios(batch))
        score = dense_score(batch.policy)
        chosen = np.zeros(score.shape[:2])
        np.add.at(chosen, (batch.states[:, :-1], batch.action_numbers), np.where(batch.mask, counted, 0.0))
        fisher = np.einsum("sa,sad,sae->de", chosen / max(len(batch), 1), score, score)
        return RewardToGo()(batch) @ damped_inverse(fisher, self.damping, batch.rollout)
