"""Problems with many states and few successors: seconds and memory.

Run as a script, it prints one line after the other; with the names of lines as arguments, those alone. Every line is
measured in processes of their own, three times, and the quickest counts: on a shared machine the others say more about
the neighbours. Memory is the peak of the whole process, 70 MB of which are the libraries'.

Aims on two cores: J, ∇J and occupancy at S = 100,000 within 5 s and 2 GB; the trace at S = 1,000 within 10 s;
`score_weighted` within 0.1 s.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.sparse import csr_array

from pgverify import FiniteHorizon, LinearSoftmaxPolicy, Problem, SoftmaxPolicy, TabularMDP, exact, sample
from pgverify.baselines import StateValue
from pgverify.estimators import RewardToGo
from pgverify.policies import Policy

ACTIONS, SUCCESSORS, FEATURES = 4, 10, 10
PROCESSES = 3


def transitions(states: int) -> csr_array:
    """Return random transitions [S·A, S] to ten next states."""
    rng = np.random.default_rng(0)
    rows = states * ACTIONS
    weight = rng.random((rows, SUCCESSORS))
    weight /= weight.sum(axis=1, keepdims=True)
    columns = rng.integers(states, size=(rows, SUCCESSORS))
    starts = np.arange(0, rows * SUCCESSORS + 1, SUCCESSORS)
    return csr_array((weight.ravel(), columns.ravel(), starts), shape=(rows, states))


def process(states: int) -> TabularMDP:
    """Return an MDP with these transitions and random rewards."""
    reward = np.random.default_rng(1).normal(size=(states, ACTIONS))
    return TabularMDP(np.full(states, 1.0 / states), transitions(states), reward)


def problem(states: int, horizon: int, linear: bool = False) -> Problem:
    """Return it under a random policy: one parameter a state and action, or ten in all."""
    rng = np.random.default_rng(2)
    policy: Policy = SoftmaxPolicy(rng.normal(size=(states, ACTIONS)))
    if linear:
        policy = LinearSoftmaxPolicy(rng.normal(size=(states, ACTIONS, FEATURES)), np.zeros(FEATURES))
    return Problem(process(states), policy, FiniteHorizon(horizon, 0.99))


def building(states: int) -> Callable[[], object]:
    """Return the building of an MDP from a matrix that is there."""
    matrix = transitions(states)
    start, reward = np.full(states, 1.0 / states), np.zeros((states, ACTIONS))
    return lambda: TabularMDP(start, matrix, reward)


def solving(compute: Callable[[Problem], object]) -> Callable[[], object]:
    """Return an exact computation at S = 100,000, T = 100."""
    large = problem(100_000, 100)
    return lambda: compute(large)


def all_three(large: Problem) -> object:
    """Return J, ∇J and the occupancy, which share the values and the visits."""
    return exact.expected_return(large), exact.gradient(large), exact.occupancy(large)


def trace(states: int, linear: bool = False, estimator: RewardToGo | None = None) -> Callable[[], object]:
    """Return the trace of the covariance of reward-to-go at T = 100."""
    case = problem(states, 100, linear)
    return lambda: exact.moments(estimator or RewardToGo(), case, "trace")


def weighting() -> Callable[[], object]:
    """Return `score_weighted` on 1,000 trajectories of 50 steps among 2,000 states."""
    batch = sample(problem(2_000, 50), 1_000)
    weights = np.random.default_rng(3).normal(size=batch.actions.shape)
    batch.score_weighted(weights)  # what a batch looks up once is not what is measured
    return lambda: batch.score_weighted(weights)


LINES: dict[str, Callable[[], Callable[[], object]]] = {
    "build": partial(building, 100_000),
    "J": partial(solving, exact.expected_return),
    "gradient": partial(solving, exact.gradient),
    "occupancy": partial(solving, exact.occupancy),
    "all-three": partial(solving, all_three),
    "trace-250": partial(trace, 250),
    "trace-500": partial(trace, 500),
    "trace-1000": partial(trace, 1_000),
    "trace-1000-baseline": partial(trace, 1_000, estimator=RewardToGo(StateValue())),
    "trace-250-linear": partial(trace, 250, linear=True),
    "trace-500-linear": partial(trace, 500, linear=True),
    "trace-1000-linear": partial(trace, 1_000, linear=True),
    "score-weighted": weighting,
}


def measure(name: str) -> None:
    """Print seconds, and megabytes of the whole process."""
    run = LINES[name]()
    start = time.perf_counter()
    run()
    seconds = time.perf_counter() - start
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)


def main(names: list[str]) -> None:
    print(f"S = 100,000, or the number in the name; A = {ACTIONS}, K = {SUCCESSORS}, T = 100")
    print(f"{'line':22}{'seconds':>9}{'peak MB':>9}")
    for name in names:
        runs = []
        for _ in range(PROCESSES):
            ran = subprocess.run(
                [sys.executable, __file__, "measure", name], capture_output=True, text=True, check=True
            )
            runs.append([float(word) for word in ran.stdout.split()])
        seconds, megabytes = np.min(runs, axis=0)
        print(f"{name:22}{seconds:9.3f}{megabytes:9.0f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure(sys.argv[2])
    else:
        main(sys.argv[1:] or list(LINES))
