"""All runs of a program, and the expectation over them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.choices.estimated_runs import EstimatedRuns, estimated_runs
from pgverify.choices.idle_draws import changes, idle_draws
from pgverify.choices.made_generators import noting_what_is_made
from pgverify.choices.normal_nodes import OnFewerNodes
from pgverify.choices.one_run import Leaf, ScriptedProgram, one_run
from pgverify.choices.program_expectation import ProgramExpectation, WeightedSums
from pgverify.choices.progress import TreeProgress
from pgverify.choices.repeated_runs import require_repeated
from pgverify.choices.system_entropy import noting_entropy
from pgverify.choices.tree_walk import LEAKS, Dictated, leaves
from pgverify.choices.unscripted import MadeGenerators, Watched, require_scripted
from pgverify.choices.walked_runs import Walk
from pgverify.errors import InvalidRun, NotRepeatable, TooLarge
from pgverify.kinds import FUNCTION, accepts
from pgverify.validation import Array, require_integer

FEW = 128
"""Runs that are made before their number is estimated: where these are all, nothing need be."""

MOST_PROCESSES = 1024
"""Processes that a call may ask for."""

MASS = 1e-9
"""How far the probabilities of all runs may be from 1 in sum, by rounding."""


@accepts(run=FUNCTION)
def expectation(
    run: Callable[[Any], Any],
    limit: int = 100_000,
    progress: Callable[[TreeProgress], None] | None = None,
    processes: int = 1,
    resume: str | Path | None = None,
) -> ProgramExpectation:
    """Return the exact expectation of what a program returns, over all of its random choices.

    E x = Σ_c P(c) x(c), c the sequences of choices, by a walk over their tree, depth first: the program runs once for
    every sequence, with its draws dictated.

    Always checked: that the probabilities of all runs sum to 1; that a run meets the same draws as one before wherever
    all answers were the same; that the first run, repeated at the end, returns the same bits, and some others the same
    numbers; and that nothing draws random numbers which are not dictated (those of NumPy, of `random`, of torch, and
    random bytes of the system are looked at: in the first run, in those that are repeated, and what lives, in all).

    Draws that change nothing, such as a shuffle of a batch that is then summed, are left out where there are many runs:
    the result names them. Normal numbers, by `world.normal()`, are nodes of a quadrature: all runs are then made on
    fewer nodes as well, and the result says how far apart that is.

    Parameters
    ----------
    run : world -> [d]
        It draws by `world.choose(probabilities)` alone, and starts from the same state every time.
    limit : int
        Most runs.
    progress : TreeProgress -> anything, optional
        Called after runs, some ten times a second.
    processes : int
        Among which parts of the tree are shared out, where there are many runs. The program must be found by them: at
        the top of a module, or an object of a class that is. Their number changes no bit of what is found.
    resume : str or Path, optional
        A file that takes what is found on every part of the tree at once, so that a walk which was ended, called again,
        goes on where it stood.

    Raises
    ------
    InvalidChoice, InvalidRun, NotRepeatable, UnscriptedDraw
        When one of these fails; the message names the draw or the line.
    TooLarge
        When there are more runs than the limit, with their estimated number and what makes them many.
    InvalidFile
        When the file to resume from is that of another program, or none.
    """
    limit = require_integer("limit", limit, 1, InvalidRun, " run")
    processes = require_integer("processes", processes, 1, InvalidRun, largest=MOST_PROCESSES)
    began = time.perf_counter()
    first = require_scripted(run, Dictated([]))
    watched = Watched()
    walk = Walk(run, first, limit, progress, began, processes, None if resume is None else Path(resume))
    idle: Mapping[int, str] = {}
    known: EstimatedRuns | None = None
    with noting_entropy() as entropy, noting_what_is_made() as made:
        walk = replace(walk, entropy=entropy, made=MadeGenerators(made))
        listed = walk.few(min(FEW, limit))
        if listed is None:
            idle = idle_draws(run)
            known = estimated_runs(run, idle)
            if known.mean - 2.0 * known.error > limit:
                raise _too_many(limit, known)
            listed = walk.whole(idle, known)
            if listed is not None and idle and not _idle_indeed(run, [*listed.kept, *listed.asking], idle):
                idle, known = {}, estimated_runs(run)
                listed = walk.whole(idle, known)
            if listed is None:
                raise _too_many(limit, known)
        sums = listed.sums
        watched.require_untouched(run, leaves(run, idle))
        _require_whole(sums)
        require_repeated(run, first, listed, entropy)
    covariance = sums.covariance()
    full = covariance if covariance.ndim == 2 else None
    return ProgramExpectation(
        sums.mean(),
        covariance.diagonal().copy() if full is not None else covariance,
        sums.runs,
        time.perf_counter() - began,
        sums.scale,
        first.single,
        tuple(dict.fromkeys(idle.values())),
        None if known is None else known.mean,
        full,
        _apart(walk, idle, sums) if first.normals else None,
        _remarks([first, *listed.covering, *listed.kept]),
    )


def _remarks(runs: Sequence[Leaf]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(remark for run in runs for remark in run.remarks))


def _apart(walk: Walk, idle: Mapping[int, str], sums: WeightedSums) -> Float[Array, "d"]:
    """Return how far the mean is from that on fewer nodes [d]."""
    coarse = OnFewerNodes(walk.run)
    listed = replace(walk, run=coarse, first=one_run(coarse, Dictated([])), resume=None).whole(idle, None)
    if listed is None:  # fewer nodes have fewer runs, unless a node of the middle makes some
        raise _too_many(walk.limit, None)
    return np.abs(sums.mean() - listed.sums.mean())


def _require_whole(sums: WeightedSums) -> None:
    if abs(sums.mass - 1.0) > MASS:
        raise NotRepeatable(
            f"the probabilities of all {sums.runs:,} runs sum to {sums.mass:.12g}, must sum to 1; {LEAKS}"
        )


def _idle_indeed(run: ScriptedProgram, kept: list[Leaf], idle: Mapping[int, str]) -> bool:
    """Return whether runs that were counted stay as they are when the idle draws take other options."""
    chance = random.Random(3)
    return not any(changes(run, leaf, idle, chance) for leaf in kept)


def _too_many(limit: int, known: EstimatedRuns | None) -> TooLarge:
    if known is None:
        return TooLarge(f"the program has more runs than limit={limit:,}; raise limit")
    worst = f"; the draws at {known.largest} multiply them by {known.factor:.3g}" if known.largest else ""
    return TooLarge(
        f"the program has {known}, more than limit={limit:,}{worst}: fewer options or fewer steps there shrink it, or "
        "raise limit"
    )
