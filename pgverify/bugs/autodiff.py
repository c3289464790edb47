"""What automatic differentiation adds, or leaves out, when a term is not detached, or not attached.

The critic of these entries shares every parameter with the policy: V_θ(s) = Σ_a π_θ(a|s) c_a with fixed c_a = cos(1+a),
hence ∇V_θ(s) = Σ_a π(a|s) c_a ψ(s,a).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.steps import at_states, by_step, credit, one_hot, rows, rows_over_actions, to_go
from pgverify.estimators import RewardToGo
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def _outputs(batch: Trajectories) -> Float[Array, "S A"]:
    """Return π(a|s) c_a: summed over actions the critic's value, weighing scores its gradient."""
    probabilities = batch.policy.probabilities()
    return probabilities * np.cos(1.0 + np.arange(probabilities.shape[1]))


def _values(batch: Trajectories) -> Float[Array, "n T_plus_1"]:
    """Return V_θ(s_t), 0 where the episode has terminated."""
    return np.where(batch.ongoing, _outputs(batch).sum(axis=1)[batch.states], 0.0)


def _detached(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t ψ_t A_t with A_t = G_t − V_θ(s_t): the gradient of Σ γ^t log π(a_t|s_t) detach(A_t)."""
    return rows(batch, batch.discount_powers * (to_go(batch) - _values(batch)[:, :-1]))


def _leaking(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the gradient of Σ γ^t log π(a_t|s_t) A_t itself, Σ_t γ^t (ψ_t A_t − log π(a_t|s_t) ∇V_θ(s_t)).

    The extra term has expectation Σ_t γ^t E[H(π(·|s_t)) ∇V_θ(s_t)].
    """
    leak = by_step(batch.discount_powers * batch.log_probs) * at_states(batch, _outputs(batch))
    return _detached(batch) - rows_over_actions(batch, leak)


def _errors(batch: Trajectories) -> Float[Array, "n T"]:
    values = _values(batch)
    return batch.relative_rewards + batch.discount * values[:, 1:] - values[:, :-1]


def _semigradient(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t δ_t ∇V(s_t): minus the gradient of Σ ½ (detach(r + γ V(s_{t+1})) − V(s_t))²."""
    return rows_over_actions(batch, by_step(_errors(batch)) * at_states(batch, _outputs(batch)))


def _residual_gradient(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t δ_t (∇V(s_t) − γ ∇V(s_{t+1})): the target is differentiated too."""
    gamma_errors = batch.discount * _errors(batch)
    later = np.zeros_like(gamma_errors)
    # δ_t ∇V(s_{t+1}) is counted with step t+1; after termination V is 0 for every θ.
    later[:, 1:] = np.where(batch.mask[:, 1:], gamma_errors[:, :-1], 0.0)
    return _semigradient(batch) - rows_over_actions(batch, by_step(later) * at_states(batch, _outputs(batch)))


def _first_left_out(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return reward-to-go with the first parameter's component 0, as if the optimiser did not hold it."""
    gradient = np.array(rows(batch, credit(batch)))
    gradient[:, 0] = 0.0
    return gradient


def _action_baseline(batch: Trajectories) -> Float[Array, "S A"]:
    """Return b(s,a) = cos(1 + s + 2a): arbitrary, and dependent on the action."""
    states, actions = batch.policy.probabilities().shape
    return np.cos(1.0 + np.arange(states)[:, None] + 2.0 * np.arange(actions))


def _baseline_uncorrected(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t ψ_t (G_t − b(s_t,a_t)): off by −Σ_t γ^t E Σ_a π ψ b(s_t,a), which is not 0."""
    own = one_hot(batch) * at_states(batch, _action_baseline(batch))
    return rows(batch, credit(batch)) - rows_over_actions(batch, batch.discount_powers[None, :, None] * own)


def _baseline_corrected(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the same plus Σ_t γ^t Σ_a π(a|s_t) ψ(s_t,a) b(s_t,a)."""
    table = batch.policy.probabilities() * _action_baseline(batch)
    correction = batch.discount_powers[None, :, None] * at_states(batch, table)
    return _baseline_uncorrected(batch) + rows_over_actions(batch, correction)


ADVANTAGE_NOT_DETACHED = Bug(
    number=18,
    slug="advantage-not-detached",
    effect=Effect.BIASED,
    cause="The advantage is differentiated along with log π: parameters shared with the critic get −log π ∇V.",
    cure="Detach the advantage in the policy loss.",
    source=("keras-team/keras-io#194", "async-rl#8"),
    implementation=_leaking,
    correct=_detached,
    note="Without shared parameters the policy's gradient is right and the critic's is wrong.",
)

TARGET_NOT_DETACHED = Bug(
    number=19,
    slug="target-not-detached",
    effect=Effect.BIASED,
    cause="The critic's bootstrapped target is differentiated: a residual gradient in place of the TD semigradient.",
    cure="Detach r + γ V(s') in the critic's loss.",
    source=("Farama-Foundation/Gymnasium#1494",),
    implementation=_residual_gradient,
    correct=_semigradient,
    target="td_semigradient",
    note="The critic's gradient only; the policy's own is untouched.",
)

PARAMETER_LEFT_OUT = Bug(
    number=29,
    slug="parameter-left-out",
    effect=Effect.BIASED,
    cause="A parameter is missing from the list that is differentiated or optimised: its component is always 0.",
    cure="Collect all parameters of the policy, those outside the network (log standard deviations) included.",
    source=("openai/baselines#262",),
    implementation=_first_left_out,
    correct=RewardToGo(),
    note="The entry leaves out the first parameter.",
)

ACTION_BASELINE_UNCORRECTED = Bug(
    number=62,
    slug="action-baseline-uncorrected",
    effect=Effect.BIASED,
    cause="A baseline that depends on the action is subtracted, and its expectation is not added back.",
    cure="Add Σ_a π ψ b(s,a), or let the baseline depend on the state alone.",
    source=(
        "Tucker et al., The mirage of action-dependent baselines in reinforcement learning, 2018, arXiv 1802.10031",
    ),
    implementation=_baseline_uncorrected,
    correct=_baseline_corrected,
)
