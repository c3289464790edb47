"""Losses on batches of the caller's design: usual ones, and those with one change, in each group or in whole batches.

Beside a baseline of the group stand entropy bonuses, other rewards, a critic, a divisor: what a script has besides, no
entry alone has. The estimates of such losses are compared with the implementation's, group by group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from jaxtyping import Float

from pgverify.bugs.changed_losses import ChangedLoss
from pgverify.bugs.changes import WITHOUT_COUPLING
from pgverify.bugs.usual_losses import usual_losses
from pgverify.checking.calling.calls import Calls
from pgverify.checking.exhaustive.changed_loss_names import fitting_changes, named_change
from pgverify.checking.exhaustive.fitted_losses import LossFit, Seen, SeenBatch, SeenGroups, fitted, holds
from pgverify.checking.exhaustive.usual_loss_names import claim_of, named_usual_loss, reads_critic
from pgverify.checking.verdict.fitting_claims import CLAIMED, claimed_apart_from_entropy
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

Met = tuple[Sequence[Trajectories], Float[Array, "m d"], int | None]
"""Batches of one problem, the implementation's estimates, and how many trajectories make a group."""

PLACES = {
    "group": "what is subtracted, or divided by, is of each group of the design",
    "steps": "what is subtracted, or divided by, is of each group of the design, each group counting with its steps",
    "batch": "what is subtracted, or divided by, is of the whole batch, across the groups of the design",
}
"""What is said of what a loss is made in."""

MOST_OFF = 8
"""Batches of a problem that are compared."""


PLAIN = 1e-5
"""Relative difference from 1 within which a factor is none: what is added to a deviation may be off by 1e-6."""


def with_loss_of_design(
    report: Report, calls: Calls, met: Sequence[Met], elsewhere: Callable[[], Sequence[Met]]
) -> Report:
    """Return the report on a bias without a name with the loss that it is on batches of the design.

    Parameters
    ----------
    report : Report
    calls : Calls
        Of the implementation.
    met : batches of a few problems with the implementation's estimates, those where it is off among them
    elsewhere : function () -> batches of every problem
        A loss that was found must be what they show, too.
    """
    if report.outcome is not Outcome.BIASED or claimed_apart_from_entropy(report.target) not in CLAIMED.values():
        return report
    met = [(batches[:MOST_OFF], estimates[:MOST_OFF], size) for batches, estimates, size in met]
    critic = reads_critic(calls, ((batches[0], estimates[0]) for batches, estimates, _ in met))
    ratios = any(not batch.rollout.on_policy for batches, *_ in met for batch in batches)
    several = any(size is not None and size < len(batches[0]) for batches, _, size in met)
    for place in PLACES if several else ("batch",):
        groups = [_seen(each, place) for each in met]

        @cache
        def others(place: str = place) -> list[Seen]:
            return [seen for each in elsewhere() for seen in _seen(each, place)]

        def everywhere(fit: LossFit, others: Callable[[], list[Seen]] = others) -> bool:
            return holds(fit, others())

        found, coupled = _usual(report, groups, ratios, critic, everywhere)
        if found is None and not ratios:
            best = fitting_changes(report.target, groups, True, critic, everywhere)
            # Of one size two standard deviations are multiples of each other: the plain one is meant.
            plain = {slug: fit for slug, fit in best.items() if abs(abs(fit.factor) - 1.0) <= PLAIN}
            found = named_change(report, plain or best) if best else None
            coupled = any(_couples(fit) for fit in best.values())
        if found is not None:
            return replace(found, notes=(*found.notes, PLACES[place])) if several and coupled else found
    return report


def _usual(
    report: Report,
    groups: Sequence[Sequence[Seen]],
    ratios: bool,
    critic: bool,
    everywhere: Callable[[LossFit], bool],
) -> tuple[Report | None, bool]:
    """Return the report with the usual loss that it is, if any, and whether that couples trajectories."""
    for loss in usual_losses(True, ratios, critic):
        found = fitted(loss, groups)
        if found is not None and everywhere(found):
            named = named_usual_loss(report, found, ratios)
            right = named.outcome is Outcome.OTHER_TARGET and claim_of(found, ratios) == report.target
            return (None, False) if right else (named, _couples(found))
    return None, False


def _couples(found: LossFit) -> bool:
    """Return whether trajectories affect each other in a loss."""
    loss = found.loss
    centred = loss.coupled if isinstance(loss, ChangedLoss) else loss.freedom is not None
    return centred or loss.divisor not in WITHOUT_COUPLING


def _seen(met: Met, place: str) -> list[Seen]:
    """Return the batches with what each group of them is, or as a whole."""
    batches, estimates, size = met
    bare = [replace(batch, group=None) for batch in batches]
    if place == "batch" or size is None:
        return [SeenBatch.of(batch, found) for batch, found in zip(bare, estimates, strict=True)]
    found: list[Seen] = []
    for batch, estimate in zip(bare, estimates, strict=True):
        parts = [batch.select(slice(first, first + size)) for first in range(0, len(batch), size)]
        steps = np.array([max(int(part.lengths.sum()), 1) if place == "steps" else 1 for part in parts], dtype=float)
        groups = tuple(SeenBatch.of(part, np.zeros_like(estimate)) for part in parts)
        found.append(SeenGroups(groups, tuple((steps / steps.sum()).tolist()), estimate))
    return found
