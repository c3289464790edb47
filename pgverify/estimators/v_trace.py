"""V-trace: an actor-critic on somebody else's data, with importance ratios that are cut off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pgverify.arrays import LARGEST
from pgverify.baselines import BASELINE, Baseline, StateValue, table_of
from pgverify.declarations import TableRecursion, ratio_table
from pgverify.errors import InvalidEstimator
from pgverify.estimators.facts import Facts
from pgverify.kinds import accepts, known_arguments
from pgverify.rollout import Rollout
from pgverify.trajectories import BATCH, ROLLOUT, Trajectories
from pgverify.validation import Array, require_flag, require_number, settle

SMALLEST_CAP = 1e-12


@known_arguments
@dataclass(frozen=True)
class VTrace:
    """g = Σ_t γ^t ψ_t ρ̄_t (r_t + γ v_{t+1} − V(s_t)), with v_t = V(s_t) + ρ̄_t δ_t + γ c̄_t (v_{t+1} − V(s_{t+1})).

    Here δ_t = r_t + γ V(s_{t+1}) − V(s_t), ρ̄_t = min(ρ_t, cap) and c̄_t = λ min(ρ_t, trace cap), with ρ_t = π/μ. States
    are visited as μ visits them: decisions before a step are not weighted. Expectation: its own, biased in general;
    ∇J where π itself acted and no cap is below 1, with the true value function or λ = 1 (episodes that terminate).

    Parameters
    ----------
    ratio_cap : float
        ρ̄, of the ratio at the step itself, above 0.
    trace_cap : float
        c̄, of the ratios in the trace, above 0.
    trace_decay : float
        λ in [0, 1].
    critic : Baseline
        Default: the state value of the policy itself. In units of reward.
    discount_weighting : bool
        Whether step t carries the factor γ^t.

    Raises
    ------
    InvalidEstimator
        When a cap is not above 0 and finite, or λ outside [0, 1].

    References
    ----------
    Espeholt et al., IMPALA: scalable distributed deep-RL with importance weighted actor-learner architectures, 2018,
    sections 4.1 and 4.2.
    """

    facts: ClassVar[Facts] = Facts(
        name="v_trace",
        expectation="Σ_t γ^t Σ_s d^μ_t Σ_a μ ψ ρ̄ (E δ + γ E[v' − V'])",
        assumptions="∇J only where π acts and no cap is below 1; else its own, on the states that μ visits",
        source="Espeholt et al. 2018",
        example=lambda _: VTrace(),
        unbiased=False,
    )

    ratio_cap: float = 1.0
    trace_cap: float = 1.0
    trace_decay: float = 1.0
    critic: Baseline = field(default_factory=StateValue)
    discount_weighting: bool = True

    def __post_init__(self) -> None:
        BASELINE.require("critic", self.critic)
        allowed = "a number above 0, and finite"
        settle(
            self,
            ratio_cap=require_number("ratio_cap", self.ratio_cap, SMALLEST_CAP, LARGEST, InvalidEstimator, allowed),
            trace_cap=require_number("trace_cap", self.trace_cap, SMALLEST_CAP, LARGEST, InvalidEstimator, allowed),
            trace_decay=require_number("trace_decay", self.trace_decay, 0.0, 1.0, InvalidEstimator),
            discount_weighting=require_flag("discount_weighting", self.discount_weighting, InvalidEstimator),
        )

    @accepts(batch=BATCH)
    def weights(self, batch: Trajectories) -> Float[Array, "n T"]:
        """Return γ^t ρ̄_t (r_t + γ v_{t+1} − V(s_t)) for every step [n, T]."""
        values = self.critic.evaluate(batch)
        errors = np.where(batch.mask, batch.relative_rewards + batch.discount * values[:, 1:] - values[:, :-1], 0.0)
        ratio = np.minimum(batch.importance, self.ratio_cap)
        trace = self.trace_decay * np.minimum(batch.importance, self.trace_cap)
        weights = np.zeros_like(errors)
        ahead = np.zeros(len(batch))  # v − V of the step that follows
        for t in reversed(range(batch.num_steps)):
            weights[:, t] = ratio[:, t] * (errors[:, t] + batch.discount * ahead)
            ahead = ratio[:, t] * errors[:, t] + batch.discount * trace[:, t] * ahead
        powers = batch.discount_powers if self.discount_weighting else np.ones(batch.num_steps)
        return batch.step_scale * powers * np.where(batch.mask, weights, 0.0)

    @accepts(rollout=ROLLOUT)
    def declaration(self, rollout: Rollout) -> TableRecursion:
        """Return u = δ, y = p = ρ̄, k = γ c̄, q = γ ρ̄, f = 1."""
        own = ratio_table(rollout)
        ratio, trace = np.minimum(own, self.ratio_cap), self.trace_decay * np.minimum(own, self.trace_cap)
        return TableRecursion(
            rollout.discount if self.discount_weighting else 1.0,
            earned=ratio,
            carried=rollout.discount * trace,
            credited=ratio,
            credited_ahead=rollout.discount * ratio,
            passed=np.ones(own.shape),
            critic=table_of(self.critic, rollout),
        )

    @accepts(batch=BATCH)
    def __call__(self, batch: Trajectories) -> Float[Array, "n d"]:
        """Return one contribution a trajectory [n, d]."""
        return batch.score_weighted(self.weights(batch))
