"""How many runs there will be, by random descents, and which draws make them many."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from math import exp, log, prod, sqrt

from pgverify.choices.idle_draws import AtRandom
from pgverify.choices.one_run import ScriptedProgram, one_run

DESCENTS = 30
"""Random paths; of trees that branch unevenly they tell little, which the spread shows."""


@dataclass(frozen=True)
class EstimatedRuns:
    """The estimated number of runs.

    Attributes
    ----------
    mean : float
    error : float
        Standard error of the mean.
    low, high : float
        Of single descents.
    largest : str
        The line whose draws multiply most.
    factor : float
        By how much they do.
    """

    mean: float
    error: float
    low: float
    high: float
    largest: str
    factor: float

    def __str__(self) -> str:
        return f"about {self.mean:.2g} runs ({DESCENTS} random descents gave {self.low:.2g} to {self.high:.2g})"


def _zeros() -> defaultdict[str, float]:
    return defaultdict(float)


def estimated_runs(run: ScriptedProgram, idle: Collection[int] = ()) -> EstimatedRuns:
    """Return the number of runs, estimated by descents that take every option of a draw alike.

    The product of the numbers of options along such a path is the number of leaves on average.

    References
    ----------
    Knuth (1975), Estimating the efficiency of backtrack programs.
    """
    chance = random.Random(0)

    counts, logs = [], _zeros()
    for _ in range(DESCENTS):
        draws = [draw for draw in one_run(run, AtRandom(chance)).draws if draw.site not in idle]
        counts.append(prod(float(len(draw.options)) for draw in draws))
        for draw in draws:
            logs[draw.place] += log(len(draw.options)) / DESCENTS
    mean = sum(counts) / DESCENTS
    error = sqrt(sum((count - mean) ** 2 for count in counts) / (DESCENTS - 1) / DESCENTS)
    largest = max(logs, key=lambda place: logs[place], default="")
    return EstimatedRuns(mean, error, min(counts), max(counts), largest, exp(logs.get(largest, 0.0)))
