"""What a random number and a choice cost: `python benchmarks/random_stream.py`, beside what one would write by hand.

Each line is a pair, run in turns: the best time of either, and the middle of the ratios of neighbours, which a busy
machine slows alike. Aims: from 1,000 trajectories on all else in a call costs less than the words it draws, so a ratio
below 2; tables of 20 rows of 8 in 1 ms and of 10^5 rows of 40 in 0.5 s.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np

from pgverify.randomness import AliasTable, Channel, Stream, choose_by_inversion

TURNS = 25
DRAWS = 10_000
"""Trajectories in a chunk of the sampler, about."""


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def pair(title: str, unit: str, scale: float, ours: Callable[[], object], other: Callable[[], object]) -> None:
    """Print the best time of each, multiplied by `scale`, and the middle ratio, after one turn that is not counted."""
    ours(), other()
    taken = [(seconds(ours), seconds(other)) for _ in range(TURNS)]
    best, beside = (min(column) * scale for column in zip(*taken, strict=True))
    ratio = median(a / b for a, b in taken)
    print(f"{title:58s} {best:8.2f} {unit:14s} beside {beside:8.2f}, ratio {ratio:.2f}")


def numbers() -> None:
    """Measure the stream beside a generator built once that hands out words, and one that hands out doubles."""
    stream, words = Stream.of(0), np.random.Philox(0)
    doubles = np.random.Generator(words)
    for rows in (100, 1_000, 10_000, 100_000):
        calls = max(1, 100_000 // rows)

        def ours(rows: int = rows, calls: int = calls) -> None:
            for window in range(calls):
                stream.window(Channel.STEP, window, 0, rows)

        def raw(rows: int = rows, calls: int = calls) -> None:
            for _ in range(calls):
                words.random_raw(4 * rows)

        def random(rows: int = rows, calls: int = calls) -> None:
            for _ in range(calls):
                doubles.random((rows, 4))

        scale = 1e9 / (calls * rows * 4)
        pair(f"numbers, {rows:,} trajectories; random_raw", "ns a double", scale, ours, raw)
        pair(f"numbers, {rows:,} trajectories; Generator.random", "ns a double", scale, ours, random)


def choices() -> None:
    """Measure one number and one choice in a table beside `rng.random` and the row's cumulative sums."""
    rng = np.random.default_rng(1)
    stream = Stream.of(0)
    for rows, cells in ((20, 8), (1_000, 40), (100_000, 40)):
        probabilities = rng.dirichlet(np.full(cells, 0.5), size=rows)
        table, sums = AliasTable.of(probabilities), np.cumsum(probabilities, axis=1)
        at = rng.integers(rows, size=DRAWS)
        uniform = rng.random(DRAWS)
        drawn = probabilities[at]
        size = f"{rows:,} x {cells}"

        def by_sums(sums: np.ndarray = sums, at: np.ndarray = at) -> np.ndarray:
            return (sums[at] <= rng.random(at.size)[:, None]).sum(axis=1)

        def one_by_one(sums: np.ndarray = sums, at: np.ndarray = at) -> list[int]:
            return [int(np.searchsorted(sums[row], u)) for row, u in zip(at, rng.random(at.size), strict=True)]

        def ours(table: AliasTable = table, at: np.ndarray = at) -> list[np.ndarray]:
            window = stream.window(Channel.STEP, 0, 0, at.size)
            return [table.choose(at, window[:, step]) for step in range(4)]

        def four(by: Callable[[], object]) -> Callable[[], object]:
            return lambda: [by() for _ in range(4)]

        pair(f"number and choice, {size}; cumulative sums", "ns a step", 1e9 / DRAWS / 4, ours, four(by_sums))
        pair(f"number and choice, {size}; searchsorted", "ns a step", 1e9 / DRAWS / 4, ours, four(one_by_one))
        alone = lambda table=table, at=at, uniform=uniform: table.choose(at, uniform)  # noqa: E731
        inverted = lambda drawn=drawn, uniform=uniform: choose_by_inversion(drawn, uniform)  # noqa: E731
        pair(f"choice alone, {size}; by inversion", "ns a draw", 1e9 / DRAWS, alone, inverted)
        build = lambda probabilities=probabilities: AliasTable.of(probabilities)  # noqa: E731
        add = lambda probabilities=probabilities: np.cumsum(probabilities, axis=1)  # noqa: E731
        pair(f"table, {size}; cumulative sums", "ms", 1e3, build, add)


if __name__ == "__main__":
    numbers()
    choices()
