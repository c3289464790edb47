"""Batches whose trajectories are all alike: seldom drawn, and what many functions treat as a case of its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.batch_law import BatchLaw, GroupedLaw, IndependentLaw
from pgverify.validation import Array

MOST = 400
"""Batches that are called, the most probable first."""


def alike(law: BatchLaw, rng: np.random.Generator, least: float) -> tuple[Float[Array, "m"], Integer[Array, "m n"]]:
    """Return batches of one trajectory throughout, or whose first group is, with their probabilities.

    P(τ)^n; of groups of G from the start state s, as many times as there are groups, P(s) P(τ|s)^G, with others as
    they are drawn.

    Parameters
    ----------
    law : BatchLaw
    rng : generator
    least : float
        Probability below which none is looked for.
    """
    found = sorted(_alike(law), key=lambda case: -case[0])[:MOST]
    kept = [(chance, row) for chance, row in found if chance > least]
    if not kept:
        return np.zeros(0), np.zeros((0, law.rows), dtype=int)
    chances, first = np.array([chance for chance, _ in kept]), np.array([row for _, row in kept])
    size = law.size
    if size == law.rows:
        return chances, np.repeat(first[:, None], size, axis=1)
    rows = law.draw(len(first), rng)
    rows[:, :size] = first[:, None]
    return chances, rows


def _alike(law: BatchLaw) -> Iterator[tuple[float, int]]:
    match law:
        case IndependentLaw(probability=probability, size=size):
            yield from ((float(chance) ** size, row) for row, chance in enumerate(probability))
        case GroupedLaw(size=size, prompts=prompts):
            for rows, start, given in law.by_start():
                yield from (
                    (prompts * start * float(chance) ** size, int(row)) for row, chance in zip(rows, given, strict=True)
                )
