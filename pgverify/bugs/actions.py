"""Real-valued actions: what is scored is not what was drawn, or not as it was drawn.

Every entry has a setting of its own, a Gaussian policy on Gauss–Hermite nodes (`gaussian_nodes`), so that expectations
are sums. The rows hold the score of the Gaussian itself, (a − μ)φ/σ², put together by hand.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.gaussian_nodes import gaussian_policy, line_problem, of_batch, one_dimension, visited
from pgverify.bugs.off_policy import log_ratio, seen_from_target
from pgverify.bugs.steps import at_actions, credit, rows
from pgverify.estimators import RewardToGo
from pgverify.mdp import TabularMDP
from pgverify.policies.gaussian_density import density_vjp
from pgverify.problem import FiniteHorizon, Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

BOUND = 0.5
"""Actions are clipped to [−BOUND, BOUND] before they act."""


def plain_setting() -> Problem:
    """Return the two-state problem in which the action acts as it is."""
    policy = one_dimension()
    return line_problem(policy.nodes[:, :, 0], policy)


def clipped_setting() -> Problem:
    """Return the problem in which the clipped action acts."""
    policy = one_dimension()
    return line_problem(np.clip(policy.nodes[:, :, 0], -BOUND, BOUND), policy)


def squashed_setting() -> Problem:
    """Return the problem in which 2 tanh(a) acts."""
    policy = one_dimension()
    return line_problem(2.0 * np.tanh(policy.nodes[:, :, 0]), policy)


def learnt_std_setting() -> Problem:
    """Return the plain problem with log σ among the parameters."""
    policy = one_dimension(learns_std=True)
    return line_problem(policy.nodes[:, :, 0], policy)


def two_dimensions_setting() -> Problem:
    """Return one step with a two-dimensional action and reward −(a_1 − 1)² − (a_1 + a_2)²/2, in two states."""
    policy = gaussian_policy(np.array([[0.2, -0.3], [-0.5, 0.4]]), np.log([0.7, 0.9]), 3, learns_std=False)
    first, second = policy.nodes[:, :, 0], policy.nodes[:, :, 1]
    reward = -((first - 1.0) ** 2) - (first + second) ** 2 / 2.0
    transition = np.broadcast_to(np.eye(2)[:, None, :], (2, 9, 2))
    return Problem(TabularMDP([0.6, 0.4], transition, reward), policy, FiniteHorizon(1))


def _reparameterised(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t G_t d/dθ log N(a_t(θ); μ, σ²) with the sample attached, a(θ) = μ + σε.

    To the score (a − μ)φ/σ² comes ∂log N/∂a · ∂a/∂μ = −(a − μ)/σ² · φ: they cancel: log N is −ε²/2 − log σ for any μ.
    """
    policy = of_batch(batch)
    table = visited(batch, credit(batch))
    through_density = policy.log_density_vjp(policy.nodes, table)
    through_sample = -policy.log_density_vjp(policy.nodes, table)
    return through_density + through_sample


