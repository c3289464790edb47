"""Ours beside what a user would otherwise write: `make benchmark-speed` writes reports/speed.md and .csv.

`make benchmark-compare` measures again, and says which ratio fell by more than 20 % since; it then ends with 1. With
`--quick`, two turns a line, and nothing is written: whether everything runs.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys

import growth
import lines
import many_states
import page


def main(options: list[str]) -> int:
    measured = lines.every_line(quick="--quick" in options)
    for row in measured:
        print(f"{row.line:70s} {row.work:20s} {row.taken:10.3g} {row.unit:10s} {row.ratio:8.2f}", flush=True)
    if "--compare" in options:
        fell = page.fallen(measured)
        print("\n".join(fell) or "no ratio fell by more than 20 %")
        return 1 if fell else 0
    if "--quick" not in options:
        memory = {f"{steps:,} sampled steps": growth.peak(steps) for steps in (10**6, 10**7, 10**8)}
        memory["J and ∇J at S = 100,000, the matrix held, too"] = many_states.peak()
        page.write(measured, growth.every_slope(), memory, growth.two_workers(pairs=5))
        print(f"written: {page.REPORTS / 'speed.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
