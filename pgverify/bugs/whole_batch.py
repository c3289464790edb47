"""What happens to the estimate as a whole: its sign, the rows that enter it, the number it is divided by."""

from __future__ import annotations

import numpy as np
from jaxtyping import Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.steps import credit, returns, rows
from pgverify.estimators import RewardToGo
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def _reversed(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return −Σ_t γ^t ψ_t G_t: the loss's gradient where the objective's belongs."""
    return -rows(batch, credit(batch))


def _last_row_lost(batch: Trajectories) -> Inexact[Array, "d"]:
    """Return (1/n) Σ_{i<n} Σ_t γ^t ψ_t G_t over all trajectories but the last one stored."""
    return np.asarray(rows(batch, credit(batch))[: len(batch) - 1].sum(axis=0) / len(batch))


def _first_subtracted(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t ψ_t (R_i − R_1): unbiased for all but the first, of which nothing is left."""
    values = returns(batch)
    return rows(batch, np.broadcast_to((values - values[:1])[:, None], batch.rewards.shape))


def _others_first(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t ψ_t (R_i − R_1), and for the first its R_1 − R_2: nobody's own return is subtracted."""
    values = returns(batch)
    baseline = np.broadcast_to(values[:1], values.shape).copy()
    baseline[:1] = values[1:2] if len(values) > 1 else 0.0
    return rows(batch, np.broadcast_to((values - baseline)[:, None], batch.rewards.shape))


def _summed(batch: Trajectories) -> Inexact[Array, "d"]:
    """Return Σ_i Σ_t γ^t ψ_t G_t, divided by no number of trajectories."""
    return np.asarray(rows(batch, credit(batch)).sum(axis=0))


def _per_longest(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return (1/max_j L_j) Σ_t γ^t ψ_t G_t: a mean over the columns of a batch padded to its longest episode."""
    return rows(batch, credit(batch)) / max(int(batch.lengths.max(initial=0)), 1)


SIGN_REVERSED = Bug(
    number=66,
    slug="sign-reversed",
    effect=Effect.BIASED,
    cause="The sign is reversed: what should be climbed is descended.",
    cure="Minimise −Σ log π · return, or add the gradient of the return instead of subtracting it.",
    source=("alessiodm/drl-zh#15",),
    implementation=_reversed,
    correct=RewardToGo(),
    note="Other faults are composed with it: their slug, then this one.",
)

LAST_ROW_LOST = Bug(
    number=67,
    slug="last-row-lost",
    effect=Effect.SCALED,
    cause="The last trajectory of the batch is left out of the sum, but counted in the divisor.",
    cure="Sum over all trajectories, or divide by the number of those summed.",
    source=("no public thread found",),
    implementation=_last_row_lost,
    correct=RewardToGo(),
    batch_size=2,
    ordered=True,
    factor=lambda n: (n - 1) / n,
)

FIRST_AS_BASELINE = Bug(
    number=68,
    slug="first-as-baseline",
    effect=Effect.SCALED,
    cause="The return of the batch's first trajectory is subtracted from all, its own included.",
    cure="Subtract from each trajectory the mean return of the others.",
    source=("ServiceNow/PipelineRL#54",),
    implementation=_first_subtracted,
    correct=_others_first,
    batch_size=2,
    ordered=True,
    factor=lambda n: (n - 1) / n,
    note="The thread divides by the standard deviation of that one rollout besides.",
)

SUM_OVER_STEPS = Bug(
    number=69,
    slug="sum-over-steps",
    effect=Effect.SCALED,
    cause="The steps of all trajectories are summed, and the sum is not divided by the number of trajectories.",
    cure="Take the mean over trajectories of each one's sum over steps.",
    source=("verl-project/verl#3741",),
    implementation=_summed,
    correct=RewardToGo(),
    batch_size=2,
    factor=float,
    note="Divided by a constant number of steps T, as in the thread, the factor is n/T.",
)

LENGTH_OF_LONGEST = Bug(
    number=70,
    slug="length-of-longest",
    effect=Effect.BIASED,
    cause="The estimate is divided by the length of the longest episode in the batch, which depends on the actions.",
    cure="Divide by a constant: a maximal length that is the same for every batch.",
    source=("verl-project/verl#4360",),
    implementation=_per_longest,
    correct=RewardToGo(),
    batch_size=2,
    note="With constant length T a factor 1/T.",
)
