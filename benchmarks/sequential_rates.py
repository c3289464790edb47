"""Error rates and sample sizes of `SequentialTest`: python benchmarks/sequential_rates.py [null|consistent|size].

About five CPU minutes with one thread. Output: Markdown tables.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from scipy.stats import binom
from sequential_simulation import FAMILIES, simulate, worst_direction

from pgverify.stats import HotellingTest
from pgverify.stats.power import f_noncentrality
from pgverify.stats.sequential_plan import Looks

RATES = (0.05, 0.01, 0.001)
RUNS = {1: 10_000, 3: 3_000, 6: 1_000}
SIGNS = (1.0, -1.0)


def planned(family: str, d: int, rate: float = min(RATES)) -> Looks:
    return Looks.planned(dimension=d, first_look=200, budget=6400, growth=2.0, rarest=FAMILIES[family], rate=rate)


def null() -> None:
    print("False BIASED / alpha (unguarded Hotelling in brackets); counts at most isf(1e-4) of Bin(runs, alpha)\n")
    print("| family | d | runs | " + " | ".join(f"α = {a}" for a in RATES) + " | looks that counted |")
    print("|---|---|---|---|---|---|---|")
    for family in FAMILIES:
        for d, runs in RUNS.items():
            found = simulate(family, d, planned(family, d), RATES, runs, seed=1)
            cells = []
            for a, biased, plain in zip(RATES, found.biased, found.plain, strict=True):
                count = int((biased >= 0).sum())
                bad = "" if count <= binom.isf(1e-4, runs, a) else " !"
                cells.append(f"{count / runs / a:.2f} ({(plain >= 0).mean() / a:.1f}){bad}")
            opened = " / ".join(f"{o:.2f}" for o in found.open)
            print(f"| {family} | {d} | {runs} | {' | '.join(cells)} | {opened} |", flush=True)


def consistent() -> None:
    print("\nFalse CONSISTENT / rate, the bias exactly at the limit (0.15 sd, worst direction, both signs)\n")
    print("| family | d | runs | " + " | ".join(f"rate {a}" for a in RATES) + " | unbiased found CONSISTENT |")
    print("|---|---|---|---|---|---|---|")
    for family in FAMILIES:
        for d, runs in {1: 2500, 3: 1000}.items():
            along, sd = worst_direction(d)
            limit = 0.15 * sd
            hits, looks = np.zeros(len(RATES)), planned(family, d)
            for s, sign in enumerate(SIGNS):
                found = simulate(family, d, looks, RATES, runs, seed=2 + s, bias=sign * limit * along, limit=limit)
                hits += (found.consistent >= 0).sum(axis=1)
            right = simulate(family, d, looks, RATES, 500, seed=4, limit=limit).consistent >= 0
            cells = " | ".join(f"{h / (2 * runs) / a:.2f}" for h, a in zip(hits, RATES, strict=True))
            seen = " / ".join(f"{x:.2f}" for x in right.mean(axis=1))
            print(f"| {family} | {d} | {2 * runs} | {cells} | {seen} |", flush=True)


def size() -> None:
    print("\nExpected samples / those of a fixed-n Hotelling test that finds the bias with probability 0.9\n")
    print(
        "| family | d | α | fixed n | power | E n / fixed n | at equal power | mixture | unbiased CONSISTENT at 1e-3 |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for family in ("normal", "exponential", "t3", "lognormal"):
        for d in (1, 3, 6):
            for alpha, fixed in ((0.05, 5_000), (1e-3, 5_000), (1e-6, 5_000), (1e-6, 20_000)):
                if fixed > 5_000 and d != 3:
                    continue
                runs, rank = 60, max(1, d - 1)
                along, sd = worst_direction(d)
                length = sd * np.sqrt(f_noncentrality(rank, fixed - rank, alpha, 0.9) / fixed)
                looks = Looks.planned(
                    dimension=d, first_look=200, budget=6 * fixed, growth=1.5, rarest=None, rate=alpha
                )
                counts = np.array(looks.counts)
                outcomes = simulate(family, d, looks, (alpha,), runs, 5, bias=length * along, chunk=20)
                found, mixture = outcomes.biased[0], outcomes.mixture[0]
                mean = counts[found].mean()  # −1, never found, is the last: the budget
                mixed = counts[mixture].mean()
                power = (found >= 0).mean()
                fair = HotellingTest(alpha, power=min(power, 0.99)).samples_needed(
                    sd**2 * np.eye(rank), length * np.eye(rank)[0]
                )
                calm = simulate(family, d, looks, (1e-3,), runs, 6, limit=length, chunk=20).consistent[0]
                calm_mean = counts[calm].mean()
                print(
                    f"| {family} | {d} | {alpha:g} | {fixed} | {power:.2f} | {mean / fixed:.2f} | {mean / fair:.2f} "
                    f"| {mixed / fixed:.2f} | {calm_mean / fixed:.2f} (found {(calm >= 0).mean():.2f}) |",
                    flush=True,
                )


if __name__ == "__main__":
    began = time.process_time()
    for name, part in (("null", null), ("consistent", consistent), ("size", size)):
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            part()
    print(f"\n{time.process_time() - began:.0f} CPU seconds")
