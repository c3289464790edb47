"""All runs of a program, and the expectation over them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from math import fsum
from typing import Any

from pgverify.choices.estimated_runs import EstimatedRuns, estimated_runs
from pgverify.choices.idle_draws import changes, idle_draws
from pgverify.choices.one_run import Leaf, ScriptedProgram, one_run, path
from pgverify.choices.program_expectation import ProgramExpectation, WeightedSums
from pgverify.choices.progress import TreeProgress
from pgverify.choices.tree_walk import LEAKS, Dictated, leaves, require_same_draws
from pgverify.choices.unscripted import require_scripted
from pgverify.errors import InvalidRun, NotRepeatable, TooLarge
from pgverify.kinds import FUNCTION, accepts
from pgverify.validation import require_integer

FEW = 128
"""Runs that are made before their number is estimated: where these are all, nothing need be."""

TRIED_AGAIN = 24
"""Runs that are repeated with idle draws flipped."""

MASS = 1e-9
"""How far the probabilities of all runs may be from 1 in sum, by rounding."""


@accepts(run=FUNCTION)
def expectation(
    run: Callable[[Any], Any], limit: int = 100_000, progress: Callable[[TreeProgress], None] | None = None
) -> ProgramExpectation:
    """Return the exact expectation of what a program returns, over all of its random choices.

    E x = Σ_c P(c) x(c), c the sequences of choices, by a walk over their tree, depth first: the program runs once for
    every sequence, with its draws dictated.

    Always checked: that the probabilities of all runs sum to 1; that a run meets the same draws as one before wherever
    all answers were the same; that the first run, repeated at the end, returns the same bits; and that nothing draws
    random numbers which are not dictated (those of NumPy, of `random` and of torch are looked at).

    Draws that change nothing, such as a shuffle of a batch that is then summed, are left out where there are many runs:
    the result names them.

    Parameters
    ----------
    run : world -> [d]
        It draws by `world.choose(probabilities)` alone, and starts from the same state every time.
    limit : int
        Most runs.
    progress : TreeProgress -> anything, optional
        Called after runs, some ten times a second.

    Raises
    ------
    InvalidChoice, InvalidRun, NotRepeatable, UnscriptedDraw
        When one of these fails; the message names the draw or the line.
    TooLarge
        When there are more runs than the limit, with their estimated number and what makes them many.
    """
    limit = require_integer("limit", limit, 1, InvalidRun, " run")
    began = time.perf_counter()
    first = require_scripted(run, Dictated([]))
    idle: Mapping[int, str] = {}
    known: EstimatedRuns | None = None
    listed = _all(run, idle, min(FEW, limit), None, progress, began)
    if listed is None:
        idle = idle_draws(run)
        known = estimated_runs(run, idle)
        if known.mean - 2.0 * known.error > limit:
            raise _too_many(limit, known)
        listed = _all(run, idle, limit, known, progress, began)
        if listed is not None and idle and not _idle_indeed(run, listed[1], idle):
            idle, known = {}, estimated_runs(run)
            listed = _all(run, idle, limit, known, progress, began)
        if listed is None:
            raise _too_many(limit, known)
    sums, kept = listed
    mass = fsum(sums.masses)
    if abs(mass - 1.0) > MASS:
        raise NotRepeatable(
            f"the probabilities of all {len(sums.masses):,} runs sum to {mass:.12g}, must sum to 1; {LEAKS}"
        )
    _require_repeated(run, first)
    covariance = sums.covariance()
    full = covariance if covariance.ndim == 2 else None
    return ProgramExpectation(
        sums.mean(),
        covariance.diagonal().copy() if full is not None else covariance,
        len(sums.masses),
        time.perf_counter() - began,
        sums.scale,
        kept[0].single,
        tuple(dict.fromkeys(idle.values())),
        None if known is None else known.mean,
        full,
    )


def _all(
    run: ScriptedProgram,
    idle: Mapping[int, str],
    limit: int,
    known: EstimatedRuns | None,
    progress: Callable[[TreeProgress], None] | None,
    began: float,
) -> tuple[WeightedSums, list[Leaf]] | None:
    """Return the sums over all runs, and some of these; None where there are more than the limit."""
    sums: WeightedSums | None = None
    kept: list[Leaf] = []
    mass, told, chance = 0.0, 0.0, random.Random(2)
    for count, (leaf, probability) in enumerate(leaves(run, idle)):
        if count == limit:
            return None
        sums = sums or WeightedSums(leaf.value)
        if len(leaf.value) != len(sums.origin):
            size = len(sums.origin)
            raise InvalidRun(f"run returned {len(leaf.value)} numbers, and {size} in its first run, {path(leaf.draws)}")
        sums.add(leaf.value, probability)
        mass += probability
        if len(kept) < TRIED_AGAIN:
            kept.append(leaf)
        elif (place := chance.randrange(count + 1)) < TRIED_AGAIN:
            kept[place] = leaf
        now = time.perf_counter()
        if progress is not None and now - told > 0.1:
            told = now
            progress(TreeProgress(count + 1, mass, None if known is None else known.mean, now - began))
    assert sums is not None
    return sums, kept


def _idle_indeed(run: ScriptedProgram, kept: list[Leaf], idle: Mapping[int, str]) -> bool:
    """Return whether runs that were counted stay as they are when the idle draws take other options."""
    chance = random.Random(3)
    return not any(changes(run, leaf, idle, chance) for leaf in kept)


def _require_repeated(run: ScriptedProgram, first: Leaf) -> None:
    again = one_run(run, Dictated(list(first.draws)))
    require_same_draws(list(first.draws), again.draws)
    if len(again.draws) != len(first.draws):
        where = again.draws[len(first.draws)].place
        raise NotRepeatable(f"the first run, repeated at the end, goes on to draw at {where}; {LEAKS}")
    if again.value.tobytes() != first.value.tobytes():
        if again.value.shape != first.value.shape:
            change = f"{len(again.value)} numbers instead of {len(first.value)}"
        else:
            index = int((again.value != first.value).argmax())
            change = f"{again.value[index]:.17g} instead of {first.value[index]:.17g} in entry {index}"
        raise NotRepeatable(f"the first run, repeated at the end, returns {change}; {LEAKS}")


def _too_many(limit: int, known: EstimatedRuns | None) -> TooLarge:
    if known is None:
        return TooLarge(f"the program has more runs than limit={limit:,}; raise limit")
    worst = f"; the draws at {known.largest} multiply them by {known.factor:.3g}" if known.largest else ""
    return TooLarge(
        f"the program has {known}, more than limit={limit:,}{worst}: fewer options or fewer steps there shrink it, or "
        "raise limit"
    )
