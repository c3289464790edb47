"""Exact expectations with hundreds of runs at once, where a program can be run as rows of a vectorised one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.choices.idle_draws import AsListed, AtRandom
from pgverify.choices.one_run import Leaf, ScriptedProgram, one_run
from pgverify.choices.program_expectation import ProgramExpectation
from pgverify.choices.progress import TreeProgress
from pgverify.choices.row_worlds import RowWorlds
from pgverify.choices.tree_walk import Dictated
from pgverify.choices.unscripted import require_scripted
from pgverify.choices.world import Choice
from pgverify.errors import NotRepeatable, TooLarge
from pgverify.validation import Array

RowProgram = Callable[[RowWorlds], Any]
"""worlds -> Σ_i w_i x_i [d], w the weights of the rows, x_i what the program returns with the draws of row i."""

TRIED = 12
"""Runs that are made alone as well."""

APART = 2e-5
"""Relative to the largest: how far rows and single runs may be apart, in single precision."""

MASS = 1e-5
"""How far the probabilities may be from 1 in sum, for those of single precision."""


@dataclass(frozen=True)
class Rows:
    """A program as rows.

    Attributes
    ----------
    run : worlds -> [d]
    count : int
        Rows of one run, R.
    """

    run: RowProgram
    count: int


def expectation_by_rows(
    run: ScriptedProgram, rows: Rows, limit: int, progress: Callable[[TreeProgress], None] | None = None
) -> ProgramExpectation | None:
    """Return the exact expectation of a program, by runs of R rows; None where rows are not what it does alone.

    That is tried: a dozen of its runs are made alone, and their sum with random weights must be that of their rows, in
    two runs whose other rows differ; draws that belong to no row must change nothing.

    Parameters
    ----------
    run : world -> [d]
        One run alone.
    rows : Rows
    limit : int
        Most runs, rows counted.
    progress : TreeProgress -> anything, optional

    Raises
    ------
    UnscriptedDraw, NotRepeatable, TooLarge
        As `expectation`.
    """
    began = time.perf_counter()
    first = require_scripted(run, Dictated([]))
    waiting: list[tuple[Choice, ...]] = [()]
    total, count, mass = np.zeros_like(first.value), 0, 0.0
    kept: list[tuple[Choice, ...]] = []
    chance = random.Random(4)
    while waiting:
        taken = [waiting.pop() for _ in range(min(rows.count, len(waiting)))]
        value, finished, chances = _rows_run(rows, taken)
        if count == 0 and not _linear(run, rows, finished, chance):
            return None  # at once: most that is not linear shows in one row among others
        total = total + value
        mass += float(chances.sum())
        for prefix, draws in zip(taken, finished, strict=True):
            count += 1
            if len(kept) < TRIED:
                kept.append(draws)
            elif (place := chance.randrange(count)) < TRIED:
                kept[place] = draws
            waiting += _siblings(draws, len(prefix))
        if count + len(waiting) > limit:
            raise TooLarge(f"the program has more runs than limit={limit:,}; raise limit, or shorten it")
        if progress is not None:
            progress(TreeProgress(count, mass, None, time.perf_counter() - began))
    if abs(mass - 1.0) > MASS:
        raise NotRepeatable(f"the probabilities of all {count:,} runs sum to {mass:.9g}, must sum to 1")
    if not _linear(run, rows, kept, chance) or not _linear(run, rows, kept, chance):
        return None
    alone = [one_run(run, AsListed([draw.index for draw in draws])) for draws in kept]
    scale = float(np.mean([np.abs(leaf.value).max() for leaf in alone]))
    unknown = np.full_like(total, np.nan)
    return ProgramExpectation(total, unknown, count, time.perf_counter() - began, scale, first.single)


def _rows_run(
    rows: Rows, prefixes: Sequence[Sequence[Choice]], weights: Float[Array, "R"] | None = None
) -> tuple[Float[Array, "d"], list[tuple[Choice, ...]], Float[Array, "n"]]:
    """Return the weighted sum over some rows, their draws, and their weights; the rest fills up."""
    filled = [*prefixes, *[prefixes[-1]] * (rows.count - len(prefixes))]
    worlds = RowWorlds(filled, weights) if weights is not None else _Counted(filled, len(prefixes))
    value = np.asarray(rows.run(worlds), dtype=np.float64)
    worlds.close()
    counted = worlds.weights()[: len(prefixes)]
    return value, [tuple(world.draws) for world in worlds.worlds[: len(prefixes)]], counted


class _Counted(RowWorlds):
    """Rows of which the first count with their probabilities, and the others nothing."""

    def __init__(self, prefixes: Sequence[Sequence[Choice]], counted: int) -> None:
        super().__init__(prefixes)
        self._counted = counted

    def weights(self) -> Float[Array, "R"]:
        """Return what each row counts."""
        found = super().weights()
        found[self._counted :] = 0.0
        return found


def _siblings(draws: Sequence[Choice], known: int) -> list[tuple[Choice, ...]]:
    """Return how the runs begin that are next to one which went on from a known beginning by first options."""
    return [
        (*draws[:depth], Choice(draws[depth].place, draws[depth].site, draws[depth].probabilities, index))
        for depth in range(known, len(draws))
        for index in draws[depth].options
        if index != draws[depth].index
    ]


def _linear(run: ScriptedProgram, rows: Rows, tried: Sequence[tuple[Choice, ...]], chance: random.Random) -> bool:
    """Return whether some runs alone are what their rows are among others, and draws of no row change nothing."""
    tried = tried[: rows.count]
    alone = [_alone(run, draws, chance) for draws in tried]
    if any(leaf is None for leaf in alone):
        return False
    values = [leaf.value for leaf in alone if leaf is not None]
    places = chance.sample(range(rows.count), len(tried))
    filled = [chance.choice(tried) for _ in range(rows.count)]
    weights = np.zeros(rows.count)
    expected = np.zeros_like(values[0])
    size = 0.0
    for place, draws, value in zip(places, tried, values, strict=True):
        filled[place], weights[place] = draws, chance.uniform(0.5, 1.5)
        expected = expected + weights[place] * value
        size += weights[place] * float(np.abs(value).max())
    found = _rows_run(rows, filled, weights)[0]
    return float(np.abs(found - expected).max()) <= APART * size


def _alone(run: ScriptedProgram, draws: Sequence[Choice], chance: random.Random) -> Leaf | None:
    """Return a run alone; None where its further draws, which belong to no row, change it."""
    known = [draw.index for draw in draws]
    leaf = one_run(run, AsListed(known))
    further = leaf.draws[len(known) :]
    if known and further:
        other = one_run(run, AsListed([*known, *(AtRandom(chance)(0, "", 0, draw.probabilities) for draw in further)]))
        size = float(np.abs(leaf.value).max())
        if other.value.shape != leaf.value.shape or float(np.abs(other.value - leaf.value).max()) > APART * size:
            return None
    return leaf
