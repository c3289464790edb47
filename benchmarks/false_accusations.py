"""How often honest samples and samplers are accused, of anything: by `BiasTest` and by `check(kind="sampler")`.

    python benchmarks/false_accusations.py [RUNS [DIRECTORY [BiasTest | sampler]]]

Every run draws once and is judged at all three rates. Counts are kept in DIRECTORY/false-accusations.csv and go on from
where they were: run r of a law always has seed r. Rates hold where nothing that matters is rarer than the number that
the result names; every law here is on that side of it, some of them just.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.progress import track

import pgverify as pgv
from pgverify.stats import BiasTest, Moments
from pgverify.stats.binomial import clopper_pearson

RATES = (0.05, 0.01, 0.001)
SAMPLES = 2_000
BUDGET = 60_000
"""Estimates of a sampler: enough to see all of its laws, so few that ten thousand runs end."""
ERROR = 1e-3
"""Probability, for each line, of an interval that misses the rate."""
Sampler = Callable[[pgv.Problem, int, np.random.Generator], np.ndarray]


def events(expected: float, weight: float) -> Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]:
    """Three coordinates: one normal, one with rare events of one sign, one the difference of both."""

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        chance = expected / SAMPLES
        rare = weight * (rng.random(SAMPLES) < chance)
        normal = rng.normal(size=SAMPLES)
        return np.column_stack([normal, rare, normal - rare]), weight * chance * np.array([0.0, 1.0, -1.0])

    return draw


def near_deterministic(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Reward-to-go of two arms, one of which is drawn with probability 1/2000."""
    chance = np.array([1 - 5e-4, 5e-4])
    arm = (rng.random(SAMPLES) < chance[1]).astype(int)
    reward = np.array([0.3, 1.0])
    score = np.eye(2) - chance
    return score[arm] * reward[arm][:, None], (chance * reward) @ score


def centred(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x, np.zeros(x.shape[1])


LAWS: dict[str, Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]] = {
    "normal": lambda rng: centred(rng.normal(size=(SAMPLES, 3))),
    "exponential": lambda rng: centred(rng.exponential(size=(SAMPLES, 3)) - 1.0),
    "t with 5 degrees of freedom": lambda rng: centred(rng.standard_t(5, size=(SAMPLES, 3))),
    "8 rare events": events(8, 1.0),
    "20 rare events": events(20, 3.0),
    "20 rare events, below": events(20, -3.0),
    "100 rare events": events(100, 1.0),
    "nearly deterministic policy": near_deterministic,
}


def arms(*logits: float) -> pgv.Problem:
    rewards = [1.0, 0.3, -0.5][: len(logits)]
    mdp = pgv.TabularMDP([1.0], np.ones((1, len(rewards), 1)), [rewards])
    return pgv.Problem(mdp, pgv.SoftmaxPolicy([list(logits)]), pgv.FiniteHorizon(1))


def drawn_by(*acting: float) -> Sampler:
    """Return an importance sampler that draws arms with the given probabilities."""

    def sampler(problem: pgv.Problem, count: int, rng: np.random.Generator) -> np.ndarray:
        own = problem.policy.probabilities()[0]
        arm = rng.choice(len(own), size=count, p=acting)
        reward = problem.mdp.paid[0, arm, 0]
        return (np.eye(len(own)) - own)[arm] * (reward * own[arm] / np.array(acting)[arm])[:, None]

    return sampler


def on_policy(problem: pgv.Problem, count: int, rng: np.random.Generator) -> np.ndarray:
    return drawn_by(*problem.policy.probabilities()[0])(problem, count, rng)


SAMPLERS: dict[str, tuple[pgv.Problem, Sampler]] = {
    "three arms": (arms(0.2, 0.0, -0.1), on_policy),
    "an arm of probability 1e-3": (arms(0.0, 7.0), on_policy),
    "an arm of probability 1e-5": (arms(-12.0, 0.0, -0.3), on_policy),
    "importance weights, an arm drawn with 2e-3": (arms(0.2, 0.0, -0.1), drawn_by(2e-3, 0.5, 0.498)),
    "importance weights, an arm drawn with 6e-4": (arms(0.2, 0.0, -0.1), drawn_by(6e-4, 0.5, 0.4994)),
}


