"""The numbers of a report by another route: every trajectory listed, every formula written out once more."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import chi2

from pgverify import FiniteHorizon, Problem, SoftmaxPolicy, TabularMDP, exact


def small_chain(discount: float = 0.8, horizon: int = 3) -> Problem:
    """Return three states, two actions, two successors each: a few hundred trajectories, one state terminal."""
    rng = np.random.default_rng(11)
    transition = np.zeros((3, 2, 3))
    transition[:2] = rng.dirichlet(np.ones(3), (2, 2))
    transition[2, :, 2] = 1.0
    reward = np.zeros((3, 2, 3))
    reward[:2] = rng.normal(size=(2, 2, 3)) + 0.5
    mdp = TabularMDP([0.6, 0.4, 0.0], transition, reward, terminal=[False, False, True])
    return Problem(mdp, SoftmaxPolicy(rng.normal(size=(3, 2))), FiniteHorizon(horizon, discount))


def listed(estimator: Any, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of the contributions, weighted by the probabilities of their trajectories."""
    batch, probability = exact.enumerate_trajectories(problem)
    rows = np.asarray(estimator(batch))
    mean = probability @ rows
    return mean, (rows - mean).T @ (probability[:, None] * (rows - mean))


def listed_row(estimator: Any, problem: Problem, size: int, error: float, confidence: float) -> dict[str, float]:
    """Return the numbers of a row of the table, from the listed contributions alone."""
    batch, probability = exact.enumerate_trajectories(problem)
    truth = exact.gradient_by_complex_step(problem)
    mean, covariance = listed(estimator, problem)
    trace, norm = np.trace(covariance), np.linalg.norm(truth)
    bias = np.linalg.norm(mean - truth)
    bias = 0.0 if bias < 1e-12 else bias
    unit = truth / norm
    across = mean - unit * (unit @ mean)
    perpendicular = trace - unit @ covariance @ unit
    freedom = trace**2 / (covariance**2).sum()
    quantile = chi2.isf(1 - confidence, freedom) / freedom
    margin = error * norm - bias
    needed = np.ceil(trace * quantile / margin**2) if margin > 0 else np.nan
    return {
        "trace": trace,
        "relative_bias": bias / norm,
        "signal_to_noise": norm**2 / trace,
        "cosine": unit @ mean / np.sqrt((unit @ mean) ** 2 + across @ across + perpendicular / size),
        "trajectories": needed,
        "environment_steps": needed * (probability @ batch.lengths),
    }
