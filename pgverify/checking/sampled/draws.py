"""Estimates from somebody's sampler: guarded, reproducible, with random numbers of their own for every purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.checking.calling.alarm import Alarm
from pgverify.checking.calling.guarded_call import Guarded, guarded
from pgverify.checking.calling.implementation import OutOfTime
from pgverify.checking.calling.tables import WROTE, TablesOfProblems
from pgverify.checking.calling.time_spent import Deadline
from pgverify.checking.sampled.goal import Draw
from pgverify.problem import Problem
from pgverify.suites import SuiteProblem
from pgverify.validation import Array, bracket, first_index

Sampler = Callable[[Problem, int, np.random.Generator], Guarded]
"""A sampler whose failures are data."""

PATIENCE = 60
"""Time limits for one call of a sampler, which draws up to tens of thousands of trajectories in it."""


class Unusable(Exception):
    """What the sampler did cannot be judged; the message says what."""


def guarded_sampler(
    function: Callable[[Problem, int, np.random.Generator], Any], time_limit: float, deadline: Deadline
) -> Sampler:
    """Return somebody's sampler, guarded; each call may last `PATIENCE` time limits, none begins after the deadline."""
    tables = TablesOfProblems()

    def sampler(problem: Problem, count: int, rng: np.random.Generator) -> Guarded:
        if deadline.passed:
            raise OutOfTime
        limit = min(PATIENCE * time_limit, max(deadline.left, time_limit))
        with Alarm(limit) as alarm:
            watched = tables.of(problem)
            call = guarded(function, (problem, count, rng), alarm)
        if table := watched.changed():
            return Guarded(None, WROTE.format(table=table), call.printed)
        return call

    return sampler


def reproducibility(draw: Draw, alpha: float) -> list[str]:
    """Return a note if the generator is not what decides; refuse a sampler that repeats itself.

    Estimates of few values coincide by chance: equal draws count where that had probability α at most.
    """
    first, again = draw(16, 0), draw(16, 0)
    for count in (16, 256, 4096):
        one, other = draw(count, 0), draw(count, 1)
        if not np.array_equal(one, other):
            break
        _, numbers = np.unique(np.concatenate([one, other]), axis=0, return_counts=True)
        match = float(((numbers / numbers.sum()) ** 2).sum())
        if match < 1.0 and count * np.log(match) < np.log(alpha):
            raise Unusable("returns the same numbers for different generators: its estimates are not independent")
    return [] if np.array_equal(first, again) else ["not reproducible: the same generator gives other numbers"]


def source_of(sampler: Sampler, entry: SuiteProblem, seed: int, index: int, purpose: int) -> Draw:
    """Return a source of estimates; every purpose has random numbers of its own."""
    size = entry.problem.policy.parameters.size

    def some(count: int, rng: np.random.Generator) -> Float[Array, "k d"]:
        """Return estimates from one call; k of them may each have used up several trajectories."""
        made = sampler(entry.problem, count, rng)
        if made.failure:
            raise Unusable(f"{made.failure}, asked for {count} estimates")
        raw = made.raw
        if raw.dtype.kind not in "fiu" or raw.ndim != 2 or raw.shape[1] != size or len(raw) == 0:
            raise Unusable(
                f"returned {raw.dtype} of shape {raw.shape}, must be real numbers [k, d] with d = {size} and k ≥ 1"
            )
        estimates: Float[Array, "k d"] = raw.astype(np.float64)
        if not np.isfinite(estimates).all():  # before anything is made of them: NaN looks like dependence, too
            where = first_index(~np.isfinite(estimates))
            raise Unusable(
                f"returned {estimates[where]} at {bracket(where)} of {len(raw):,} estimates, must be finite numbers"
            )
        return estimates

    def draw(count: int, call: int) -> Float[Array, "k d"]:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, call, purpose)))
        parts: list[Float[Array, "k d"]] = []
        while sum(map(len, parts)) < count:
            parts.append(some(count, rng))
        return np.concatenate(parts)[:count]

    return draw
