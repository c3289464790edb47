"""The cause of a wrong expectation: the reference loss whose every weight, or whose expectation, is the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.language.losses import ratios
from pgverify.language.losses.compositions import compositions, tokens_that_fit
from pgverify.language.losses.faulty_ratios import CLIP_NOT_APPLIED
from pgverify.language.losses.fitted_spreads import fitted_spreads
from pgverify.language.losses.loss_rows import LossRows, loss_rows
from pgverify.language.losses.parts import ComposedLoss, LossPart, fault
from pgverify.language.losses.penalties import (
    ENTROPY,
    ENTROPY_DEAD,
    ENTROPY_REVERSED,
    KL_IGNORED,
    REVERSIBLE,
    SAMPLED_ENTROPY,
    PenaltyTerm,
)
from pgverify.language.losses.ratios import METHODS
from pgverify.language.penalty_search import multiple_of, penalties_of
from pgverify.language.trials import Trial
from pgverify.validation import Array

FEW = 14
"""Batches on which compositions are compared first; the rest only where these agree."""

DRO = "A − β log ρ (DRO)"

OF_MEANS = ("gspo", "gspo-clip", "gmpo")
"""Ratios that are means over a completion's tokens: once a completion, as proposed, each token counts 1/L of it."""

OWN_LENGTH = "length-per-trajectory"

REVERSED = fault("sign-reversed", "with the sign reversed", ratios.none)
"""A wrong sign of all that rewards add."""

SAME = 1e-6
"""Relative difference of weights that are the same, of loss and reference: an ε apart they may be."""


