"""The terms of a loss that do not depend on rewards: which, how averaged, over which tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from pgverify.language.losses.compositions import DISCOUNTING, tokens_that_fit
from pgverify.language.losses.loss_rows import loss_rows
from pgverify.language.losses.parts import LossPart, shared
from pgverify.language.losses.penalties import (
    ENTROPY,
    ENTROPY_REVERSED,
    KL_REVERSED,
    REVERSIBLE,
    PenaltyTerm,
    penalty_shares,
    terms,
)
from pgverify.language.trials import Trial
from pgverify.validation import Array


def penalties_of(trials: Sequence[Trial], off_policy: bool, same: float) -> tuple[LossPart | PenaltyTerm, ...] | None:
    """Return the penalties, and how each is averaged, () where there are none, or None."""
    without = [trial.without for trial in trials]
    if all(each is None for each in without):
        return ()
    if any(each is None for each in without):
        return None
    scores = [each.by_log_probs for each in without if each is not None]
    entropies = [each.by_entropies for each in without if each is not None]
    largest = max(np.abs(weights).max() for weights in (*scores, *entropies))
    found: list[LossPart | PenaltyTerm] = []
    if any(np.abs(weights).max() > same * largest for weights in scores):
        one = _penalty(trials, scores, terms(off_policy), by_entropies=False, same=same)
        if one is None:
            return None
        found += one
    if any(np.abs(weights).max() > same * largest for weights in entropies):
        one = _penalty(trials, entropies, (ENTROPY,), by_entropies=True, same=same)
        if one is None:
            return None
        found += one
    return tuple(found)


def _penalty(
    trials: Sequence[Trial],
    found: Sequence[Float[Array, "_ _ _"]],
    among: Sequence[PenaltyTerm],
    by_entropies: bool,
    same: float,
) -> tuple[PenaltyTerm, LossPart, LossPart] | None:
    """Return the first term, its share, and which tokens count, of which the weights are a multiple on every tree."""
    rows = [loss_rows(trial.table, trial.batches.rows) for trial in trials]
    for chosen in (part for part in tokens_that_fit(found, rows) if part.name != DISCOUNTING):
        masks = [chosen.weights(each) for each in rows]
        for share, counted in penalty_shares(chosen):
            counts = [shared(share, each, mask, counted) for each, mask in zip(rows, masks, strict=True)]
            for term in among:
                of = term.by_entropies if by_entropies else term.by_scores
                named = [of(each) * count for each, count in zip(rows, counts, strict=True)]
                factors = [multiple_of(weights, each, same) for weights, each in zip(found, named, strict=True)]
                if all(factors):
                    return _signed(term, min(factors) < 0), share, chosen
    return None


def _signed(term: PenaltyTerm, negative: bool) -> PenaltyTerm:
    if not negative:
        return term
    return KL_REVERSED if term.name in REVERSIBLE else ENTROPY_REVERSED if term.name == ENTROPY.name else term


def multiple_of(found: Float[Array, "N B T"], named: Float[Array, "N B T"], same: float) -> float:
    """Return the factor by which one is a multiple of the other, 0 where it is none; 1 where both are nothing."""
    square = float((named * named).sum())
    if square == 0:
        return float(not found.any())
    factor = float((found * named).sum()) / square
    return factor if np.abs(found - factor * named).max() <= same * np.abs(found).max() else 0.0
