"""How often a random function whose bias is just above the tolerance is called CONSISTENT on one problem.

    python benchmarks/false_consistent.py [RUNS [DIRECTORY [TOLERANCE [NOISE]]]]

Simulated is the decision alone, `at_two_tolerances`, which `check` makes with the estimates of each problem: several
tests look at the same estimates, several times each, and the rate has to hold for all of them together. The laws lie on
the worst side of what the decision assumes: a bias of the tolerance and 1 % more, little and much noise, both signs of
skewness, events just as rare as may be. Counts are kept in DIRECTORY/false-consistent.csv and go on from
where they were: run r of a law always has seed r.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pgverify.checking.sampled.goal import Goal
from pgverify.checking.sampled.random_function import MODEST
from pgverify.checking.sampled.two_tolerances import SHARP, at_two_tolerances
from pgverify.stats import SequentialOutcome, SequentialTest
from pgverify.stats.binomial import clopper_pearson

TEST = SequentialTest(alpha=1e-6 / 26, **MODEST)  # type: ignore[arg-type]
"""As on one of 13 problems."""
ABOVE = 1.01
"""The bias in tolerances."""
COUNTED = ("runs", "false", "estimates")
ERROR = 1e-3
"""Probability, for each line, of an interval that misses the rate."""
Law = Callable[[np.random.Generator, int], np.ndarray]
TARGET = np.array([0.8, -0.6])
"""Of length 1: biases and tolerances are in its unit."""


def normal(noise: float) -> Law:
    return lambda rng, count: noise * rng.normal(size=(count, 2))


def skewed(noise: float) -> Law:
    return lambda rng, count: noise * (rng.exponential(size=(count, 2)) - 1.0)


def rare(size: float) -> Law:
    """Events of the probability that the test assumes to be the smallest that matters, beside a little noise."""
    chance = TEST.rarest
    return lambda rng, count: (
        size * ((rng.random(count) < chance) - chance)[:, None] * np.array([1.0, -1.0])
        + 0.1 * rng.normal(size=(count, 2))
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
TOLERANCES = {"usual": TEST.tolerance, "sharp": SHARP}
"""A result names the tolerance that it holds for: false is CONSISTENT within one that the bias exceeds."""
Counts = dict[tuple[str, str], list[int]]
"""By tolerance and law: runs, false words, estimates."""


def judged(law: Law, tolerance: float, seed: int) -> tuple[bool, int]:
    """Return whether CONSISTENT was said falsely, and the number of estimates that was drawn."""
    rng, bias = np.random.default_rng([seed, 1]), ABOVE * tolerance
    used = 0

    def draw(count: int, _call: int) -> np.ndarray:
        nonlocal used
        used += count
        return np.asarray(TARGET * (1.0 + bias) + tolerance * law(rng, count))

    result = at_two_tolerances(Goal(TARGET, 1.0, 1.0, ()), TEST, draw)
    return result.outcome is SequentialOutcome.CONSISTENT and result.limit < bias, used


def read(path: Path) -> Counts:
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["tolerance"], row["noise"]): [int(row[name]) for name in COUNTED] for row in rows}


def write(counts: Counts, path: Path) -> None:
    lines = [
        "# How often a random function that is biased is called CONSISTENT on a problem",
        "",
        f"The bias is {ABOVE:g} times the tolerance: of {TEST.tolerance:g} (usual) or {SHARP:g} (sharp), whichever the",
        f"result names; the noise is in tolerances. At most {TEST.consistent_rate:g} is promised, for all looks of",
        f"all tests together. In brackets the interval of the rate, which misses it with probability {ERROR:g}.",
        "Made by `python benchmarks/false_consistent.py RUNS reports`.",
        "",
        "| tolerance | noise | runs | false CONSISTENT | estimates a run |",
        "|---|---|---|---|---|",
    ]
    for (kind, name), (runs, false, used) in counts.items():
        low, high = clopper_pearson(false, runs, 1 - ERROR)
        above = "" if low <= TEST.consistent_rate else " **above**"
        lines.append(f"| {kind} | {name} | {runs:,} | {false} [{low:.2g}, {high:.2g}]{above} | {used / runs:,.0f} |")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("tolerance", "noise", *COUNTED))
        writer.writerows((*line, *numbers) for line, numbers in counts.items())
    path.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(wanted: int, directory: Path, only: str = "", noise: str = "") -> None:
    path = directory / "false-consistent.csv"
    counts = read(path)
    begin, made = time.process_time(), 0
    for run in range(wanted):  # all laws side by side: whenever it is stopped, they have come as far
        for kind, tolerance in TOLERANCES.items():
            for name, law in NOISE.items():
                count = counts.setdefault((kind, name), [0, 0, 0])
                if count[0] > run or only not in ("", kind) or noise not in ("", name):
                    continue
                wrong, used = judged(law, tolerance, run)
                counts[kind, name] = [run + 1, count[1] + wrong, count[2] + used]
                made += 1
        if run % 50 == 49 or run == wanted - 1:
            write(counts, path)
    print(f"{made:,} runs in {time.process_time() - begin:.0f} s of processor time")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 100, Path(given[1] if len(given) > 1 else "reports"), *given[2:])