def _clipped_scored(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t G_t (clip(a_t) − μ)φ/σ².

    E[clip(a) − μ] ≠ 0 unless the bounds lie symmetrically about μ: with everything above the mean clipped to it,
    E[min(ε, 0)]/σ = −1/(σ√(2π)).
    """
    policy = of_batch(batch)
    return policy.log_density_vjp(np.clip(policy.nodes, -BOUND, BOUND), visited(batch, credit(batch)))


def _one_sided_correction(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t ρ_t ψ_t G_t at θ = θ_old, where the old log-density alone has the term −log(1 − tanh²a).

    log ρ = log N − (log N − log(1 − tanh²a)): the ratio is 1 − tanh²a_t where it should be 1.
    """
    policy = of_batch(batch)
    slope = 1.0 - np.tanh(policy.nodes[:, :, 0]) ** 2
    return rows(batch, at_actions(batch, slope) * credit(batch))


def _constant_omitted(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t ρ_t ψ_t G_t where both log-densities of u = 2 tanh(a) lack −log 2.

    The constant cancels in the ratio, which is 1, and its derivative is 0: the score is the Gaussian's.
    """
    policy = of_batch(batch)
    correction = -np.log1p(-(np.tanh(policy.nodes[:, :, 0]) ** 2))  # without −log 2
    new, old = batch.log_probs + at_actions(batch, correction), batch.log_probs + at_actions(batch, correction)
    return policy.log_density_vjp(policy.nodes, visited(batch, np.exp(new - old) * credit(batch)))


def _joint_ratio(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return ρ ψ' r for one step: the surrogate's gradient with the ratio of the joint density."""
    return rows(seen_from_target(batch), np.exp(log_ratio(batch).cumsum(axis=1)) * credit(batch))


def _ratio_by_dimension(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_j ρ_j ψ'_j r, where dimension j has a ratio of its own and the ratios are summed as losses.

    ψ' falls into one block of components for each dimension, each weighted by its own ρ_j in place of Π_i ρ_i.
    """
    policy, target = of_batch(batch), of_batch(seen_from_target(batch))
    contributions = rows(seen_from_target(batch), credit(batch)).reshape(len(batch), *policy.mean_weights.shape)
    states, nodes, dimensions = policy.nodes.shape
    grid = (states, *(round(nodes ** (1.0 / dimensions)),) * dimensions)
    weighted = np.zeros_like(contributions)
    for j in range(dimensions):
        others = tuple(1 + i for i in range(dimensions) if i != j)
        own = [p.probabilities().reshape(grid).sum(axis=others, keepdims=True) for p in (target, policy)]
        table = np.broadcast_to(own[0] / own[1], grid).reshape(states, nodes)
        weighted[:, :, j] = at_actions(batch, table)[:, :1] * contributions[:, :, j]
    return weighted.reshape(len(batch), -1)


def _exponentiated_twice(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t G_t ∇log N(a_t; μ, exp(exp l)²), although a_t was drawn with σ = exp l.

    For the mean that is the score times σ²/exp(σ)²; for l it is ((a − μ)²/exp(2σ) − 1) σ, of expectation
    (σ² exp(−2σ) − 1) σ ≠ 0.
    """
    policy = of_batch(batch)
    std, (states, nodes, dimensions) = np.exp(np.exp(policy.log_std)), policy.nodes.shape
    table = visited(batch, credit(batch)).reshape(len(batch), states * nodes)
    means, features = (np.repeat(rows, nodes, axis=0) for rows in (policy.means(), policy.features))
    # dlog σ'/dl of σ' = exp(exp l) is exp l.
    return density_vjp(policy.nodes.reshape(-1, dimensions), means, features, table, std, np.exp(policy.log_std))


REPARAMETERISED_SAMPLE = Bug(
    number=20,
    slug="reparameterised-sample",
    effect=Effect.NO_SIGNAL,
    cause="The action is drawn with rsample() and stays attached: log π(a(θ)) does not depend on the mean.",
    cure="Draw with sample(), or detach the action before scoring it.",
    source=("pytorch/pytorch#10943", "HorizonRobotics/alf#34", "google-deepmind/distrax#323"),
    implementation=_reparameterised,
    correct=RewardToGo(),
    setting=plain_setting,
    note="A learnt log σ would get −Σ γ^t G_t, which knows nothing of the actions.",
)

CLIPPED_ACTION_SCORED = Bug(
    number=23,
    slug="clipped-action-scored",
    effect=Effect.BIASED,
    cause="The action is clipped to its bounds, stored, and the clipped value is scored: E[score] is not 0.",
    cure="Store and score the action as drawn; clip only what is sent to the environment.",
    source=("thu-ml/tianshou#312", "ray-project/ray#8889"),
    implementation=_clipped_scored,
    correct=RewardToGo(),
    setting=clipped_setting,
)

SQUASH_CORRECTION_MISSING = Bug(
    number=24,
    slug="squash-correction-missing",
    effect=Effect.BIASED,
    cause="The log-determinant of tanh is in the old log-probability and not in the new one.",
    cure="Put it on both sides of the ratio, or on neither.",
    source=("automl/Mighty#118",),
    implementation=_one_sided_correction,
    correct=RewardToGo(),
    setting=squashed_setting,
)

SQUASH_CONSTANT_OMITTED = Bug(
    number=25,
    slug="squash-constant-omitted",
    effect=Effect.INNOCENT,
    cause="The constant log of the action's scale is left out of the squashed log-probability.",
    cure="Nothing to change for the gradient: a constant has none, and cancels in a ratio.",
    source=("openai/spinningup#314",),
    implementation=_constant_omitted,
    correct=RewardToGo(),
    setting=squashed_setting,
    note="A reported entropy is off by the constant.",
)

ACTION_DIMS_NOT_SUMMED = Bug(
    number=26,
    slug="action-dims-not-summed",
    effect=Effect.BIASED,
    cause="Log-probabilities are not summed over the dimensions of the action: each dimension has its own ratio.",
    cure="Sum over dimensions before taking the ratio (Independent, or .sum(-1)).",
    source=("thu-ml/tianshou#40", "JuliaReinforcementLearning/ReinforcementLearningZoo.jl#169"),
    implementation=_ratio_by_dimension,
    correct=_joint_ratio,
    target="off_policy_gradient",
    setting=two_dimensions_setting,
    note="At θ = θ_old only a factor: 1 if the dimensions are summed, 1/D if they are averaged.",
)

DOUBLE_EXP_STD = Bug(
    number=28,
    slug="double-exp-std",
    effect=Effect.BIASED,
    cause="The standard deviation is exponentiated once more when scoring: exp(exp(log σ)).",
    cure="Pass log σ or σ, whichever is asked for.",
    source=("hill-a/stable-baselines#1058",),
    implementation=_exponentiated_twice,
    correct=RewardToGo(),
    setting=learnt_std_setting,
    note="With a fixed σ only a factor σ² exp(−2σ).",
)
