"""The cause of a wrong expectation: the reference loss whose every weight, or whose expectation, is the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.language.losses.compositions import compositions
from pgverify.language.losses.loss_rows import LossRows, loss_rows
from pgverify.language.losses.parts import ComposedLoss, LossPart
from pgverify.language.losses.penalties import SHARES, TERMS, PenaltyTerm
from pgverify.language.trials import Trial
from pgverify.validation import Array

FEW = 14
"""Batches on which compositions are compared first; the rest only where these agree."""

SAME = 1e-6
"""Relative difference of weights that are the same, of loss and reference: an ε apart they may be."""


@dataclass(frozen=True)
class Diagnosis:
    """What a loss is, part by part.

    Attributes
    ----------
    slug : str
        The faults, joined by " + "; of a method without one its name.
    words : str
    cause, cure : str
    source : tuple of str
    fault : bool
        Whether any part is a fault.
    """

    slug: str
    words: str
    cause: str
    cure: str
    source: tuple[str, ...]
    fault: bool


def diagnosed(
    trials: Sequence[Trial], sampler: str, apart: bool, alone: bool, claimed: Sequence[str]
) -> Diagnosis | None:
    """Return what the loss is on every batch, but for a factor; None where it is no composition of known parts.

    Parameters
    ----------
    trials : one a tree
    sampler : "same", "old" or "rollout"
    apart : bool
        Whether any ratio to π_old is another than 1.
    alone : bool
        Whether the groups of a batch were seen not to affect each other: then no part that couples them explains it.
    claimed : names of parts
        Which the target asks for: they are no fault.
    """
    paid = _rewarded(trials, sampler, apart, alone)
    free = _free(trials)
    if paid is None or free is None:
        return None
    parts = [part for part in (*paid, *free) if part.name not in claimed]
    faults = [part for part in parts if part.fault]
    named = faults or [part for part in parts if part.source]
    if not named:
        return None
    return Diagnosis(
        slug=" + ".join(dict.fromkeys(part.name for part in named)),
        words=", ".join(part.words for part in (*paid, *free) if part.words),
        cause=" ".join(dict.fromkeys(part.cause for part in faults)),
        cure=" ".join(dict.fromkeys(part.cure for part in faults)),
        source=tuple(dict.fromkeys(place for part in named for place in part.source)),
        fault=bool(faults),
    )


def _rewarded(trials: Sequence[Trial], sampler: str, apart: bool, alone: bool) -> tuple[LossPart, ...] | None:
    """Return the parts of what rewards add, () where they add nothing, or None."""
    found = [trial.rewarded.by_log_probs for trial in trials]
    if all(np.abs(weights).max() <= 1e-12 for weights in found):
        return ()
    rows = [loss_rows(trial.table, trial.batches.rows) for trial in trials]
    few = [_spread(weights) for weights in found]
    sample = [(weights[at], _some(r, at)) for weights, r, at in zip(found, rows, few, strict=True)]
    first: ComposedLoss | None = None
    for one in compositions(sampler, apart):
        if first is not None and len(one.faults) > len(first.faults):
            break
        if alone and one.coupled:
            continue
        if not all(_multiple(weights, one.weights(r)) for weights, r in sample):
            continue
        factors = [_multiple(weights, one.weights(r)) for weights, r in zip(found, rows, strict=True)]
        if all(factors):
            if all(abs(factor - 1.0) <= SAME for factor in factors):  # of two that differ by a factor, that without
                return one.parts
            first = first or one
    return first.parts if first is not None else None


def _free(trials: Sequence[Trial]) -> tuple[LossPart | PenaltyTerm, ...] | None:
    """Return the penalty, and how it is averaged, () where there is none, or None."""
    if all(trial.without is None for trial in trials):
        return ()
    for term, share in _penalties():
        if all(_is_penalty(trial, term, share) for trial in trials):
            return (term, share)
    return None


def _penalties() -> Iterator[tuple[PenaltyTerm, LossPart]]:
    for share in SHARES:
        for term in TERMS:
            yield term, share


def _is_penalty(trial: Trial, term: PenaltyTerm, share: LossPart) -> bool:
    if trial.without is None:
        return False
    rows = loss_rows(trial.table, trial.batches.rows)
    counts = share.weights(rows) * rows.mask
    named = np.concatenate([term.by_scores(rows) * counts, term.by_entropies(rows) * counts], axis=2)
    found = np.concatenate([trial.without.by_log_probs, trial.without.by_entropies], axis=2)
    return _multiple(found, named) != 0


def _multiple(found: Float[Array, "N B T"], named: Float[Array, "N B T"]) -> float:
    """Return the factor by which one is a multiple of the other, 0 where it is none; 1 where both are nothing."""
    square = float((named * named).sum())
    if square == 0:
        return float(not found.any())
    factor = float((found * named).sum()) / square
    return factor if np.abs(found - factor * named).max() <= SAME * np.abs(found).max() else 0.0


def _spread(weights: Float[Array, "N B T"]) -> np.ndarray:
    """Return some batches, that with the largest weight among them."""
    largest = int(np.abs(weights).max(axis=(1, 2)).argmax())
    return np.unique([largest, *np.linspace(0, len(weights) - 1, FEW).astype(int)])


def _some(rows: LossRows, at: np.ndarray) -> LossRows:
    return LossRows(
        rows.log_probs[at],
        rows.old[at],
        rows.reference[at],
        rows.rollout[at],
        rows.entropies[at],
        rows.mask[at],
        rows.rewards[at],
        rows.group_size,
    )
