"""Processor seconds of `check` of every catalogued function, and of honest ones: `python benchmarks/check_time.py`.

Aim: 2 s for a plain function, 4 s for the slowest catalogued one and for honest coupled ones, on one core with the
default `explore`. Lines above their limit are marked, and make the exit code 1. With any argument, only the honest.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import time
from collections.abc import Callable

import numpy as np

import pgverify as pgv
from pgverify.baselines import AverageReturn
from pgverify.estimators import RewardToGo, TotalReturn

PLAIN, COUPLED = 2.0, 4.0
Function = Callable[[pgv.Trajectories], np.ndarray]


def with_baseline(baseline: Callable[[np.ndarray], np.ndarray]) -> Function:
    def function(batch: pgv.Trajectories) -> np.ndarray:
        returns = batch.relative_rewards @ batch.discount_powers
        return batch.score_weighted(np.where(batch.mask, (returns - baseline(returns))[:, None], 0.0))

    return function


def others(returns: np.ndarray) -> np.ndarray:
    return (returns.sum() - returns) / max(len(returns) - 1, 1)


def earlier(returns: np.ndarray) -> np.ndarray:
    return (np.cumsum(returns) - returns) / np.maximum(np.arange(len(returns)), 1)


def in_fives(returns: np.ndarray) -> np.ndarray:
    return np.concatenate([others(returns[i : i + 5]) for i in range(0, len(returns), 5)])


def of_the_other_half(returns: np.ndarray) -> np.ndarray:
    half = len(returns) // 2
    if not half:
        return np.zeros_like(returns)
    return np.where(np.arange(len(returns)) < half, returns[half:].mean(), returns[:half].mean())


def tanh_by_time(batch: pgv.Trajectories) -> np.ndarray:
    to_go = np.cumsum((batch.relative_rewards * batch.discount_powers)[:, ::-1], axis=1)[:, ::-1]
    return batch.score_weighted(to_go - np.tanh((to_go.sum(axis=0) - to_go) / max(len(batch) - 1, 1)))


HONEST: dict[str, tuple[Function, float]] = {
    "reward-to-go": (RewardToGo(), PLAIN),
    "leave-one-out": (TotalReturn(AverageReturn(leave_one_out=True)), COUPLED),
    "mean of earlier rows": (with_baseline(earlier), COUPLED),
    "leave-one-out in fives": (with_baseline(in_fives), COUPLED),
    "mean of the other half": (with_baseline(of_the_other_half), COUPLED),
    "tanh of the others' at each time": (tanh_by_time, COUPLED),
    "tanh of the others' mean": (with_baseline(lambda returns: np.tanh(others(returns))), COUPLED),
}


def seconds(function: Function, target: str, limit: float, name: str) -> bool:
    """Print how long a check takes; return whether that is within the limit."""
    start = time.process_time()
    report = pgv.check(function, target=target)
    taken = time.process_time() - start
    print(f"{name:40s} {report.outcome.value:13s} {taken:5.2f} s{'' if taken <= limit else '  above'}", flush=True)
    return taken <= limit


def main(catalogue: bool) -> int:
    pgv.check(RewardToGo(), explore=0)  # imports, and what is kept of the suite
    within = [seconds(function, "policy_gradient", limit, name) for name, (function, limit) in HONEST.items()]
    if catalogue:
        within += [seconds(bug.implementation, bug.target, COUPLED, bug.slug) for bug in pgv.bugs.ENTRIES]
    return 0 if all(within) else 1


if __name__ == "__main__":
    sys.exit(main(catalogue=len(sys.argv) == 1))
