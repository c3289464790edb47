"""How often a random function whose bias is just above the tolerance is called CONSISTENT on one problem.

    python benchmarks/false_consistent.py [RUNS [DIRECTORY]]

Simulated is more than the decision `at_two_tolerances`, which `check` makes with the estimates of each problem: counted
is every run in which *any* of its tests would say CONSISTENT at *any* look, be it asked or not. So what is counted is
at least what `check` says, and many runs can be made at once; a test compares both. The laws lie on the worst side of
what the decision assumes: a bias of the tolerance and 1 % more, little and much noise, both signs of skewness, events
just as rare as may be. Counts are kept in DIRECTORY/false-consistent.csv and go on from where they were, in blocks: a
block always has the same seed.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.special import stdtrit
from sequential_simulation import simulate

from pgverify.checking.sampled.all_near import NEAR
from pgverify.checking.sampled.random_function import MODEST
from pgverify.checking.sampled.two_tolerances import SHARP
from pgverify.stats import SequentialTest
from pgverify.stats.binomial import clopper_pearson
from pgverify.stats.sequential_plan import STATISTIC

TEST = SequentialTest(alpha=1e-6 / 26, **MODEST)  # type: ignore[arg-type]
"""As on one of 13 problems."""
RATES = (0.05, 0.01, 0.001)
"""Of false CONSISTENT; `check` has the last."""
ABOVE = 1.01
"""The bias in tolerances."""
BLOCK = 250
ERROR = 1e-3
"""Probability, for each line, of an interval that misses the rate."""
Law = Callable[[np.random.Generator, int], np.ndarray]
TARGET = np.array([0.8, -0.6])
"""Of length 1: biases and tolerances are in its unit."""


def normal(noise: float) -> Law:
    return lambda rng, runs: noise * rng.normal(size=(runs, TEST.budget, 2))


def skewed(noise: float) -> Law:
    return lambda rng, runs: noise * (rng.exponential(size=(runs, TEST.budget, 2)) - 1.0)


def rare(size: float) -> Law:
    """Events of the probability that the test assumes to be the smallest that matters, beside a little noise."""
    chance = TEST.rarest
    return lambda rng, runs: (
        size * ((rng.random((runs, TEST.budget)) < chance) - chance)[..., None] * np.array([1.0, -1.0])
        + 0.1 * rng.normal(size=(runs, TEST.budget, 2))
    )


NOISE: dict[str, Law] = {
    "hardly any": normal(0.01),
    "normal": normal(5.0),
    "exponential, above": skewed(5.0),
    "exponential, below": skewed(-5.0),
    "one in 50 adds 10": rare(10.0),
    "one in 50 takes 10": rare(-10.0),
}
"""In tolerances."""
TOLERANCES = {"usual": f"{TEST.tolerance:g}", "sharp": f"{SHARP:g}"}
"""A result names the tolerance that it holds for: false is CONSISTENT within one that the bias exceeds."""
Counts = dict[tuple[str, str], list[int]]
"""By tolerance and law: runs, false words at each rate."""


def may_be_called(off: np.ndarray, rates: tuple[float, ...], tolerance: float) -> dict[str, np.ndarray]:
    """Return which runs any test may call CONSISTENT, within the usual and the sharp tolerance.

    Parameters
    ----------
    off : [runs, budget, d]
        Estimates less their target, in the unit of `tolerance`.
    rates : tuple of r numbers
        Of false CONSISTENT, for all tests together.
    tolerance : float
        Of the test in question.

    Returns
    -------
    dict of [r, runs]
    """
    each = tuple(rate / 3.0 for rate in rates)
    sharp = replace(TEST, consistent_rate=min(each))
    early = [replace(TEST, alpha=rate, consistent_rate=rate) for rate in each]
    possible = _within_reach(off, [sharp, *early], max(each), tolerance)
    found = {kind: np.zeros((len(each), len(off)), dtype=bool) for kind in ("usual", "sharp")}
    if possible.any():
        rest = off[possible]
        found["sharp"][:, possible] = _consistent(rest, sharp, each, tolerance)
        spoken = [_consistent(rest, test, (rate,), tolerance)[0] for test, rate in zip(early, each, strict=True)]
        found["usual"][:, possible] = np.stack(spoken)
    for i, rate in enumerate(each):
        count = int(np.ceil(np.log(rate) / np.log1p(-TEST.rarest)))
        found["sharp"][i] |= np.linalg.norm(off[:, :count], axis=2).max(axis=1) <= NEAR * tolerance
    return {"usual": found["usual"] | found["sharp"], "sharp": found["sharp"]}


def _within_reach(off: np.ndarray, tests: list[SequentialTest], rate: float, limit: float) -> np.ndarray:
    """Return which runs [runs] may be bounded by the limit at all: the others need no more arithmetic.

    At a look the bias that may hide is at least |b| + t √(b̂·C b̂ / n), that along the mean itself, with C unguarded.
    """
    dimension = off.shape[2]
    planned = [test.looks(dimension) for test in tests]
    counts = sorted({count for looks in planned for count in looks.counts})
    least = STATISTIC * rate / min(looks.number for looks in planned)
    begin = [0, *counts[:-1]]
    used = off[:, : counts[-1]]
    sums = np.add.reduceat(used, begin, axis=1).cumsum(axis=1)
    products = used[..., :, None] * used[..., None, :]
    squares = np.add.reduceat(products, begin, axis=1).cumsum(axis=1)
    n = np.array(counts, dtype=float)[:, None]
    mean = sums / n
    length = np.linalg.norm(mean, axis=2)
    along = mean / np.maximum(length, 1e-300)[..., None]
    covariance = (squares - n[..., None] * mean[..., :, None] * mean[..., None, :]) / (n[..., None] - 1.0)
    variance = np.maximum(np.einsum("rki,rkij,rkj->rk", along, covariance, along), 0.0)
    reach = -stdtrit(n[:, 0] - 1.0, least) * np.sqrt(variance / n[:, 0])
    return (length + 0.999 * reach <= limit * (1.0 + 1e-9)).any(axis=1)


def _consistent(off: np.ndarray, test: SequentialTest, rates: tuple[float, ...], limit: float) -> np.ndarray:
    """Return [r, runs]: whether the bias is bounded by the limit at any look."""
    place = 0

    def rest(_: np.random.Generator, __: int, count: int) -> np.ndarray:
        nonlocal place
        place += count
        return off[:, place - count : place]

    runs, _, dimension = off.shape
    looks = test.looks(dimension)
    return simulate(rest, dimension, looks, rates, runs, seed=0, limit=limit, chunk=runs).consistent >= 0


def read(path: Path) -> Counts:
    found: Counts = {}
    if path.exists():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                found.setdefault((row["tolerance"], row["noise"]), [int(row["runs"])]).append(int(row["false"]))
    return found


def write(counts: Counts, path: Path) -> None:
    lines = [
        "# How often a random function that is biased may be called CONSISTENT on a problem",
        "",
        f"The bias is {ABOVE:g} times the tolerance: of {TOLERANCES['usual']} (usual) or {TOLERANCES['sharp']}",
        "(sharp), whichever the result names; the noise is in tolerances. Counted is each run in which any of the",
        "tests would say CONSISTENT at any look, whether it is asked or not: at least what `check` says, whose rate is",
        "0.001 for all looks of all tests together. In brackets the interval of the rate, which misses it with",
        f"probability {ERROR:g}.",
        "Made by `python benchmarks/false_consistent.py RUNS reports`.",
        "",
        "| tolerance | noise | runs | " + " | ".join(f"false at {rate:g}" for rate in RATES) + " |",
        "|---|---|---|" + "---|" * len(RATES),
    ]
    rows: list[tuple[object, ...]] = []
    for (kind, name), (runs, *false) in counts.items():
        cells = []
        for rate, number in zip(RATES, false, strict=True):
            low, high = clopper_pearson(number, runs, 1 - ERROR)
            cells.append(f"{number} [{low:.2g}, {high:.2g}]" + ("" if low <= rate else " **above**"))
            rows.append((kind, name, rate, runs, number))
        lines.append(f"| {kind} | {name} | {runs:,} | " + " | ".join(cells) + " |")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("tolerance", "noise", "rate", "runs", "false"))
        writer.writerows(rows)
    path.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(wanted: int, directory: Path) -> None:
    path = directory / "false-consistent.csv"
    counts = read(path)
    for kind in TOLERANCES:
        for name in NOISE:
            counts.setdefault((kind, name), [0, *(0 for _ in RATES)])
    begin, made = time.process_time(), 0
    for block in range(-(-wanted // BLOCK)):  # all laws side by side: whenever it is stopped, they have come as far
        for place, (name, law) in enumerate(NOISE.items()):
            if counts["usual", name][0] > block * BLOCK:
                continue
            noise = law(np.random.default_rng([block, place]), BLOCK)
            # In tolerances the usual and the sharp question are the same but for the tests that may answer.
            for kind, found in may_be_called(ABOVE * TARGET + noise, RATES, 1.0).items():
                before = counts[kind, name]
                counts[kind, name] = [before[0] + BLOCK, *(np.array(before[1:]) + found.sum(axis=1)).tolist()]
            made += BLOCK
        write(counts, path)
    print(f"{made:,} runs in {time.process_time() - begin:.0f} s of processor time")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else BLOCK, Path(given[1] if len(given) > 1 else "reports"))
