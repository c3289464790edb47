"""Dividing by numbers of steps: of the trajectory, the batch, the microbatch, the padding."""

from __future__ import annotations

import numpy as np
from jaxtyping import Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.steps import credit, rough_critic, rows, rows_with_padding, to_go
from pgverify.estimators import RewardToGo
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

MICROBATCH = 2
"""Trajectories in a microbatch; the last one may be smaller."""

ACCUMULATION_STEPS = 4


def _per_trajectory(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return (1/L) Σ_t γ^t ψ_t G_t: short trajectories count for more, whatever made them short."""
    return rows(batch, credit(batch) / np.maximum(batch.lengths, 1)[:, None])


def _per_batch(batch: Trajectories) -> Inexact[Array, "d"]:
    """Return Σ_i Σ_t γ^t ψ_t G_t / Σ_i L_i: a mean over all steps of the batch."""
    return rows(batch, credit(batch)).sum(axis=0) / max(int(batch.lengths.sum()), 1)


def _per_microbatch(batch: Trajectories) -> Inexact[Array, "d"]:
    """Return the mean over microbatches of the mean over each one's steps."""
    first = np.arange(0, len(batch), MICROBATCH)
    sums, steps = np.add.reduceat(rows(batch, credit(batch)), first), np.add.reduceat(batch.lengths, first)
    return np.mean(sums / np.maximum(steps, 1)[:, None], axis=0)


def _accumulated(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the rows divided once more by the number of accumulation steps."""
    return rows(batch, credit(batch)) / ACCUMULATION_STEPS


def _padding_in(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t (G_t − V̂(s_t)) ∇log π(a_t|s_t) over all T columns.

    On padding G is 0, V̂ is not, and the filler action 0 was never chosen: −γ^t V̂(s_L) ∇log π(0|s_L) for every padded
    step.
    """
    advantage = to_go(batch) - rough_critic(batch)[:, :-1]
    return rows_with_padding(batch, batch.discount_powers * advantage)


def _padding_out(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return the same over the steps that were taken."""
    return rows(batch, batch.discount_powers * (to_go(batch) - rough_critic(batch)[:, :-1]))


LENGTH_PER_TRAJECTORY = Bug(
    number=46,
    slug="length-per-trajectory",
    effect=Effect.BIASED,
    cause="Each trajectory's sum is divided by its own length, which depends on the actions.",
    cure="Divide by a constant: the number of trajectories, or a maximal length.",
    source=("huggingface/trl#3138", "sail-sg/understand-r1-zero#25"),
    implementation=_per_trajectory,
    correct=RewardToGo(),
    note="With constant length T a factor 1/T.",
)

LENGTH_PER_BATCH = Bug(
    number=47,
    slug="length-per-batch",
    effect=Effect.BIASED,
    cause="The sum over steps is divided by the number of steps in the batch, which depends on the actions.",
    cure="Divide by the number of trajectories.",
    source=("openai/spinningup#59", "openai/spinningup#222", "openai/spinningup#414"),
    implementation=_per_batch,
    correct=RewardToGo(),
    batch_size=2,
    note="With constant length T, and in the limit of large batches, a factor: 1/T, 1/E[L].",
)

MICROBATCH_NORMALISED = Bug(
    number=48,
    slug="microbatch-normalised",
    effect=Effect.BIASED,
    cause="Each microbatch is divided by its own number of steps: the result depends on how the batch is split.",
    cure="Divide every microbatch by the same number, known for the whole batch.",
    source=("huggingface/trl#3231", "allenai/open-instruct#1161"),
    implementation=_per_microbatch,
    correct=RewardToGo(),
    batch_size=3,
    ordered=True,
    note=f"Microbatches of {MICROBATCH}. With constant length T a factor 1/T.",
)

ACCUMULATION_FACTOR = Bug(
    number=49,
    slug="accumulation-factor",
    effect=Effect.SCALED,
    cause="The loss is divided by the number of accumulation steps a second time.",
    cure="Divide once.",
    source=("modelscope/ms-swift#10117",),
    implementation=_accumulated,
    correct=RewardToGo(),
    factor=lambda _: 1.0 / ACCUMULATION_STEPS,
    note=f"{ACCUMULATION_STEPS} accumulation steps.",
)

PADDING_COUNTED = Bug(
    number=50,
    slug="padding-counted",
    effect=Effect.BIASED,
    cause="Padded steps enter the loss: filler actions are scored with an advantage that is not 0.",
    cure="Multiply by the mask after the advantage is computed, and in every mean.",
    source=("huggingface/trl#7024", "ray-project/ray#2992"),
    implementation=_padding_in,
    correct=_padding_out,
    note="Padding that only enters the divisor, a mean over all T columns, is a factor 1/T.",
)
