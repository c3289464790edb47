"""Which named targets the expectation of a loss is the sum of, each times a number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.language.literal_claims import Term, formula
from pgverify.language.loss_report import ONE, Estimand
from pgverify.language.losses.fitted_spreads import fitted_group_std
from pgverify.language.losses.loss_rows import loss_rows
from pgverify.language.named_estimands import CLIPPED, FREE, REWARDED, Vectors, common_factor
from pgverify.language.trials import LossDesign, Trial
from pgverify.targets import Entropy, GroupStd, Surrogate
from pgverify.targets.target import Target, TargetSum
from pgverify.validation import Array


def estimated_terms(
    trials: Sequence[Trial], design: LossDesign, target: Target, sizes: Sequence[float], tolerance: float
) -> tuple[Term, ...]:
    """Return what is estimated, of the rewarded part first; () where any part of it has no name, or where all is zero.

    Parameters
    ----------
    trials : one a tree
    design : LossDesign
    target : Target
        The claim: of several that fit, its own terms come first.
    sizes : one a tree
        What rounding is relative to.
    tolerance : float
    """
    whole = [trial.free for trial in trials]
    by_entropies = [_of_entropies(trial) for trial in trials]
    by_scores = [v - e for v, e in zip(whole, by_entropies, strict=True)]
    paid = [trial.vector - free for trial, free in zip(trials, whole, strict=True)]

    def first(vectors: Vectors, sizes: Sequence[float], among: Iterator[Target], signed: bool) -> Term | None:
        fits: Term | None = None
        for one in among:
            if fits is not None and not isinstance(one, GroupStd):
                continue
            named = _vectors(one, trials, design)
            factor = None if named is None else common_factor(vectors, named, sizes, tolerance)
            if factor is None or not (factor > 0 or signed):
                continue
            if not isinstance(one, GroupStd) or abs(factor - 1.0) <= ONE:
                return factor, one
            fits = fits or (factor, one)  # the same but for G or G − 1 below the root, as long as ε is small
        return fits

    found: list[Term] = []
    own = [_size_without(trial, size) for trial, size in zip(trials, sizes, strict=True)]
    for vectors, relative, among, signed in (
        (paid, sizes, _rewarded(trials, design, target), False),
        (by_scores, own, iter(FREE), True),
        (by_entropies, own, iter((Entropy(),)), True),
    ):
        if all(float(np.linalg.norm(v)) <= tolerance * s for v, s in zip(vectors, relative, strict=True)):
            continue
        term = first(vectors, relative, among, signed)
        if term is None:
            return ()
        found.append(term)
    return tuple(found)


def estimand_of_terms(terms: Sequence[Term]) -> Estimand:
    """Return the sum in words and as a formula; the factor of a single one stands beside it."""
    if len(terms) == 1:
        factor, one = terms[0]
        return Estimand(one.words, one.formula, one.effect, one.source, factor)
    targets = [one for _, one in terms]
    words = targets[0].words + "".join(f" {'less' if f < 0 else 'plus'} {one.words}" for f, one in terms[1:])
    return Estimand(
        words,
        formula(terms),
        "; ".join(dict.fromkeys(one.effect for one in targets if one.effect)),
        "; ".join(dict.fromkeys(one.source for one in targets if one.source)),
    )


def _rewarded(trials: Sequence[Trial], design: LossDesign, target: Target) -> Iterator[Target]:
    yield from (term.target for term in target.terms) if isinstance(target, TargetSum) else (target,)
    # Where a third policy drew, ρ = 1 on its own completions: a ratio that nothing corrects has no surrogate.
    yield from (one for one in REWARDED if design.sampler != "rollout" or not isinstance(one, Surrogate))
    if design.sampler == "old":
        yield from CLIPPED
    elif design.group_size > 1:
        rows = [loss_rows(trial.table, trial.batches.rows) for trial in trials]
        for epsilon, freedom in fitted_group_std([trial.rewarded.by_log_probs for trial in trials], rows):
            yield GroupStd(epsilon, freedom)


def _size_without(trial: Trial, size: float) -> float:
    """Return what the rounding of terms without rewards is relative to: their own gradients, however small they are."""
    return size if trial.without is None else max(trial.batches.size(trial.without, trial.problem), 1e-300)


def _of_entropies(trial: Trial) -> Float[Array, "d"]:
    """Return the part of the expectation without rewards that comes through the entropies [d]."""
    if trial.without is None or not trial.without.by_entropies.any():
        return np.zeros_like(trial.vector)
    alone = replace(trial.without, by_log_probs=np.zeros_like(trial.without.by_log_probs))
    return trial.batches.expectation(alone, trial.problem)


def _vectors(target: Target, trials: Sequence[Trial], design: LossDesign) -> list[Float[Array, "d"]] | None:
    try:
        return [target.vector(trial.problem, design.group_size) for trial in trials]
    except ValueError:  # not defined for groups of this size
        return None
