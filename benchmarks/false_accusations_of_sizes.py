"""How often sampled batches of one size accuse honest coupled functions that their controls do not explain wholly.

    python benchmarks/false_accusations_of_sizes.py [RUNS [DIRECTORY]]

Fits controls and judges one size as `check` does, each run at all rates on the same draws, without the rest of a check.
Counts so far go to DIRECTORY/false-accusations-of-sizes.md every SO_OFTEN runs; run r always has seed r.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import pgverify as pgv
from pgverify.checking.exhaustive.listed_problem import every_trajectory, reference_trace
from pgverify.checking.sampled.batch_law import IndependentLaw, arranged
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.goal import Goal, rare_events
from pgverify.checking.sampled.one_size import RAREST, at_sight, judge_size
from pgverify.checking.sampled.with_controls import fitted
from pgverify.checking.verdict.targets import target_vector, without_discount
from pgverify.stats.binomial import clopper_pearson

RATES, CALLS, ERROR, SO_OFTEN = (0.05, 0.01), 400, 1e-3, 54
"""Judged at; batches of a run at most; probability, for each line, of an interval that misses the rate; runs between
two writings."""
PROBLEMS, SIZES = ("early-stop", "three-starts", "random-end"), (3, 10, 33)
Returns = np.ndarray


def others(returns: Returns) -> Returns:
    return (returns.sum() - returns) / (len(returns) - 1)


def largest(returns: Returns) -> Returns:
    best = np.full(len(returns), returns.max())
    best[returns.argmax()] = np.delete(returns, returns.argmax()).max()
    return best


def fading(returns: Returns) -> Returns:
    found, mean = [], 0.0
    for value in returns:
        found.append(mean)
        mean = 0.9 * mean + 0.1 * value
    return np.array(found)


BASELINES: dict[str, Callable[[Returns], Returns]] = {
    "root of the others' mean": lambda returns: np.sqrt(np.abs(others(returns))),
    "largest of the others": largest,
    "fading mean of earlier rows": fading,
}


def accused(problem: pgv.Problem, size: int, baseline: Callable[[Returns], Returns], seed: int) -> list[bool] | None:
    """Return whether one run accuses at each rate; None where the controls explain the function wholly."""
    batch, probability = every_trajectory(problem)
    law = IndependentLaw(probability, size)

    def estimate(rows: np.ndarray) -> np.ndarray:
        drawn = arranged(batch, rows, law)
        returns = drawn.rewards @ drawn.discount_powers
        return drawn.score_weighted(np.where(drawn.mask, (returns - baseline(returns))[:, None], 0.0)).mean(axis=0)

    vector = target_vector("policy_gradient", problem, size)
    fit = fitted(law, estimate, Controls.of(batch, probability), np.random.default_rng([seed, size, 0]))
    goal = Goal(vector, 0.0, reference_trace(problem), ()).towards(vector)
    if at_sight(fit, goal, size, multiple=False) is not None:
        return None
    rare = rare_events(without_discount(problem), RAREST / size)
    guarded = Goal(goal.vector, goal.scale, goal.trace, rare)
    return [
        judge_size(fit, guarded, size, False, rate, CALLS, np.random.default_rng([seed, size, 1])).off for rate in RATES
    ]


Case = tuple[str, int, str]
Counts = dict[Case, list[int]]
"""Of each case, how many runs, how many of them explained wholly, and how many accused at each rate."""


def main(runs: int, directory: Path) -> None:
    suite = {entry.name: entry.problem for entry in pgv.suites.get("standard")}
    cases = [(name, size, kind) for name in PROBLEMS for size in SIZES for kind in BASELINES]
    counts: Counts = {case: [0, 0, *(0 for _ in RATES)] for case in cases}
    begin = time.process_time()
    for seed in range(runs):
        name, size, kind = case = cases[seed % len(cases)]
        found = accused(suite[name], size, BASELINES[kind], seed)
        counts[case][0] += found is not None
        counts[case][1] += found is None
        for place, wrong in enumerate(found or [], start=2):
            counts[case][place] += wrong
        if (seed + 1) % SO_OFTEN == 0 or seed + 1 == runs:
            write(counts, directory)
    print(f"{runs:,} runs in {time.process_time() - begin:.0f} s of processor time")


def write(counts: Counts, directory: Path) -> None:
    """Write the counts so far: a simulation that is stopped leaves what it found."""
    total = [sum(column) for column in zip(*counts.values(), strict=True)]
    lines = [
        "# How often sampled batches accuse honest coupled functions",
        "",
        f"At most {CALLS} batches a run, each run judged at {' and '.join(f'{rate:g}' for rate in RATES)}. In brackets",
        f"the interval of the rate, which misses it with probability {ERROR:g}. Runs in which the controls explain the",
        "function wholly cannot accuse and do not count. Made by "
        f"`python benchmarks/false_accusations_of_sizes.py {total[0] + total[1]} reports`.",
        "",
        "| problem | size | baseline | runs counted | explained wholly | "
        + " | ".join(f"accused at {r:g}" for r in RATES)
        + " |",
        "|---|---|---|---|---|" + "---|" * len(RATES),
    ]
    for case, (number, wholly, *wrong) in [*counts.items(), (("all", "", ""), total)]:
        cells = [_cell(count, number, rate) for count, rate in zip(wrong, RATES, strict=True)]
        lines.append(f"| {' | '.join(map(str, case))} | {number:,} | {wholly:,} | {' | '.join(cells)} |")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "false-accusations-of-sizes.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _cell(count: int, runs: int, rate: float) -> str:
    if not runs:
        return "–"
    low, high = clopper_pearson(count, runs, 1 - ERROR)
    return f"{count} [{low:.2g}, {high:.2g}]" + ("" if low <= rate else " **above**")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 270, Path(given[1] if len(given) > 1 else "reports"))
