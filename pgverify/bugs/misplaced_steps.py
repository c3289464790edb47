"""Steps that are left out, discounted twice, or compared with the value of another state."""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Inexact

from pgverify.bugs.bug import Bug, Effect
from pgverify.bugs.changed_losses import (
    NO_THREAD,
    LossChange,
    StepValues,
    entry_of_change,
)
from pgverify.bugs.steps import rows, to_go
from pgverify.estimators import RewardToGo
from pgverify.estimators.discounted_sum import discounted_sum
from pgverify.trajectories import Trajectories
from pgverify.validation import Array


def _first_alone(batch: Trajectories, weights: StepValues) -> StepValues:
    return np.where(np.arange(batch.num_steps) == 0, weights, 0.0)


def _last_left_out(batch: Trajectories, weights: StepValues) -> StepValues:
    return np.where(np.arange(batch.num_steps) == batch.lengths[:, None] - 1, 0.0, weights)


def _first_left_out(batch: Trajectories, weights: StepValues) -> StepValues:
    return np.where(np.arange(batch.num_steps) == 0, 0.0, weights)


def _discounted_again(batch: Trajectories, weights: StepValues) -> StepValues:
    """Return γ^t w_t."""
    return batch.discount_powers * weights


def _discounted_rewards(power: float, batch: Trajectories, _: StepValues) -> StepValues:
    """Return γ^{power t} Σ_{k≥t} γ^{k−t} (γ^k r_k): rewards discounted by their index, and then as a return."""
    paid = batch.discount_powers * batch.relative_rewards
    return batch.discount_powers**power * discounted_sum(paid, batch.discount)


def _discount_squared(batch: Trajectories, _: StepValues) -> StepValues:
    """Return γ^t Σ_{k≥t} γ^{2(k−t)} r_k."""
    return batch.discount_powers * discounted_sum(batch.relative_rewards, batch.discount**2)


def _less_next_value(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t ψ_t (G_t − V(s_{t+1})): the state that the action led to has a part in the baseline."""
    return rows(batch, batch.discount_powers * np.where(batch.mask, to_go(batch) - batch.values[:, 1:], 0.0))


def _bootstrapped_without_discount(batch: Trajectories) -> Inexact[Array, "n d"]:
    """Return Σ_t γ^t ψ_t (r_t + V(s_{t+1}) − V(s_t))."""
    error = batch.relative_rewards + batch.values[:, 1:] - batch.values[:, :-1]
    return rows(batch, batch.discount_powers * np.where(batch.mask, error, 0.0))


STEPS_LEFT_OUT: tuple[LossChange, ...] = (
    LossChange("first-step-alone", "the first step of each episode alone", weights=_first_alone),
    LossChange("last-step-left-out", "every step but the last of each episode", weights=_last_left_out),
    LossChange("first-step-left-out", "every step but the first of each episode", weights=_first_left_out),
)
"""They leave what is paid for in the other steps as it is."""

STEP_CHANGES: tuple[LossChange, ...] = (
    *STEPS_LEFT_OUT,
    LossChange("discount-applied-twice", "returns weighted by γ^t twice", weights=_discounted_again),
    LossChange(
        "discount-applied-twice",
        "rewards times γ^t, then summed with γ",
        weights=partial(_discounted_rewards, 0.0),
    ),
    LossChange(
        "discount-applied-twice",
        "rewards times γ^t, then summed with γ and weighted by γ^t",
        weights=partial(_discounted_rewards, 1.0),
    ),
    LossChange("discount-applied-twice", "rewards summed with γ²", weights=_discount_squared),
)
"""The plainest form of each slug comes first."""


_entry = partial(entry_of_change, STEP_CHANGES)


FIRST_STEP_ALONE = _entry(
    136,
    "first-step-alone",
    "Only the first action of an episode is learnt from.",
    "Sum over all steps of the episode.",
    NO_THREAD,
    "Innocent where episodes have one step.",
)

LAST_STEP_LEFT_OUT = _entry(
    137,
    "last-step-left-out",
    "The last step of an episode is left out of the sum: a loop or a slice ends one short.",
    "Sum over all steps, that on which the episode ends included.",
    NO_THREAD,
)

FIRST_STEP_LEFT_OUT = _entry(
    138,
    "first-step-left-out",
    "The first step of an episode is left out of the sum: a loop or a slice begins one late.",
    "Sum over all steps, from the first.",
    NO_THREAD,
)

DISCOUNT_APPLIED_TWICE = _entry(
    139,
    "discount-applied-twice",
    "γ counts twice where it should once: later rewards or later steps are worth too little.",
    "γ^t Σ_{k≥t} γ^{k−t} r_k discounts every reward exactly once.",
    NO_THREAD,
    "The entry has γ^{2t} G_t; returns of rewards that are discounted already, and γ² for γ, are recognised as well. "
    "Equal to the correct one at γ = 1.",
)

VALUE_OF_NEXT_STATE = Bug(
    number=140,
    slug="value-of-next-state",
    effect=Effect.BIASED,
    cause="The value of the next state is the baseline: it depends on the action, and does not drop out.",
    cure="Subtract V(s_t), of the state in which the action was chosen.",
    source=NO_THREAD,
    implementation=_less_next_value,
    correct=RewardToGo(),
)

BOOTSTRAP_UNDISCOUNTED = Bug(
    number=141,
    slug="bootstrap-undiscounted",
    effect=Effect.BIASED,
    cause="The value of the next state has no γ in r + V(s') − V(s): what comes later is worth too much.",
    cure="r + γ V(s') − V(s).",
    source=NO_THREAD,
    implementation=_bootstrapped_without_discount,
    correct=RewardToGo(),
    note="Equal to the correct one at γ = 1.",
)
