"""Many states, few successors: J and ∇J at new parameters, and the memory of a process that holds its input, too.

As a script it prints the peak in MB of a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

import pgverify as pgv

STATES, ACTIONS, SUCCESSORS, HORIZON = 100_000, 4, 10, 100


def transitions(states: int = STATES) -> csr_array:
    """Return random transitions [S·A, S] to ten next states."""
    rng, rows = np.random.default_rng(0), states * ACTIONS
    weight = rng.random((rows, SUCCESSORS))
    weight /= weight.sum(axis=1, keepdims=True)
    columns = rng.integers(states, size=(rows, SUCCESSORS))
    starts = np.arange(0, rows * SUCCESSORS + 1, SUCCESSORS)
    return csr_array((weight.ravel(), columns.ravel(), starts), shape=(rows, states))


def problem(matrix: csr_array) -> pgv.Problem:
    """Return an MDP with these transitions and random rewards, at θ = 0."""
    states = matrix.shape[1]
    reward = np.random.default_rng(1).normal(size=(states, ACTIONS))
    mdp = pgv.TabularMDP(np.full(states, 1.0 / states), matrix, reward)
    return pgv.Problem(mdp, pgv.SoftmaxPolicy(np.zeros((states, ACTIONS))), pgv.FiniteHorizon(HORIZON, 0.99))


def parameters(number: int, states: int = STATES) -> Iterator[np.ndarray]:
    """Yield so many vectors θ [S·A]."""
    rng = np.random.default_rng(2)
    return (rng.normal(size=states * ACTIONS) for _ in range(number))


def both(here: pgv.Problem, theta: np.ndarray) -> tuple[float, np.ndarray]:
    """Return J and ∇J at θ."""
    there = here.with_parameters(theta)
    return pgv.exact.expected_return(there), pgv.exact.gradient(there)


def peak() -> float:
    """Return the peak memory in MB of a process that holds the matrix, the problem, J and ∇J."""
    command = [sys.executable, str(Path(__file__)), "measure"]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    from growth import highest_megabytes

    held = transitions()
    both(problem(held), next(parameters(1)))
    print(highest_megabytes())
