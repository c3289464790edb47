"""Compatible features: a critic that is linear in the score itself, and loses nothing of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.declarations import TableRecursion
from pgverify.errors import InvalidEstimator
from pgverify.estimators.action_tables import decisions_before, visited_tables
from pgverify.estimators.all_actions import AllActions
from pgverify.estimators.discounted_sum import decided, decision_ratios
from pgverify.estimators.facts import Facts
from pgverify.estimators.reward_to_go import RewardToGo
from pgverify.kinds import accepts, known_arguments
from pgverify.policies.protocol import dense_score
from pgverify.rollout import Rollout
from pgverify.trajectories import BATCH, ROLLOUT, Trajectories
from pgverify.validation import Array, real_array, require_flag, settle


@known_arguments
@dataclass(frozen=True, eq=False)
class CompatibleCritic:
    """g = Σ_t γ^t Σ_a ∇π(a|s_t) f_w(s_t,a), with f_w(s,a) = wᵀψ(s,a), the critic that is linear in the score.

    Expectation: F w with F = Σ_t γ^t Σ_s d_t Σ_a π ψψᵀ. That is exactly ∇J where w solves the normal equations
    F w = Σ_t γ^t Σ_s d_t Σ_a π ψ Q_t of the least-squares fit of Q, as `exact.natural_gradient(problem)` does. Without
    `weights` w is fitted to the returns of the batch itself, (Σ γ^t ψψᵀ) w = Σ γ^t ψ G over its steps: biased, with a
    bias that vanishes as the batch grows. Where another policy acted, weights are per decision.

    Parameters
    ----------
    weights : [d], optional
        w, in units of reward times θ. Default: fitted to the batch.
    discount_weighting : bool
        Whether step t carries the factor γ^t.

    Raises
    ------
    InvalidEstimator
        When the weights are not [d], or not finite.

    References
    ----------
    Sutton et al., Policy gradient methods for reinforcement learning with function approximation, 1999, theorem 2.
    """

    facts: ClassVar[Facts] = Facts(
        name="compatible_critic",
        expectation="F w; ∇J where w solves the normal equations; fitted to the batch, ∇J as n → ∞",
        assumptions="w given; a policy of finitely many actions",
        source="Sutton et al. 1999, theorem 2",
        example=lambda problem: CompatibleCritic(np.ones(problem.policy.parameters.size)),
        unbiased=False,
    )

    weights: ArrayLike | None = None
    discount_weighting: bool = True

    def __post_init__(self) -> None:
        if self.weights is not None:
            array = real_array("weights", self.weights, InvalidEstimator)
            if array.ndim != 1 or not array.size:
                raise InvalidEstimator(f"weights has shape {array.shape}, must be [d]")
            settle(self, weights=array)
        settle(self, discount_weighting=require_flag("discount_weighting", self.discount_weighting, InvalidEstimator))

    @accepts(rollout=ROLLOUT)
    def declaration(self, rollout: Rollout) -> TableRecursion:
        """Return that of all actions with the critic f_w."""
        if self.weights is None:
            raise InvalidEstimator(
                "weights is None, must be given for exact moments: a fit to the batch couples its trajectories; list "
                "batches (exact.enumerated_moments) or sample"
            )
        return self._with(np.asarray(self.weights), rollout).declaration(rollout)

    @accepts(batch=BATCH)
    def fit(self, batch: Trajectories) -> Float[Array, "d"]:
        """Return the least-squares weights of a batch [d], the smallest where there are several."""
        powers = batch.discount_powers if self.discount_weighting else np.ones(batch.num_steps)
        counted = powers * decided(np.ones(batch.rewards.shape), decision_ratios(batch))
        score = dense_score(batch.policy)
        chosen = np.zeros(score.shape[:2])
        np.add.at(chosen, (batch.states[:, :-1], batch.action_numbers), np.where(batch.mask, counted, 0.0))
        matrix = np.einsum("sa,sad,sae->de", batch.step_scale * chosen, score, score)
        wanted = RewardToGo(discount_weighting=self.discount_weighting)(batch).sum(axis=0)
        return smallest_solution(matrix) @ wanted

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        weights = self.fit(batch) if self.weights is None else np.asarray(self.weights)
        return self._with(weights, batch.rollout)(batch)

    def _with(self, weights: Float[Array, "d"], rollout: Rollout) -> AllActions:
        policy = rollout.problem.policy
        size = policy.parameters.size
        if weights.shape != (size,):
            raise InvalidEstimator(f"weights has shape {weights.shape}, must be [d] = {(size,)} of the policy")
        return AllActions(dense_score(policy) @ weights, self.discount_weighting)


def smallest_solution(matrix: Float[Array, "d d"]) -> Float[Array, "d d"]:
    """Return M⁺ of a symmetric matrix: M⁺ y is the smallest vector that solves M x = y, or comes closest."""
    return np.linalg.pinv(matrix, rcond=len(matrix) * np.finfo(float).eps * 8, hermitian=True)


def fisher_of_states(batch: Trajectories) -> Float[Array, "d d"]:
    """Return (1/n) Σ_i Σ_t γ^t Σ_a π ψψᵀ(s_t,a): the Fisher information of the states visited [d, d]."""
    counted = batch.step_scale * batch.discount_powers * decisions_before(batch)
    rows = visited_tables(batch, counted, np.asarray(batch.policy.probabilities())).mean(axis=0)
    score = dense_score(batch.policy)
    return np.einsum("sa,sad,sae->de", rows, score, score)
