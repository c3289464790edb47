"""How time grows with each size, as the slope of its logarithm; and memory at 10⁷ steps and more."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ours import our_gradient, our_moments
from pairs import Work
from tables import Tables

import pgverify as pgv


@dataclass(frozen=True)
class Slope:
    """Time ∝ size^slope between the sizes given."""

    what: str
    sizes: tuple[int, ...]
    slope: float


def slope(what: str, sizes: tuple[int, ...], made: Callable[[int], tuple[Work, list[np.ndarray]]]) -> Slope:
    """Fit the slope of the best of a few times at each size, in processor time."""
    taken = []
    for size in sizes:
        work, parameters = made(size)
        work(parameters[0])
        turns = []
        for theta in parameters:
            start = time.process_time()
            work(theta)
            turns.append(time.process_time() - start)
        taken.append(min(turns))
    fitted = np.polyfit(np.log(sizes), np.log(taken), 1)[0]
    return Slope(what, sizes, float(fitted))


def every_slope() -> list[Slope]:
    """With n, T, S and A of sampling, and T, S of the exact gradient."""

    def sampled(
        states: int = 10, actions: int = 4, horizon: int = 20, n: int = 20_000
    ) -> tuple[Work, list[np.ndarray]]:
        tables = Tables.of(states, actions, horizon)
        return our_moments(tables, n, diagonal=True), tables.parameters(4)

    def exact(states: int = 10, horizon: int = 20) -> tuple[Work, list[np.ndarray]]:
        tables = Tables.of(states, 4, horizon)
        return our_gradient(tables), tables.parameters(30)

    return [
        slope("sampling, n", (10_000, 20_000, 40_000, 80_000), lambda size: sampled(n=size)),
        slope("sampling, T", (10, 20, 40, 80), lambda size: sampled(horizon=size)),
        slope("sampling, S", (10, 20, 40, 80), lambda size: sampled(states=size)),
        slope("sampling, A", (2, 4, 8, 16), lambda size: sampled(actions=size)),
        slope("exact gradient, T", (50, 100, 200, 400), lambda size: exact(states=40, horizon=size)),
        slope("exact gradient, S", (40, 80, 160, 320), lambda size: exact(states=size, horizon=50)),
    ]


def peak(steps: int) -> float:
    """Return the peak memory in MB of a process that samples so many steps."""
    command = [sys.executable, __file__, str(steps)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def highest_megabytes() -> float:
    """Return the peak memory of this process: by /proc where there is one, as `ru_maxrss` begins with its parent's."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return float(status.split("VmHWM:")[1].split()[0]) / 1e3
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def two_workers(pairs: int) -> float:
    """Return how many times as fast two workers are, by the wall clock: on a busy machine it says little."""
    tables = Tables.of(10, 4, 20)
    problem, estimator = tables.problem(), pgv.estimators.RewardToGo()
    ratios = []
    for seed in range(pairs):
        taken = []
        for workers in (1, 2):
            start = time.perf_counter()
            pgv.sample_moments(estimator, problem, 400_000, seed=seed, workers=workers)
            taken.append(time.perf_counter() - start)
        ratios.append(taken[0] / taken[1])
    return float(np.median(ratios))


if __name__ == "__main__":
    tables = Tables.of(10, 4, 20)
    our_moments(tables, int(sys.argv[1]) // tables.horizon)(tables.parameters(1)[0])
    print(highest_megabytes())
