"""Actions drawn from one law and scored under another.

The law q that acted is a function of the policy π. A batch holds trajectories of π, so a row is multiplied by the
likelihood ratio Λ = Π_t q(a_t|s_t)/π(a_t|s_t): its expectation over the batch's law is then the expectation of the code
that draws from q. Where q and π have the same support, the same weights the other way round are the cure.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.steps import at_actions, at_states, by_step, credit, one_hot, rows, rows_over_actions
from pgverify.estimators import RewardToGo
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

EPSILON = 0.2
TEMPERATURE = 2.0
TOP = 2


def likelihood_ratio(batch: Trajectories, law: Float[Array, "S A"]) -> Float[Array, "n"]:
    """Return Λ = Π_t q(a_t|s_t)/π(a_t|s_t) for the law q [S, A] that acted."""
    probabilities = batch.policy.probabilities()
    ratio = np.divide(law, probabilities, out=np.ones_like(law), where=probabilities > 0)
    with np.errstate(over="ignore"):  # beyond 1e300 the trajectory's own probability has vanished
        return np.minimum(np.where(batch.mask, at_actions(batch, ratio), 1.0).prod(axis=1), 1e300)


def mixture(probabilities: Float[Array, "S A"]) -> Float[Array, "S A"]:
    """Return (1−ε) π + ε/A."""
    return (1.0 - EPSILON) * probabilities + EPSILON / probabilities.shape[1]


def tempered(probabilities: Float[Array, "S A"]) -> Float[Array, "S A"]:
    """Return q ∝ π^{1/τ}: logits divided by the temperature τ."""
    powers = np.power(probabilities, 1.0 / TEMPERATURE)
    return powers / powers.sum(axis=1, keepdims=True)


def truncated(probabilities: Float[Array, "S A"], top: int = TOP) -> Float[Array, "S A"]:
    """Return π renormalised over its k most probable actions; of equals, the first."""
    rank = np.argsort(np.argsort(-probabilities, axis=1, kind="stable"), axis=1, kind="stable")
    return _renormalised(probabilities, rank < top)


def masked(probabilities: Float[Array, "S A"]) -> Float[Array, "S A"]:
    """Return π renormalised over the allowed actions: in states 0, 2, 4, … action s mod A is forbidden."""
    states, actions = np.indices(probabilities.shape)
    return _renormalised(probabilities, (states % 2 == 1) | (actions != states % probabilities.shape[1]))


def _renormalised(probabilities: Float[Array, "S A"], kept: np.ndarray) -> Float[Array, "S A"]:
    if probabilities.shape[1] == 1:
        return probabilities
    left = np.where(kept, probabilities, 0.0)
    return left / left.sum(axis=1, keepdims=True)


def _scored_as_policy(batch: Trajectories, law: Float[Array, "S A"]) -> Inexact[Array, "n d"]:
    """Return Λ Σ_t γ^t ψ_t G_t: drawn from q, scored under π."""
    return rows(batch, likelihood_ratio(batch, law)[:, None] * credit(batch))


def _reweighted(batch: Trajectories, law: Float[Array, "S A"]) -> Inexact[Array, "n d"]:
    """Return the same times the importance weight Π_t π/q of an estimator that knows it drew from q."""
    probabilities = batch.policy.probabilities()
    inverse = np.divide(probabilities, law, out=np.ones_like(law), where=law > 0)
    log_inverse = np.log(np.where(batch.mask, at_actions(batch, inverse), 1.0)).sum(axis=1)
    return np.exp(log_inverse)[:, None] * _scored_as_policy(batch, law)


def _explored(batch: Trajectories) -> Inexact[Array, "n d"]:
    return _scored_as_policy(batch, mixture(batch.policy.probabilities()))


def _explored_reweighted(batch: Trajectories) -> Inexact[Array, "n d"]:
    return _reweighted(batch, mixture(batch.policy.probabilities()))


def _heated(batch: Trajectories) -> Inexact[Array, "n d"]:
    return _scored_as_policy(batch, tempered(batch.policy.probabilities()))


def _heated_reweighted(batch: Trajectories) -> Inexact[Array, "n d"]:
    return _reweighted(batch, tempered(batch.policy.probabilities()))


def _cut_off(batch: Trajectories) -> Inexact[Array, "n d"]:
    return _scored_as_policy(batch, truncated(batch.policy.probabilities()))


def _greedy(batch: Trajectories) -> Inexact[Array, "n d"]:
    return _scored_as_policy(batch, truncated(batch.policy.probabilities(), top=1))


def _mask_forgotten(batch: Trajectories) -> Inexact[Array, "n d"]:
    return _scored_as_policy(batch, masked(batch.policy.probabilities()))


def _mask_kept(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Λ Σ_t γ^t G_t ∇log q(a_t|s_t), with ∇log q(a|s) = ψ(s,a) − Σ_b q(b|s) ψ(s,b) on allowed actions."""
    law = masked(batch.policy.probabilities())
    weights = likelihood_ratio(batch, law)[:, None] * credit(batch)
    return rows_over_actions(batch, by_step(weights) * (one_hot(batch) - at_states(batch, law)))


