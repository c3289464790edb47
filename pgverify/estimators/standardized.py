"""Returns or advantages divided by their standard deviation: common practice, and biased."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pgverify.arrays import LARGEST
from pgverify.errors import InvalidEstimator
from pgverify.estimators.discounted_sum import require_on_policy
from pgverify.estimators.facts import Facts
from pgverify.estimators.protocol import STEP_WEIGHTED, StepWeighted
from pgverify.estimators.reward_to_go import RewardToGo
from pgverify.kinds import accepts, known_arguments
from pgverify.trajectories import BATCH, Trajectories
from pgverify.validation import Array, require_number, settle


@known_arguments
@dataclass(frozen=True)
class StandardizedReturn:
    """g_i = Σ_t ψ_t (R_i − R̄)/(σ_R + ε), with R̄ and σ_R the mean and standard deviation over the batch.

    The advantage of group-relative policy optimisation, with every trajectory of the batch in one group. Expectation:
    *not* ∇J; the direction is reweighted by how variable the group's returns happen to be. No closed form is known:
    `exact.enumerated_moments` lists the batches.

    Parameters
    ----------
    epsilon : float
        ε ≥ 0, in units of reward.

    References
    ----------
    Shao et al., DeepSeekMath, 2024 (GRPO); Liu et al., Understanding R1-Zero-like training, 2025, for the bias.
    """

    facts: ClassVar[Facts] = Facts(
        name="standardized_return",
        expectation="E[Σ_t ψ_t (R − R̄)/(σ_R + ε)]",
        assumptions="batches of n independent trajectories",
        source="Shao et al. 2024; Liu et al. 2025",
        example=lambda _: StandardizedReturn(),
        unbiased=False,
    )

    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        settle(self, epsilon=_epsilon(self.epsilon))

    @accepts(batch=BATCH)
    def weights(self, batch: Trajectories) -> Float[Array, "n T"]:
        """Return the group advantage on every step [n, T]."""
        require_on_policy(batch, self)
        returns = batch.relative_rewards @ batch.discount_powers
        advantage = _standardize(returns, self.epsilon)
        return batch.step_scale * np.where(batch.mask, advantage[:, None], 0.0)

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        return batch.score_weighted(self.weights(batch))


@known_arguments
@dataclass(frozen=True)
class StandardizedAdvantage:
    """g_i = Σ_t ψ_t (w_t − w̄)/(σ_w + ε), the step weights of another estimator standardised over the batch's steps.

    What actor-critic codes do to the advantages of a batch or a minibatch. Expectation: *not* ∇J; the bias falls as
    the batch grows, and what remains is a positive multiple of the base estimator's expectation.

    Parameters
    ----------
    base : StepWeighted
        Whose weights are standardised.
    epsilon : float
        ε ≥ 0, in units of the weights.

    References
    ----------
    Schulman et al., Proximal policy optimization, 2017, as commonly implemented.
    """

    facts: ClassVar[Facts] = Facts(
        name="standardized_advantage",
        expectation="E[Σ_t ψ_t (w_t − w̄)/(σ_w + ε)]",
        assumptions="batches of n independent trajectories",
        source="Schulman et al. 2017, as commonly implemented",
        example=lambda _: StandardizedAdvantage(),
        unbiased=False,
    )

    base: StepWeighted = field(default_factory=RewardToGo)
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        STEP_WEIGHTED.require("base", self.base)
        settle(self, epsilon=_epsilon(self.epsilon))

    @accepts(batch=BATCH)
    def weights(self, batch: Trajectories) -> Float[Array, "n T"]:
        """Return the standardised weights [n, T], 0 on padding."""
        require_on_policy(batch, self)
        weights, mask = self.base.weights(batch), batch.mask
        standardized = np.zeros_like(weights)
        if mask.any():
            standardized[mask] = batch.step_scale * _standardize(weights[mask], self.epsilon)
        return standardized

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        return batch.score_weighted(self.weights(batch))


def _standardize(values: Float[Array, "n"], epsilon: float) -> Float[Array, "n"]:
    centred = values - values.mean()
    spread = np.sqrt((centred**2).mean())
    # Where nothing varies every centred value is 0 and stays so, also with ε = 0.
    return centred / (spread + epsilon) if spread + epsilon > 0 else centred


def _epsilon(value: object) -> float:
    return require_number("epsilon", value, 0.0, LARGEST, InvalidEstimator, "a number in [0, inf], and finite")
