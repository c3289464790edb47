"""The verdict on batches of a size by the form that the estimate is seen to have, where controls do not explain it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Integer

from pgverify.checking.exhaustive.size_pair import SizePair
from pgverify.checking.sampled.batch_law import IndependentLaw
from pgverify.checking.sampled.crosses import crossed
from pgverify.checking.sampled.goal import Goal
from pgverify.checking.sampled.one_size import BOUNDED, SizeVerdict, at_sight, near_enough, near_throughout
from pgverify.checking.sampled.sums_over_pairs import sum_over_pairs
from pgverify.checking.sampled.with_controls import Fitted
from pgverify.validation import Array


def by_its_form(
    pair: SizePair, fit: Fitted, goal: Goal, multiple: bool, rng: np.random.Generator
) -> SizeVerdict | None:
    """Return that the mean is as it should be, where the form of the estimate gives it; None where it does not.

    Of batches of two, a few crosses of their table give all pairs. Larger ones may be a sum over rows and pairs of
    rows. Neither ever accuses: what is off is tested on batches as they come.

    Parameters
    ----------
    pair : SizePair
    fit : Fitted
        The estimate less its controls, which leave something.
    goal : Goal
    multiple : bool
        Whether any positive multiple of the target will do.
    rng : generator
    """
    if not isinstance(pair.law, IndependentLaw):
        return None
    if pair.size == 2:
        return _of_all_pairs(pair.law, fit, goal, multiple)
    source, within = fit.source, BOUNDED / 2.0 * goal.scale
    found = sum_over_pairs(source.estimate, pair.law, source.controls, fit.rounding, within, rng)
    return None if found is None else near_enough(found, fit, goal, pair.size, multiple)


def all_near_the_target(
    pair: SizePair, fit: Fitted, goal: Goal, multiple: bool, rng: np.random.Generator
) -> SizeVerdict | None:
    """Return that the mean is as it should be, where no batch, less its controls, is far from it; None otherwise.

    Parameters as for `by_its_form`.
    """
    law = pair.law
    if not isinstance(law, IndependentLaw):
        return None

    def with_any(count: int, rng: np.random.Generator) -> Integer[Array, "m n"]:
        rows = law.draw(count, rng)
        rows[np.arange(count), rng.integers(law.size, size=count)] = law.spread(count, rng)[:, 0]
        return rows

    rare = replace(fit, source=replace(fit.source, rows=with_any))
    return near_throughout(fit, rare, goal, pair.size, multiple, rng)


def _of_all_pairs(law: IndependentLaw, fit: Fitted, goal: Goal, multiple: bool) -> SizeVerdict | None:
    rng = np.random.default_rng(0)  # of the pairs that are looked at: what is said of them depends on none
    found = crossed(fit.source.estimate, law.probability, rng)
    if found is None:
        return None
    whole = replace(fit, first=found.mean[None], used=fit.used + found.confirmed, size=max(fit.size, found.size))
    return at_sight(whole, goal, law.size, multiple)
