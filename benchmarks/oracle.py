"""How long a verdict takes: `python benchmarks/oracle.py`. Aim: 2 s for a NumPy function over the standard suite."""

from __future__ import annotations

import time

import pgverify as pgv


def main() -> None:
    cases = {
        "reward-to-go, first call": pgv.estimators.RewardToGo(),
        "reward-to-go, again": pgv.estimators.RewardToGo(),
        "past-rewards (biased)": pgv.bugs.get("past-rewards").implementation,
        "group-mean-self (coupled)": pgv.bugs.get("group-mean-self").implementation,
    }
    for name, implementation in cases.items():
        start = time.perf_counter()
        report = pgv.check(implementation)
        print(f"{name:28s} {report.outcome.value:8s} {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
