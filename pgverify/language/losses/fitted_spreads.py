"""What is added to a spread before advantages are divided by it: found from the weights, not guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np
from jaxtyping import Float

from pgverify.language.losses import shares, tokens
from pgverify.language.losses.advantage_weights import (
    batch_mean,
    batch_std,
    group_std,
    group_std_population,
    own_mean,
)
from pgverify.language.losses.compositions import DISCOUNTING, NO_RATIO, ratios_tried
from pgverify.language.losses.loss_rows import LossRows
from pgverify.language.losses.parts import ComposedLoss, LossPart, fault
from pgverify.validation import Array

Spread = Callable[[LossRows], Float[Array, "N B"]]
Centred = Callable[[LossRows], Float[Array, "N B 1"]]

SPREADS: tuple[tuple[str, str, Spread, Centred, bool], ...] = (
    ("group-std", "divided by the standard deviation of its group", group_std, own_mean, False),
    (
        "group-std-population",
        "divided by the standard deviation of its group, over G",
        group_std_population,
        own_mean,
        False,
    ),
    (
        "batch-std",
        "reward less the mean of its group, divided by the standard deviation of the batch",
        batch_std,
        own_mean,
        True,
    ),
    ("batch-whitened", "reward whitened over the batch", batch_std, batch_mean, True),
)
"""Slugs of advantages that a spread divides: words, the spread, what is divided, whether groups affect each other."""

TINY = 1e-9
"""A weight below this, relative to the largest, says nothing of its divisor."""

ALIKE = 1e-6
"""Relative residual of a divisor that is a straight line in its spread."""

LARGEST = 100.0
"""The largest ε, in the unit of rewards."""


def fitted_spreads(
    found: Sequence[Float[Array, "_ _ _"]],
    rows: Sequence[LossRows],
    sampler: str,
    apart: bool,
    alone: bool,
    counting: Sequence[LossPart],
) -> Iterator[ComposedLoss]:
    """Yield the losses whose divisor is c (σ + ε), or c √(σ² + ε), on every tree, with the ε that fits.

    With weights w = w₀/(c (σ + ε)), w₀ those of advantages that nothing divides, w₀/w is a straight line in σ, and its
    square one in σ² where ε is under the root: ε is the intercept over the slope.

    Parameters
    ----------
    found : [N, B, T], one a tree
        Weights of tokens on some batches.
    rows : what was drawn there
    sampler, apart
        As in `compositions`.
    alone : bool
        Whether groups were seen not to affect each other.
    counting : parts
        Choices of tokens that the weights allow.
    """
    chosen_from = [part for part in counting if part.name != DISCOUNTING]
    tried = [share for share in (*shares.RIGHT, *shares.FAULTY) if not (alone and share.coupled)]
    for slug, words, spread, centred, coupled in SPREADS:
        if alone and coupled:
            continue
        undivided = LossPart(slug, words, centred, coupled=coupled)
        for ratio, share, chosen in product(ratios_tried(sampler, apart), tried, chosen_from):
            base = ComposedLoss(undivided, ratio, share, chosen)
            for under_root in (False, True):
                epsilon = _epsilon(found, rows, base, spread, under_root)
                if epsilon is not None:
                    part = fault(slug, _said(words, epsilon, under_root), _over(centred, spread, epsilon, under_root))
                    yield ComposedLoss(part, ratio, share, chosen)


def _epsilon(
    found: Sequence[Float[Array, "_ _ _"]],
    rows: Sequence[LossRows],
    base: ComposedLoss,
    spread: Spread,
    under_root: bool,
) -> float | None:
    """Return the ε that all trees agree on, or None."""
    each = []
    for weights, drawn in zip(found, rows, strict=True):
        undivided = base.weights(drawn)
        largest = np.abs(weights).max()
        some = np.abs(undivided) > TINY * np.abs(undivided).max(initial=0.0)
        if not some.any() or (np.abs(weights[some]) <= TINY * largest).any():
            return None
        if (np.abs(weights[~some]) > ALIKE * largest).any():  # a rounded nothing over a small ε may be something
            return None
        sigma = np.broadcast_to(spread(drawn)[:, :, None], weights.shape)[some]
        divisor = undivided[some] / weights[some]
        line = _line(sigma**2, divisor**2) if under_root else _line(sigma, divisor)
        if line is None:
            continue  # a tree on which the spread has one value: any ε fits
        each.append(line)
    if not each:
        return None
    epsilon = float(np.median(each))
    short = float(f"{epsilon:.3g}")
    fits = 0.0 < short <= LARGEST and max(abs(one - epsilon) for one in each) <= 1e-2 * epsilon
    return short if fits else None


def _line(x: Float[Array, "n"], y: Float[Array, "n"]) -> float | None:
    """Return intercept over slope of a straight line through all points, NaN where there is none; None for one x."""
    low, high = int(x.argmin()), int(x.argmax())
    if x[high] - x[low] <= 1e-6 * x[high]:
        return None
    slope = (y[high] - y[low]) / (x[high] - x[low])
    intercept = y[low] - slope * x[low]
    straight = np.abs(y - intercept - slope * x).max() <= ALIKE * np.abs(y).max()
    return float(intercept / slope) if straight and slope != 0 else float("nan")


def _over(centred: Centred, spread: Spread, epsilon: float, under_root: bool) -> Centred:
    def weights(rows: LossRows) -> Float[Array, "N B 1"]:
        sigma = spread(rows)[:, :, None]
        return centred(rows) / (np.sqrt(sigma**2 + epsilon) if under_root else sigma + epsilon)

    return weights


def _said(words: str, epsilon: float, under_root: bool) -> str:
    return f"{words}, {epsilon:g} added {'to its square' if under_root else 'to that'}"


def fitted_group_std(found: Sequence[Float[Array, "_ _ _"]], rows: Sequence[LossRows]) -> Iterator[tuple[float, int]]:
    """Yield ε, and what is subtracted from G, of a deviation of the group that divides all of a completion's tokens."""
    for (slug, words, spread, centred, _), freedom in zip(SPREADS[:2], (1, 0), strict=True):
        base = ComposedLoss(LossPart(slug, words, centred), NO_RATIO, shares.RIGHT[0], tokens.RIGHT[0])
        epsilon = _epsilon(found, rows, base, spread, under_root=False)
        if epsilon is not None:
            yield epsilon, freedom
