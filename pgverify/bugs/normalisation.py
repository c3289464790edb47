"""Advantages and rewards centred, divided and clipped."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.steps import rows, to_go
from pgverify.estimators import RewardToGo
from pgverify.estimators.discounted_sum import discounted_sum
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

SMALL = 1e-8
"""What is added to a standard deviation so that it can be divided by."""

REWARD_STD = 0.5
"""The running standard deviation, where it has settled."""

REWARD_CLIP = 2.0
"""Bound on the scaled reward: with `REWARD_STD`, rewards above 1 are cut."""


def _wrong_axis(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the rows with G standardised along an axis of length one: (G − G)/(0 + ε) = 0."""
    column = to_go(batch)[:, :, None]
    standard = (column - column.mean(axis=2, keepdims=True)) / (column.std(axis=2, keepdims=True) + SMALL)
    return rows(batch, batch.discount_powers * standard[:, :, 0])


def _minibatch(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t ψ_t (G_t − Ḡ)/(σ + ε), mean and standard deviation over all steps of the batch.

    Both contain the step's own G: they depend on its action, so they do not drop out of the expectation.
    """
    values, mask = to_go(batch), batch.mask
    if not mask.any():
        return rows(batch, values)
    standard = (values - values[mask].mean()) / (values[mask].std() + SMALL)
    return rows(batch, batch.discount_powers * standard)


def _fitted(batch: Trajectories, leave_own_out: bool) -> tuple[Float[Array, "n T"], Float[Array, "n T"]]:
    """Return G_t and b(s_t), its mean over the batch's visits to s_t (0 without any), own episode in or out [n, T]."""
    values, states, mask = to_go(batch), batch.states[:, :-1], batch.mask
    count, size = len(batch), batch.problem.mdp.num_states
    index = np.arange(count)[:, None]
    cells = (index * size + states)[mask]
    sums = np.bincount(cells, weights=values[mask], minlength=count * size).reshape(count, size)
    visits = np.bincount(cells, minlength=count * size).reshape(count, size)
    own = int(leave_own_out)
    total, number = sums.sum(axis=0) - own * sums, visits.sum(axis=0) - own * visits
    return values, np.divide(total, number, out=np.zeros(sums.shape), where=number > 0)[index, states]


def _fitted_on_itself(batch: Trajectories) -> Inexact[Array, "n d"]:
    values, baseline = _fitted(batch, leave_own_out=False)
    return rows(batch, batch.discount_powers * (values - baseline))


def _fitted_on_others(batch: Trajectories) -> Inexact[Array, "n d"]:
    values, baseline = _fitted(batch, leave_own_out=True)
    return rows(batch, batch.discount_powers * (values - baseline))


def _scaled_and_clipped(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return reward-to-go for the rewards clip(r/σ, −c, c), σ where the running estimate has settled.

    That is an unbiased estimate of another objective's gradient: the return of the changed rewards.
    """
    changed = np.clip(batch.relative_rewards / REWARD_STD, -REWARD_CLIP, REWARD_CLIP)
    return rows(batch, batch.discount_powers * discounted_sum(changed, batch.discount))


NORMALISE_WRONG_AXIS = Bug(
    number=39,
    slug="normalise-wrong-axis",
    effect=Effect.NO_SIGNAL,
    cause="Advantages are standardised along an axis of length one: all become 0.",
    cure="Standardise over the batch, or not at all.",
    source=("tensorflow/agents#651",),
    implementation=_wrong_axis,
    correct=RewardToGo(),
)

NORMALISE_MINIBATCH = Bug(
    number=40,
    slug="normalise-minibatch",
    effect=Effect.BIASED,
    cause="Mean and standard deviation of a small batch include the sample they standardise.",
    cure="Use statistics of other samples (running ones, or a large batch), or leave the own sample out.",
    source=("openai/baselines#544", "DLR-RM/stable-baselines3#485"),
    implementation=_minibatch,
    correct=RewardToGo(),
    batch_size=2,
    note="In the limit of large batches a factor 1/σ.",
)

BASELINE_FIT_SAME_BATCH = Bug(
    number=41,
    slug="baseline-fit-same-batch",
    effect=Effect.BIASED,
    cause="The baseline is refitted on the very returns it is then subtracted from.",
    cure="Subtract first and fit afterwards, or fit on other episodes.",
    source=("dennybritz/reinforcement-learning#134", "rlworkgroup/garage#1317"),
    implementation=_fitted_on_itself,
    correct=_fitted_on_others,
    batch_size=2,
    note="The entry's baseline is the mean return of each state over the batch.",
)

REWARD_RUNNING_STD = Bug(
    number=60,
    slug="reward-running-std",
    effect=Effect.OTHER_TARGET,
    cause="Rewards are divided by a running standard deviation and clipped: the return of other rewards is improved.",
    cure="Scale by a constant, do not clip, and report returns in the original units.",
    source=("openai/baselines#538", "DLR-RM/stable-baselines3#2206"),
    implementation=_scaled_and_clipped,
    correct=RewardToGo(),
    other_target="clipped_reward_gradient",
    note=f"σ = {REWARD_STD}, clipped at {REWARD_CLIP:g}: where no |r| exceeds {REWARD_STD * REWARD_CLIP:g} only a "
    f"factor {1 / REWARD_STD:g}. A σ still moving with the data adds a bias of its own.",
)