def _softmax_twice(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t G_t ∇log softmax(π)(a_t|s_t): actions drawn from π, whose probabilities were taken for logits.

    With q = softmax(π(·|s)) and ∇π_b = π_b ψ_b: ∇log q_a = π_a ψ_a − Σ_b q_b π_b ψ_b.
    """
    probabilities = batch.policy.probabilities()
    powers = np.exp(probabilities)
    law = powers / powers.sum(axis=1, keepdims=True)
    inner = (one_hot(batch) - at_states(batch, law)) * at_states(batch, probabilities)
    return rows_over_actions(batch, by_step(credit(batch)) * inner)


DOUBLE_SOFTMAX = Bug(
    number=30,
    slug="double-softmax",
    effect=Effect.BIASED,
    cause="Probabilities are passed where logits are expected: actions are scored under softmax(softmax(z)).",
    cure="Pass logits, or say that they are probabilities.",
    source=("ekapolc/RL_course_2019#6",),
    implementation=_softmax_twice,
    correct=RewardToGo(),
)

MASK_MISSING_IN_UPDATE = Bug(
    number=31,
    slug="mask-missing-in-update",
    effect=Effect.BIASED,
    cause="Forbidden actions are masked when acting, and not when the log-probability is computed for the update.",
    cure="Apply the same mask in the update.",
    source=("AgileRL/AgileRL#487",),
    implementation=_mask_forgotten,
    correct=_mask_kept,
    target="masked_policy_gradient",
)

EXPLORATION_NOT_SCORED = Bug(
    number=32,
    slug="exploration-not-scored",
    effect=Effect.BIASED,
    cause="Actions come from an ε-mixture with uniform exploration, and are scored as if they came from π.",
    cure="Draw from π, or weight by π/q; or score q itself, which is then the policy whose return is improved.",
    source=("SwarmRL#121", "tensorflow/agents#494"),
    implementation=_explored,
    correct=_explored_reweighted,
    note=f"ε = {EPSILON}.",
)

TEMPERATURE_MISMATCH = Bug(
    number=33,
    slug="temperature-mismatch",
    effect=Effect.BIASED,
    cause="Logits are divided by a temperature when sampling and not when scoring.",
    cure="Use the same temperature in both places, or weight by π/q.",
    source=("huggingface/trl#3029", "huggingface/trl#4159", "OpenRLHF/OpenRLHF#853"),
    implementation=_heated,
    correct=_heated_reweighted,
    note=f"Temperature {TEMPERATURE:g}.",
)

TRUNCATED_SAMPLING = Bug(
    number=34,
    slug="truncated-sampling",
    effect=Effect.BIASED,
    cause="Top-k or top-p sampling renormalises over the likely actions; scoring uses the whole softmax.",
    cure="Sample without truncation, or renormalise over the same actions when scoring.",
    source=("huggingface/trl#6789", "huggingface/trl#7269"),
    implementation=_cut_off,
    correct=RewardToGo(),
    note=f"Top {TOP}: shows with three actions or more.",
)

ARGMAX_ACTION = Bug(
    number=63,
    slug="argmax-action",
    effect=Effect.BIASED,
    cause="The greedy action is taken and scored as if it had been sampled.",
    cure="Sample the action from π while collecting data for the gradient.",
    source=("no public thread found",),
    implementation=_greedy,
    correct=RewardToGo(),
)