def judge_law(law: str, seed: int) -> dict[float, bool]:
    x, mean = LAWS[law](np.random.default_rng([seed, 1]))
    # With no bound given and nobody vouching, the guarded p value is the same whatever the rate.
    p_value = BiasTest(max(RATES)).run(Moments.of(x), mean).guarded_p_value
    return {rate: p_value <= rate for rate in RATES}


def judge_sampler(law: str, seed: int) -> dict[float, bool]:
    problem, sampler = SAMPLERS[law]
    accused = {}
    for rate in RATES:
        report = pgv.check(sampler, "sampler", problems=problem, alpha=rate, tolerance=0.1, seed=seed, budget=BUDGET)
        accused[rate] = report.outcome.name not in ("CONSISTENT", "INCONCLUSIVE")
    return accused


KINDS = {"BiasTest": (LAWS, judge_law), "sampler": (SAMPLERS, judge_sampler)}
Counts = dict[tuple[str, str], list[int]]
"""By kind and law: runs, accusations at each rate."""


def read(path: Path) -> Counts:
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    found: Counts = {}
    for row in rows:
        found.setdefault((row["kind"], row["law"]), [int(row["runs"])]).append(int(row["accused"]))
    return found


def write(counts: Counts, path: Path) -> None:
    lines = [
        "# How often honest samples and samplers are accused",
        "",
        f"Every run is judged at {', '.join(f'{rate:g}' for rate in RATES)}. `BiasTest`: {SAMPLES:,} samples of three",
        f'coordinates (two for the policy). `check(kind="sampler")`: budget {BUDGET:,}, whatever it accuses of. In',
        f"brackets the interval of the rate, which misses it with probability {ERROR:g}. Made by "
        "`python benchmarks/false_accusations.py RUNS reports`.",
        "",
        "| judged by | law | runs | " + " | ".join(f"accused at {rate:g}" for rate in RATES) + " |",
        "|---|---|---|" + "---|" * len(RATES),
    ]
    rows = []
    for (kind, law), (runs, *accused) in counts.items():
        if not runs:
            continue
        cells = []
        for rate, number in zip(RATES, accused, strict=True):
            low, high = clopper_pearson(number, runs, 1 - ERROR)
            cells.append(f"{number} [{low:.2g}, {high:.2g}]" + ("" if low <= rate else " **above**"))
            rows.append({"kind": kind, "law": law, "alpha": rate, "runs": runs, "accused": number})
        lines.append(f"| {kind} | {law} | {runs:,} | " + " | ".join(cells) + " |")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    path.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(wanted: int, directory: Path, only: str = "") -> None:
    path = directory / "false-accusations.csv"
    counts = read(path)
    begin, made = time.process_time(), 0
    kinds = {kind: found for kind, found in KINDS.items() if only in ("", kind)}
    for kind, (laws, _) in kinds.items():
        for law in laws:
            counts.setdefault((kind, law), [0, *(0 for _ in RATES)])
    for run in track(range(wanted), "runs"):  # all laws side by side: whenever it is stopped, they have come as far
        for kind, (laws, judge) in kinds.items():
            for law in laws:
                count = counts[kind, law]
                if count[0] > run:
                    continue
                for place, accused in enumerate(judge(law, run).values(), start=1):
                    count[place] += accused
                count[0], made = run + 1, made + 1
        if run % 25 == 24 or run == wanted - 1:
            write(counts, path)
    seconds = time.process_time() - begin
    print(f"{made:,} runs in {seconds:.0f} s of processor time, {10_000 * seconds / max(made, 1):.0f} s for 10,000")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 100, Path(given[1] if len(given) > 1 else "reports"), *given[2:])
