"""Draws that change nothing: found by flipping them on random paths, and tried again on runs that were counted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.choices.one_run import Leaf, ScriptedProgram, one_run
from pgverify.choices.world import Choice
from pgverify.validation import Array

FLIPS = 12
"""Paths on which a site must have been flipped, without effect, to count as idle."""

PATHS = 3 * FLIPS
"""Random paths that are tried."""

ROUNDING = {True: 4e-6, False: 1e-12}
"""Relative difference that is rounding, by whether the results are of single precision: another order of a sum."""


def idle_draws(run: ScriptedProgram) -> Mapping[int, str]:
    """Return the sites of draws that were seen to change nothing, with their lines.

    On random paths all draws of one site take other options, and those of all others the same: the result stays, and so
    does every draw. This is evidence, no proof; `changes` tries again.
    """
    chance = random.Random(1)
    flips: Counter[int] = Counter()
    places: dict[int, str] = {}
    matter: set[int] = set()
    for _ in range(PATHS):
        leaf = one_run(run, AtRandom(chance))
        for site in {draw.site: None for draw in leaf.draws if len(draw.options) > 1}:
            places[site] = next(draw.place for draw in leaf.draws if draw.site == site)
            if site not in matter:
                flips[site] += 1
                if changes(run, leaf, {site}, chance):
                    matter.add(site)
        if places and matter >= set(places) and flips.total() >= FLIPS:
            break
    return {site: places[site] for site, count in flips.items() if count >= FLIPS and site not in matter}


def changes(run: ScriptedProgram, leaf: Leaf, sites: Collection[int], chance: random.Random) -> bool:
    """Return whether a run comes out otherwise where the draws of some sites take other options."""
    answers = [
        chance.choice([i for i in draw.options if i != draw.index] or [draw.index])
        if draw.site in sites
        else draw.index
        for draw in leaf.draws
    ]
    other = one_run(run, AsListed(answers))
    return not (_same_draws(leaf.draws, other.draws) and same_value(leaf, other))


def same_value(one: Leaf, other: Leaf) -> bool:
    """Return whether two results are the same to rounding."""
    if len(one.value) != len(other.value):
        return False
    size = max(float(np.abs(one.value).max()), float(np.abs(other.value).max()))
    return float(np.abs(one.value - other.value).max()) <= ROUNDING[one.single or other.single] * size


def _same_draws(one: Sequence[Choice], other: Sequence[Choice]) -> bool:
    return len(one) == len(other) and all(
        a.site == b.site and a.probabilities.tobytes() == b.probabilities.tobytes()
        for a, b in zip(one, other, strict=True)
    )


@dataclass(frozen=True)
class AtRandom:
    """Answers that take every possible option alike.

    Attributes
    ----------
    chance : random.Random
    """

    chance: random.Random

    def __call__(self, count: int, place: str, site: int, probabilities: Float[Array, "k"]) -> int:  # noqa: ARG002
        """Return the index that is dictated."""
        return self.chance.choice(np.flatnonzero(probabilities > 0.0).tolist())


@dataclass(frozen=True)
class AsListed:
    """Answers from a list, and first options where the list does not fit: the run is another one then.

    Attributes
    ----------
    indices : list of int
    """

    indices: list[int]

    def __call__(self, count: int, place: str, site: int, probabilities: Float[Array, "k"]) -> int:  # noqa: ARG002
        """Return the index that is dictated."""
        index = self.indices[count] if count < len(self.indices) else 0
        possible = index < len(probabilities) and probabilities[index] > 0.0
        return index if possible else int(np.argmax(probabilities > 0.0))
