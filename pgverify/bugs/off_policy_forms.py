"""Faults of ratios as they look where another policy acted and ∇J is claimed: the ratio is the batch's own.

The entries of `pgverify.bugs.importance` shift a policy themselves, so that they have an off-policy setting wherever
they are run. Here `batch.importance` is ρ_t = π/μ, as a function under the suite "off-policy" finds it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Float, Inexact

from pgverify.bugs.bug import Bug
from pgverify.bugs.importance import (
    LOG_RHO_SWAPPED,
    RATIO_APPLIED_TWICE,
    RATIO_OF_A_STEP_MISSING,
    RATIO_PRODUCT_CAPPED,
    RATIOS_SUMMED,
)
from pgverify.bugs.steps import credit, rows
from pgverify.estimators import RewardToGo
from pgverify.estimators.discounted_sum import discounted_sum
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

Ratios = Float[Array, "n T"]
"""ρ_t, or 1/ρ_t; 1 on padding."""


def _per_decision(batch: Trajectories, ratios: Ratios) -> Ratios:
    """Return Σ_{k≥t} γ^k ρ_0 ⋯ ρ_k r_k."""
    return discounted_sum(batch.discount_powers * np.cumprod(ratios, axis=1) * batch.relative_rewards, 1.0)


def _whole(batch: Trajectories, ratios: Ratios) -> Ratios:
    """Return ρ_0 ⋯ ρ_{T−1} γ^t G_t."""
    return np.prod(ratios, axis=1, keepdims=True) * credit(batch)


def _of_the_step(batch: Trajectories, ratios: Ratios) -> Ratios:
    """Return ρ_t γ^t G_t."""
    return ratios * credit(batch)


def _twice(batch: Trajectories, ratios: Ratios) -> Ratios:
    """Return ρ_t Σ_{k≥t} γ^k ρ_0 ⋯ ρ_k r_k."""
    return ratios * _per_decision(batch, ratios)


def _twice_on_the_step(batch: Trajectories, ratios: Ratios) -> Ratios:
    """Return ρ_t² γ^t G_t."""
    return ratios**2 * credit(batch)


def _shifted(ratios: Ratios) -> Ratios:
    return np.concatenate([np.ones_like(ratios[:, :1]), ratios[:, :-1]], axis=1)


def _without_own(batch: Trajectories, ratios: Ratios) -> Ratios:
    """Return Σ_{k≥t} γ^k ρ_0 ⋯ ρ_{k−1} r_k."""
    return _per_decision(batch, _shifted(ratios))


def _first_missing(batch: Trajectories, ratios: Ratios) -> Ratios:
    return np.where(np.arange(batch.num_steps) == 0, 1.0, ratios)


def _last_missing(batch: Trajectories, ratios: Ratios) -> Ratios:
    return np.where(np.arange(batch.num_steps) == batch.lengths[:, None] - 1, 1.0, ratios)


def _without_past(batch: Trajectories, ratios: Ratios) -> Ratios:
    """Return γ^t Y_t with Y_t = ρ_t (r_t + γ Y_{t+1}): Σ_{k≥t} γ^k ρ_t ⋯ ρ_k r_k."""
    return ratios * _without_past_and_own(batch, ratios)


def _without_past_and_own(batch: Trajectories, ratios: Ratios) -> Ratios:
    """Return Σ_{k≥t} γ^k ρ_{t+1} ⋯ ρ_k r_k."""
    return batch.discount_powers * discounted_sum(batch.relative_rewards, batch.discount, ratios)


def _without_future(batch: Trajectories, ratios: Ratios) -> Ratios:
    """Return ρ_0 ⋯ ρ_t γ^t G_t."""
    return np.cumprod(ratios, axis=1) * credit(batch)


def _total(batch: Trajectories, ratios: Ratios) -> Ratios:
    return np.where(batch.mask, ratios, 0.0).sum(axis=1, keepdims=True)


def _added(batch: Trajectories, ratios: Ratios) -> Ratios:
    return _total(batch, ratios) * credit(batch)


def _averaged(batch: Trajectories, ratios: Ratios) -> Ratios:
    return _total(batch, ratios) / np.maximum(batch.lengths, 1)[:, None] * credit(batch)


def _cap(low: float, high: float, ratios: Ratios) -> Ratios:
    return np.clip(ratios, low, high)


def _none_beyond(_: float, high: float, ratios: Ratios) -> Ratios:
    return np.where(ratios > high, 0.0, ratios)


def _cut(place: str, cut: Callable[[Ratios], Ratios], batch: Trajectories, ratios: Ratios) -> Ratios:
    """Return a product that is cut, of the steps so far or of the episode, or the product of factors that are."""
    if place == "factors so far":
        return _per_decision(batch, cut(ratios))
    if place == "factors":
        return _whole(batch, cut(ratios))
    if place == "product":
        return cut(np.prod(ratios, axis=1, keepdims=True)) * credit(batch)
    shares = cut(np.cumprod(ratios, axis=1))
    return discounted_sum(batch.discount_powers * shares * batch.relative_rewards, 1.0)


RANGES = (
    *((0.0, high) for high in (1.0, 1.2, 1.28, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 100.0)),
    *((1.0 - each, 1.0 + each) for each in (0.2, 0.1, 0.3)),
    *((1.0 / high, high) for high in (2.0, 5.0, 10.0)),
)
"""Least and largest of a ratio or a product, as configurations have them."""

CUT: tuple[Callable[[Trajectories, Ratios], Ratios], ...] = tuple(
    partial(_cut, place, partial(made, low, high))
    for place in ("product so far", "product", "factors so far", "factors")
    for made in (_cap, _none_beyond)
    for low, high in RANGES
    if made is _cap or low == 0.0
)

MISSING: tuple[Callable[[Trajectories, Ratios], Ratios], ...] = (
    _without_own,
    _without_past,
    _without_past_and_own,
    _without_future,
    lambda batch, ratios: _per_decision(batch, _first_missing(batch, ratios)),
    lambda batch, ratios: _per_decision(batch, _last_missing(batch, ratios)),
    lambda batch, ratios: _whole(batch, _first_missing(batch, ratios)),
    lambda batch, ratios: _whole(batch, _last_missing(batch, ratios)),
)
"""Products from which the ratios of some steps are missing."""


def _form(entry: Bug, weights: Callable[[Trajectories, Ratios], Ratios]) -> Bug:
    power = -1.0 if entry is LOG_RHO_SWAPPED else 1.0

    def implementation(batch: Trajectories) -> Inexact[Array, "n d"]:
        return rows(batch, weights(batch, np.where(batch.mask, batch.importance, 1.0) ** power))

    return replace(entry, implementation=implementation, correct=RewardToGo(), target="policy_gradient")


OFF_POLICY_FORMS: tuple[Bug, ...] = (
    *(_form(LOG_RHO_SWAPPED, weights) for weights in (_per_decision, _whole, _of_the_step)),
    *(_form(RATIO_APPLIED_TWICE, weights) for weights in (_twice, _twice_on_the_step)),
    *(_form(RATIO_OF_A_STEP_MISSING, weights) for weights in MISSING),
    *(_form(RATIOS_SUMMED, weights) for weights in (_added, _averaged)),
    *(_form(RATIO_PRODUCT_CAPPED, weights) for weights in CUT),
)
"""Each has the slug of its entry. Where nobody else acted all are the gradient itself, and are not tried."""
