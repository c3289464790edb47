"""The long way round: plain loops over the definitions, sharing no code with pgverify but the tables themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from pgverify.mdp import TabularMDP
from pgverify.policies import Policy
from pgverify.problem import FiniteHorizon, Problem
from pgverify.trajectories import Trajectories

TINY_STEP = 1e-20
"""Complex step: its square vanishes beside one, its product with a probability of 1e-280 is still a number."""


def relative_error(first: np.ndarray, second: np.ndarray) -> float:
    """Return max|a − b| / max(max|a|, max|b|), and 0 where both are zero."""
    largest = max(np.abs(first).max(initial=0.0), np.abs(second).max(initial=0.0))
    return float(np.abs(first - second).max(initial=0.0) / largest) if largest > 0 else 0.0


@dataclass(frozen=True)
class Path:
    """One trajectory, s_0 a_0 r_0 s_1 ..., with its probability."""

    probability: float
    states: tuple[int, ...]
    actions: tuple[int, ...]
    rewards: tuple[float, ...]


def walk(problem: Problem) -> Iterator[Path]:
    """Yield every trajectory of a finite-horizon problem, by recursion over its steps."""
    assert isinstance(problem.objective, FiniteHorizon)
    mdp, horizon, policy = problem.mdp, problem.objective.horizon, problem.policy.probabilities()

    def extend(path: Path) -> Iterator[Path]:
        state = path.states[-1]
        if len(path.actions) == horizon or mdp.terminal[state]:
            yield path
            return
        for action in range(mdp.num_actions):
            for following in range(mdp.num_states):
                chance = path.probability * policy[state, action] * mdp.transition[state, action, following]
                if policy[state, action] > 0 and mdp.transition[state, action, following] > 0:
                    yield from extend(
                        Path(
                            chance,
                            (*path.states, following),
                            (*path.actions, action),
                            (*path.rewards, float(mdp.reward[state, action, following])),
                        )
                    )

    for state in range(mdp.num_states):
        if mdp.start[state] > 0:
            yield from extend(Path(float(mdp.start[state]), (state,), (), ()))


def score_by_complex_step(policy: Policy) -> np.ndarray:
    """Return ∇ log π(a|s) [S, A, d] as Im log π(θ + ihe_j)/h: uses the first door of the policy alone."""
    theta = policy.parameters
    columns = [
        np.log(policy.with_parameters(theta + 1j * TINY_STEP * unit).probabilities()).imag / TINY_STEP
        for unit in np.eye(len(theta))
    ]
    return np.stack(columns, axis=-1)


def feature_size(policy: Policy) -> float:
    """Return max|φ|/100 for linear features, 0 for the tabular softmax: what rounding in a score is relative to.

    ψ = φ − Σ_b π_b φ_b loses digits where actions share a feature and nearly all the probability: an entry of ψ
    that should be 1e-18 may come out as 0. With tolerances of 1e-12, a hundredth of |φ| allows errors of 1e-14 |φ|.
    """
    features = getattr(policy, "features", None)
    return 0.0 if features is None else float(np.abs(features).max()) / 100.0


def expectation(contributions: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return Σ_τ P(τ) g(τ)."""
    return probabilities @ contributions


def score_scale(batch: Trajectories, probabilities: np.ndarray) -> float:
    """Return max_j Σ_τ P(τ) Σ_t |ψ_j(s_t,a_t)|: what an error of 1 in every weight would do to the expectation."""
    absolute = np.abs(score_by_complex_step(batch.policy))
    total = np.zeros(absolute.shape[-1])
    for t in range(batch.num_steps):
        weight = np.where(batch.mask[:, t], probabilities, 0.0)
        total += weight @ absolute[batch.states[:, t], batch.actions[:, t]]
    return float(total.max(initial=0.0))


def weight_scale(batch: Trajectories, probabilities: np.ndarray, baseline: float = 0.0) -> float:
    """Return the size of the terms an estimator adds up: `score_scale` × (largest Σ_t |r_t| + largest |b|).

    Rounding errors are relative to this, not to the gradient, which may be the small difference of such terms.
    """
    paid = np.abs(batch.rewards).sum(axis=1).max(initial=0.0)
    score = score_scale(batch, probabilities) + feature_size(batch.policy)
    return score * (float(paid) + baseline) + 1e-300


def binomial_bounds(trials: int, probability: float, rate: float) -> tuple[int, int]:
    """Return counts outside which a binomial falls with probability at most `rate`, all of it where p is 0 or 1."""
    if probability <= 0.0:
        return 0, 0
    if probability >= 1.0 - 1e-15:
        return trials, trials
    return int(binom.ppf(rate / 2, trials, probability)), int(binom.isf(rate / 2, trials, probability))


def bandit(reward: tuple[float, ...] = (1.0, 0.7, 0.0)) -> TabularMDP:
    """Return the one-state, one-step bandit of the design notes: one action an arm."""
    arms = len(reward)
    return TabularMDP(start=[1.0], transition=np.ones((1, arms, 1)), reward=[list(reward)])
