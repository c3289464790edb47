"""Exact moments: seconds, growth with the horizon, memory.

Run as a script, it prints one table after the other; with `speed`, `growth` or `memory` as argument, that table alone.
Wall and CPU time are both given, of the better of two runs: on a shared machine the wall clock says more about the
neighbours. The third number is the time in units of one dense product [S, S] × [S, d]; a step takes three or more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from pgverify import FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, exact
from pgverify.baselines import StateValue
from pgverify.estimators import Estimator, NStepAdvantage, TotalReturn
from pgverify.estimators.usual import usual_estimators
from pgverify.mdps.random_mdps import garnet

ESTIMATORS: dict[str, Estimator] = {
    **usual_estimators(),
    "total return − V": TotalReturn(StateValue()),
    "1-step actor-critic": NStepAdvantage(1),
    "3-step actor-critic": NStepAdvantage(3),
}
TARGET, TARGET_FULL = 5.0, 0.2
"""Seconds on two cores."""


def dense(states: int, actions: int) -> TabularMDP:
    """Return an MDP in which every state can follow every other: the worst case."""
    rng = np.random.default_rng(0)
    transition = rng.dirichlet(np.ones(states), (states, actions))
    return TabularMDP(np.full(states, 1.0 / states), transition, rng.normal(size=(states, actions, states)))


def problem(kind: str, states: int, actions: int, horizon: int) -> Problem:
    """Return a problem with a random policy; Garnet has five next states for every pair."""
    mdp = dense(states, actions) if kind == "dense" else garnet(states, actions, 5, 0)
    logits = np.random.default_rng(1).normal(size=(states, actions))
    return Problem(mdp, SoftmaxPolicy(logits), FiniteHorizon(horizon, 0.99))


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Return wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def product_seconds(states: int, size: int) -> float:
    """Return the wall time of one dense product [S, S] × [S, d], the better of a few."""
    left, right = np.ones((states, states)), np.ones((states, size))
    return min(timed(lambda: [left @ right for _ in range(20)])[0] / 20 for _ in range(3))


def speed() -> None:
    print(f"S = 300, A = 4, T = 100 (d = 1,200): target {TARGET:g} s on two cores")
    print(f"{'problem':8}{'estimator':22}{'form':10}{'wall s':>8}{'CPU s':>8}{'products':>10}")
    for kind in ("dense", "garnet"):
        case = problem(kind, 300, 4, 100)
        for name, estimator in ESTIMATORS.items():
            for form in ("diagonal", "trace"):
                unit = product_seconds(300, 1_200)
                wall, cpu = min(timed(lambda e=estimator, f=form, c=case: exact.moments(e, c, f)) for _ in range(2))
                print(f"{kind:8}{name:22}{form:10}{wall:8.2f}{cpu:8.2f}{wall / unit:10.0f}", flush=True)
    print(f"\nS = 20, A = 4, T = 50 (d = 80), full covariance: target {TARGET_FULL:g} s; the median of nine")
    case = problem("dense", 20, 4, 50)
    for name, estimator in ESTIMATORS.items():
        runs = sorted(timed(lambda e=estimator: exact.moments(e, case)) for _ in range(9))
        print(f"{'dense':8}{name:22}{'full':10}{runs[4][0]:8.3f}{runs[4][1]:8.3f}", flush=True)


def growth() -> None:
    print("\nCPU seconds against T (trace, dense S = 100, A = 4, one thread); a ratio of 2 between columns is linear")
    horizons = (25, 50, 100, 200)
    print(f"{'estimator':22}" + "".join(f"{f'T = {T}':>9}" for T in horizons) + "   ratios")
    for name, estimator in ESTIMATORS.items():
        seconds = []
        for horizon in horizons:
            case = problem("dense", 100, 4, horizon)
            seconds.append(min(timed(lambda e=estimator, c=case: exact.moments(e, c, "trace"))[1] for _ in range(5)))
        ratios = ", ".join(f"{b / a:.2f}" for a, b in pairwise(seconds))
        print(f"{name:22}" + "".join(f"{s:9.3f}" for s in seconds) + f"   {ratios}", flush=True)


def memory() -> None:
    print("\nPeak memory (diagonal, T = 30): what is left beyond the tables [S, A, S], in arrays of S·d doubles")
    print("tables: 8·S·A·S bytes each; the step law holds some copies of them, and so does every step")
    print(
        f"{'problem':8}{'estimator':22}{'S':>5}{'d':>6}{'peak MB':>9}{'S·d MB':>8}{'peak/(S·d)':>12}{'[d, d] MB':>11}"
    )
    for kind in ("dense", "garnet"):
        for states, actions in ((100, 4), (200, 4), (400, 4)):
            case = problem(kind, states, actions, 30)
            size = states * actions
            for name in ("reward-to-go", "total return", "3-step actor-critic"):
                tracemalloc.start()
                exact.moments(ESTIMATORS[name], case, "diagonal")
                peak = tracemalloc.get_traced_memory()[1] / 1e6
                tracemalloc.stop()
                unit = states * size * 8 / 1e6
                print(
                    f"{kind:8}{name:22}{states:5}{size:6}{peak:9.1f}{unit:8.2f}{peak / unit:12.1f}"
                    f"{size * size * 8 / 1e6:11.1f}",
                    flush=True,
                )


def on_one_thread(part: str) -> None:
    """Run a part in a process of its own with one BLAS thread: several, waiting for a busy core, can cost ten times."""
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    subprocess.run([sys.executable, __file__, part], env=os.environ | one, check=True)


PARTS = {"speed": speed, "growth": growth, "memory": memory}

if __name__ == "__main__":
    if sys.argv[1:]:
        PARTS[sys.argv[1]]()
    else:
        speed()
        on_one_thread("growth")
        memory()
