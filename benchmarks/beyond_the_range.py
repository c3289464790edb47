"""How often `beyond_the_range` accuses samples whose mean is the target: alone, at its own rate.

    python benchmarks/beyond_the_range.py [RUNS [DIRECTORY]]

As many samples as `judge_size` has when it asks, the fewest it may have and the most, of three coordinates each. The
laws lie on the worst side of what is assumed: events just as rare as may be, small and large beside the rest, of one
sign or of both; mass on both ends of the range, for which Hoeffding's inequality is sharpest. Beside each stands how
often a target that is off is accused: by the range at the fewest samples. Counts are kept in
DIRECTORY/beyond-the-range.csv and go on from where they were: run r of a law always has seed r.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pgverify.checking.sampled.beyond_the_range import beyond_the_range
from pgverify.checking.sampled.one_size import MOST_CALLS, RAREST
from pgverify.stats.binomial import clopper_pearson
from pgverify.stats.sequential_tails import Tails

RATES = (0.05, 0.01, 0.001)
FEWEST = 300
"""Calls below which no test fits at these rates; the next round number."""
ERROR = 1e-3
"""Probability, for each line, of an interval that misses the rate."""
SO_OFTEN = 500
Law = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def rare(size: float, noise: float, both: bool) -> Law:
    """Events of the probability that is looked for, beside normal noise; of one sign, or of either."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        seen = rng.random(shape) < RAREST
        sign = np.where(rng.random(shape) < 0.5, -1.0, 1.0) if both else 1.0
        return size * (seen * sign - (0.0 if both else RAREST)) + noise * rng.normal(size=shape)

    return draw


LAWS: dict[str, Law] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "either end": lambda rng, shape: np.where(rng.random(shape) < 0.5, -1.0, 1.0),
    "exponential": lambda rng, shape: rng.exponential(size=shape) - 1.0,
    "t with 3 degrees of freedom": lambda rng, shape: rng.standard_t(3, size=shape),
    "one in 20, nothing else": rare(1.0, 0.0, False),
    "one in 20, a little noise": rare(1.0, 1e-6, False),
    "one in 20, either sign": rare(1.0, 1e-3, True),
}
COUNTS = (FEWEST, MOST_CALLS)
Counts = dict[tuple[str, int], list[int]]
"""By law and number of samples: runs, accusations at each rate, and of a target that is off at the smallest rate."""


def judged(law: Law, count: int, seed: int) -> list[bool]:
    tails = Tails.of(law(np.random.default_rng([seed, count]), (count, 3)))
    off = np.array([0.0, float((tails.high - tails.low)[1]), 0.0])
    right = [beyond_the_range(tails, np.zeros(3), (), rate) for rate in RATES]
    return [*right, beyond_the_range(tails, off, (), min(RATES))]


def read(path: Path) -> Counts:
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return {(law, int(count)): [int(number) for number in numbers] for law, count, *numbers in rows}


def write(counts: Counts, path: Path) -> None:
    lines = [
        "# How often sampled batches are called off by their range though they are not",
        "",
        "`beyond_the_range`, alone and at its own rate; a check gives it a tenth of what it gives a size.",
        f"{FEWEST:,} or {MOST_CALLS:,} samples of three coordinates, each run judged at",
        f"{', '.join(f'{rate:g}' for rate in RATES)}. In brackets the interval of the rate, which misses it with",
        f"probability {ERROR:g}. Last, how often a target that is off by the range of the samples is accused at",
        f"{min(RATES):g}. Made by `python benchmarks/beyond_the_range.py RUNS reports`.",
        "",
        "| law | samples | runs | " + " | ".join(f"accused at {rate:g}" for rate in RATES) + " | off: accused |",
        "|---|---|---|" + "---|" * (len(RATES) + 1),
    ]
    for (law, count), (runs, *accused, off) in counts.items():
        cells = []
        for rate, number in zip(RATES, accused, strict=True):
            low, high = clopper_pearson(number, runs, 1 - ERROR)
            cells.append(f"{number} [{low:.2g}, {high:.2g}]" + ("" if low <= rate else " **above**"))
        lines.append(f"| {law} | {count:,} | {runs:,} | " + " | ".join(cells) + f" | {off / runs:.1%} |")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("law", "samples", "runs", *(f"accused at {rate:g}" for rate in RATES), "off"))
        writer.writerows((*line, *numbers) for line, numbers in counts.items())
    path.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(wanted: int, directory: Path) -> None:
    path = directory / "beyond-the-range.csv"
    counts = read(path)
    begin, made = time.process_time(), 0
    for run in range(wanted):  # all laws side by side: whenever it is stopped, they have come as far
        for name, law in LAWS.items():
            for count in COUNTS:
                before = counts.setdefault((name, count), [0] * (len(RATES) + 2))
                if before[0] > run:
                    continue
                found = judged(law, count, run)
                counts[name, count] = [run + 1, *(n + hit for n, hit in zip(before[1:], found, strict=True))]
                made += 1
        if run % SO_OFTEN == SO_OFTEN - 1 or run == wanted - 1:
            write(counts, path)
    print(f"{made:,} runs in {time.process_time() - begin:.0f} s of processor time")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 100, Path(given[1] if len(given) > 1 else "reports"))
