"""Baselines that depend on the action: unbiased with their correction, biased without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from pgverify.declarations import TableRecursion, ratio_table
from pgverify.errors import InvalidEstimator
from pgverify.estimators.action_tables import action_table, decisions_before, expected_scores, fitting_table
from pgverify.estimators.discounted_sum import decided, decision_ratios, discounted_sum
from pgverify.estimators.facts import Facts
from pgverify.kinds import accepts, known_arguments
from pgverify.rollout import Rollout
from pgverify.trajectories import BATCH, ROLLOUT, Trajectories
from pgverify.validation import Array, require_flag, settle


@known_arguments
@dataclass(frozen=True, eq=False)
class ActionBaseline:
    """g = Σ_t γ^t [ψ_t (G_t − b(s_t,a_t)) + Σ_a ∇π(a|s_t) b(s_t,a)], with G_t = Σ_{k≥t} γ^{k−t} r_k.

    Expectation: exactly ∇J for any table b, because what ψ b takes out in the mean the sum over actions puts back. With
    `corrected=False` the sum is left out, and so is Σ_t γ^t Σ_s d_t Σ_a ∇π b from the expectation: nothing is missing
    only where that is 0, as for a function of the state. Of the variance, b can only touch the share of the
    actions. Under the average reward r is r − ρ and g is divided by T. Where another policy acted, weights are per
    decision.

    Parameters
    ----------
    values : [S, A] or [T, S, A]
        b, in units of reward, as seen from time t.
    corrected : bool
        Whether the sum over actions is there. Without it the estimate is biased.
    discount_weighting : bool
        Whether step t carries the factor γ^t.

    Raises
    ------
    InvalidEstimator
        When the values are no such table.

    References
    ----------
    Gu et al., Q-Prop, 2017; Tucker et al., The mirage of action-dependent baselines in reinforcement learning, 2018.
    """

    facts: ClassVar[Facts] = Facts(
        name="action_baseline",
        expectation="∇J; uncorrected ∇J − Σ_t γ^t Σ_s d_t Σ_a ∇π b",
        assumptions="any table b(s,a), with its correction; finitely many actions",
        source="Gu et al. 2017; Tucker et al. 2018",
        example=lambda problem: ActionBaseline(0.5 + 0.25 * np.eye(*problem.policy.probabilities().shape)),
    )

    values: ArrayLike
    corrected: bool = True
    discount_weighting: bool = True

    def __post_init__(self) -> None:
        settle(
            self,
            values=action_table("values", self.values),
            corrected=require_flag("corrected", self.corrected, InvalidEstimator),
            discount_weighting=require_flag("discount_weighting", self.discount_weighting, InvalidEstimator),
        )

    @accepts(rollout=ROLLOUT)
    def declaration(self, rollout: Rollout) -> TableRecursion:
        """Return u = r, y = p = f = ρ, k = q = γ ρ, ρ b as the baseline and e = π b, or 0."""
        table, ratio = self._table(rollout, rollout.horizon), ratio_table(rollout)
        return TableRecursion(
            rollout.discount if self.discount_weighting else 1.0,
            earned=ratio,
            carried=rollout.discount * ratio,
            credited=ratio,
            credited_ahead=rollout.discount * ratio,
            passed=ratio,
            baseline=ratio * table,
            expected=rollout.problem.policy.probabilities() * table if self.corrected else None,
        )

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        table = self._table(batch.rollout, batch.num_steps)
        powers = batch.discount_powers if self.discount_weighting else np.ones(batch.num_steps)
        ratios = decision_ratios(batch)
        to_go = discounted_sum(batch.relative_rewards, batch.discount, ratios)
        place = batch.states[:, :-1], batch.action_numbers
        taken = table[place] if table.ndim == 2 else table[np.arange(batch.num_steps), place[0], place[1]]
        scale = batch.step_scale * powers
        rows = batch.score_weighted(scale * decided(np.where(batch.mask, to_go - taken, 0.0), ratios))
        if not self.corrected:
            return rows
        expected = batch.policy.probabilities() * table
        return rows + expected_scores(batch, scale * decisions_before(batch), expected, self)

    def _table(self, rollout: Rollout, steps: int | None) -> Float[Array, "*time S A"]:
        return fitting_table("values", np.asarray(self.values), rollout.problem.policy.probabilities().shape, steps)