OF_THE_PENALTY = "In the term that does not depend on rewards, "
"""Said of a share, or a choice of tokens, that what is rewarded does not have."""


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
    trials: Sequence[Trial],
    sampler: str,
    apart: bool,
    alone: bool,
    claimed: Sequence[str],
    clips: Sequence[LossPart] = (),
    same: float = SAME,
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
    clips : parts
        Clips that the target asks for, and others that have no name of their own.
    same : float
        Relative difference of weights that are the same: more than `SAME` where the loss computes in less.
    """
    paid = _rewarded(trials, sampler, apart, alone, clips, same)
    free = penalties_of(trials, sampler == "old" and apart, same)
    if paid is None or free is None:
        return None
    paid = tuple(_unless_clipped(part, claimed) for part in paid)
    paid, free = _pulled_back(_of_means(paid), free)
    free = tuple(_of_entropy(part, claimed) for part in free)
    free = (*free, *_missing(free, claimed))
    free = tuple(_of_free(part, paid) for part in free)
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


def _rewarded(
    trials: Sequence[Trial], sampler: str, apart: bool, alone: bool, clips: Sequence[LossPart], same: float
) -> tuple[LossPart, ...] | None:
    """Return the parts of what rewards add, () where they add nothing, or None."""
    found = [trial.rewarded.by_log_probs for trial in trials]
    if all(np.abs(weights).max() <= 1e-12 for weights in found):
        return ()
    rows = [loss_rows(trial.table, trial.batches.rows) for trial in trials]
    few = [_spread(weights) for weights in found]
    sample = [(weights[at], _some(r, at)) for weights, r, at in zip(found, rows, few, strict=True)]
    counting = tokens_that_fit(found, rows)
    varies = any(_varies(weights, each, same) for weights, each in zip(found, rows, strict=True))
    first: ComposedLoss | None = None
    turned: ComposedLoss | None = None
    for one in compositions(sampler, apart, counting, varies, clips):
        if first is not None and len(one.faults) > len(first.faults):
            break
        if first is None and turned is not None and len(one.faults) > len(turned.faults) + 1:
            break  # a wrong sign is one fault more
        if alone and one.coupled:
            continue
        if not all(multiple_of(weights, one.weights(r), same) for weights, r in sample):
            continue
        factors = [multiple_of(weights, one.weights(r), same) for weights, r in zip(found, rows, strict=True)]
        if max(factors) < 0.0:
            turned = turned or one
        elif min(factors) > 0.0:
            if all(abs(factor - 1.0) <= same for factor in factors):  # of two that differ by a factor, that without
                return one.parts
            first = first or one
    if first is not None:
        return first.parts
    if turned is not None:
        return (*turned.parts, REVERSED)
    return _with_epsilon(
        [weights for weights, _ in sample], [r for _, r in sample], trials, sampler, apart, alone, same
    )


def _with_epsilon(
    few: Sequence[Float[Array, "_ _ _"]],
    few_rows: Sequence[LossRows],
    trials: Sequence[Trial],
    sampler: str,
    apart: bool,
    alone: bool,
    same: float,
) -> tuple[LossPart, ...] | None:
    """Return the parts of a loss that a spread divides, with what is added to it; of two, that without a factor."""
    found = [trial.rewarded.by_log_probs for trial in trials]
    rows = [loss_rows(trial.table, trial.batches.rows) for trial in trials]
    first: tuple[LossPart, ...] | None = None
    for one in fitted_spreads(few, few_rows, sampler, apart, alone, tokens_that_fit(found, rows)):
        factors = [multiple_of(weights, one.weights(r), same) for weights, r in zip(found, rows, strict=True)]
        if min(factors) <= 0.0 <= max(factors):
            continue
        parts = one.parts if min(factors) > 0.0 else (*one.parts, REVERSED)
        if all(abs(abs(factor) - 1.0) <= same for factor in factors):
            return parts
        first = first or parts
    return first


def _varies(weights: Float[Array, "N B T"], rows: LossRows, same: float) -> bool:
    """Return whether tokens of one completion weigh differently."""
    largest, smallest = (
        np.where(rows.mask, weights, -np.inf).max(axis=2),
        np.where(rows.mask, weights, np.inf).min(axis=2),
    )
    return bool((largest - smallest).max() > same * np.abs(weights).max())


def _unless_clipped(part: LossPart, claimed: Sequence[str]) -> LossPart:
    """Return the ratio that is never clipped as a fault where a clip is claimed."""
    clips = any(name in ("clip-higher", "dual-clip") or name.startswith("ppo-clip") for name in claimed)
    return CLIP_NOT_APPLIED if clips and part.name == "token-ratio" else part


def _of_means(paid: tuple[LossPart, ...]) -> tuple[LossPart, ...]:
    """Return the division by the own length beside a geometric mean of ratios as no fault: its derivative has it."""
    if not any(part.name in OF_MEANS for part in paid):
        return paid
    return tuple(replace(part, fault=False, source=()) if part.name == OWN_LENGTH else part for part in paid)


def _pulled_back(
    paid: tuple[LossPart, ...], free: tuple[LossPart | PenaltyTerm, ...]
) -> tuple[tuple[LossPart, ...], tuple[LossPart | PenaltyTerm, ...]]:
    """Return no ratio beside a distance to the old policy as the one method that they are: A − β log ρ."""
    names = {part.name for part in (*paid, *free)}
    if not {"ratio-missing", "kl-to-old-policy"} <= names:
        return paid, free
    method = replace(next(part for part in METHODS if part.name == "dro"), words=DRO)
    rest = tuple(part for part in free if part.name != "kl-to-old-policy")
    return tuple(method if part.name == "ratio-missing" else part for part in paid), rest


def _of_free(part: LossPart | PenaltyTerm, paid: Sequence[LossPart]) -> LossPart | PenaltyTerm:
    """Return how a term without rewards is averaged, or what it leaves out, with words that say whose fault that is."""
    if isinstance(part, PenaltyTerm) or not part.fault or not paid or any(part.name == one.name for one in paid):
        return part
    return replace(part, cause=f"{OF_THE_PENALTY}{part.cause[0].lower()}{part.cause[1:]}", cure=f"There: {part.cure}")


def _of_entropy(part: LossPart | PenaltyTerm, claimed: Sequence[str]) -> LossPart | PenaltyTerm:
    """Return a constant on every score as the entropy of sampled tokens, where an entropy and no KL is claimed."""
    kl = any(name.startswith("kl-") for name in claimed)
    return SAMPLED_ENTROPY if part.name == "kl-k1-as-loss" and ENTROPY.name in claimed and not kl else part


def _missing(free: Sequence[LossPart | PenaltyTerm], claimed: Sequence[str]) -> list[PenaltyTerm]:
    """Return what is claimed of KL and entropy, and adds nothing."""
    found = {part.name for part in free}
    lacking = []
    if set(REVERSIBLE) & set(claimed) and not any(name.startswith("kl-") for name in found):
        lacking.append(KL_IGNORED)
    if ENTROPY.name in claimed and not found & {ENTROPY.name, ENTROPY_REVERSED.name, SAMPLED_ENTROPY.name}:
        lacking.append(ENTROPY_DEAD)
    return lacking


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
