"""Shapes and indices that line up by accident."""

from __future__ import annotations

import numpy as np
from jaxtyping import Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.steps import credit, one_hot, rows, rows_over_actions
from pgverify.estimators import RewardToGo
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def _outer_product(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return (Σ_t ψ_t) · mean of γ^t G_t over all steps of the batch.

    log π of shape (B,) times advantages (B, 1) is (B, B); its mean over both axes is mean(log π) · mean(advantage), so
    every step is weighted by the average weight. Scaled here by B/n, as the sum over steps is where no axis is wrong.
    """
    weights, mask = credit(batch), batch.mask
    average = weights[mask].mean() if mask.any() else 0.0
    return rows(batch, np.full(weights.shape, average))


def _next_action(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_{t<L−1} γ^t G_t ∇log π(a_{t+1}|s_t): the action of the step after; the last step has none."""
    following = np.zeros((len(batch), batch.num_steps, batch.problem.mdp.num_actions))
    following[:, :-1] = np.where(batch.mask[:, 1:, None], one_hot(batch)[:, 1:], 0.0)
    return rows_over_actions(batch, credit(batch)[:, :, None] * following)


BROADCAST_OUTER_PRODUCT = Bug(
    number=27,
    slug="broadcast-outer-product",
    effect=Effect.BIASED,
    cause="(B,) times (B, 1) broadcasts to (B, B): every log-probability is multiplied by every advantage.",
    cure="Give both the same shape, and assert it.",
    source=("google-deepmind/acme#277", "google-research/batch-ppo#45"),
    implementation=_outer_product,
    correct=RewardToGo(),
    note="With one step an episode only a factor 1/n: the samples of others contribute noise.",
)

LOGIT_OFF_BY_ONE = Bug(
    number=55,
    slug="logit-off-by-one",
    effect=Effect.BIASED,
    cause="Logits and actions are shifted by one: the logits of a step score the action of its neighbour.",
    cure="Line them up: the logits after the prefix s_t score a_t.",
    source=("lucidrains/PaLM-rlhf-pytorch#31", "AI-Hypercomputer/maxtext#2103"),
    implementation=_next_action,
    correct=RewardToGo(),
)
