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
        "leave-one-out (coupled)": pgv.bugs.get("group-mean-self").correct,
    }
    for name, implementation in cases.items():
        start = time.perf_counter()
        report = pgv.check(implementation)
        print(f"{name:28s} {report.outcome.value:12s} {time.perf_counter() - start:.2f} s")
    taken = []
    for bug in pgv.bugs.ENTRIES:
        start = time.perf_counter()
        report = pgv.check(bug.implementation, target=bug.target)
        taken.append((time.perf_counter() - start, bug.slug, report.outcome.value))
    print("slowest of the catalogue:")
    for seconds, slug, outcome in sorted(taken, reverse=True)[:3]:
        print(f"{slug:28s} {outcome:12s} {seconds:.2f} s")


if __name__ == "__main__":
    main()
