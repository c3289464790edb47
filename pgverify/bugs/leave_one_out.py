"""Right advantages divided by the wrong numbers: of steps, or a standard deviation of another kind."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.normalisation import SMALL
from pgverify.bugs.steps import returns, rows
from pgverify.estimators import RewardToGo
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def less_others(values: Float[Array, "n"]) -> Float[Array, "n"]:
    """Return R_i − mean of R over the others; R itself for one alone."""
    if len(values) < 2:
        return values
    return values - (values.sum() - values) / (len(values) - 1)


def spread(values: Float[Array, "n"]) -> Float[Array, "n"]:
    """Return (R − mean)/(std + ε) with the population's std (divisor n)."""
    return (values - values.mean()) / (values.std() + SMALL) if len(values) else values


def _episodes(batch: Trajectories, weight: Float[Array, "n"]) -> Inexact[Array, "n d"]:
    """Return w_i Σ_t ψ_t."""
    return rows(batch, np.broadcast_to(weight[:, None], batch.rewards.shape))


def _token_mean(batch: Trajectories) -> Inexact[Array, "d"]:
    """Return Σ_i Ψ_i (R_i − mean of the others) / Σ_i L_i."""
    return _episodes(batch, less_others(returns(batch))).sum(axis=0) / max(int(batch.lengths.sum()), 1)


def _sequence_mean(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return (1/L_i) Ψ_i (R_i − mean of the others)."""
    return _episodes(batch, less_others(returns(batch)) / np.maximum(batch.lengths, 1))


def _leave_one_out(batch: Trajectories) -> Inexact[Array, "n d"]:
    return _episodes(batch, less_others(returns(batch)))


def _population_std(batch: Trajectories) -> Inexact[Array, "n d"]:
    return _episodes(batch, spread(returns(batch)))


RLOO_TOKEN_MEAN = Bug(
    number=76,
    slug="rloo-token-mean",
    effect=Effect.BIASED,
    cause="Leave-one-out advantages are averaged over all steps of the batch, whose number depends on the actions.",
    cure="Sum over the steps of a trajectory, and take the mean over trajectories.",
    source=("verl 0.9.1 (compute_rloo_outcome_advantage, agg_loss token-mean)",),
    implementation=_token_mean,
    correct=_leave_one_out,
    batch_size=2,
    note="With constant length T a factor 1/T.",
)

RLOO_SEQUENCE_MEAN = Bug(
    number=77,
    slug="rloo-sequence-mean",
    effect=Effect.BIASED,
    cause="Leave-one-out advantages are averaged over the steps of each trajectory, whose number depends on the "
    "actions.",
    cure="Sum over the steps of a trajectory, and take the mean over trajectories.",
    source=("verl 0.9.1 (compute_rloo_outcome_advantage, agg_loss seq-mean-token-mean)",),
    implementation=_sequence_mean,
    correct=_leave_one_out,
    batch_size=2,
    note="With constant length T a factor 1/T.",
)

GROUP_STD_POPULATION = Bug(
    number=78,
    slug="group-std-population",
    effect=Effect.BIASED,
    cause="Advantages are divided by the group's population standard deviation, which depends on the sampled actions.",
    cure="Do not divide, or divide by a constant.",
    source=("NVIDIA/TorchFort#38", "NVIDIA-NeMo/RL#1423"),
    implementation=_population_std,
    correct=RewardToGo(),
    batch_size=2,
    note="√(n/(n−1)) times group-std.",
)
