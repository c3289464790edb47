"""Random problems with real actions whose averages over the Gaussian are known in closed form: no quadrature here.

E sin(ω·a + φ) = sin(ω·μ + φ) e^{−Σ ω²σ²/2},  E a = μ,  E a² = μ² + σ²,  E a³ = μ³ + 3μσ²  for a ~ N(μ, σ²).

All of it is analytic in μ and σ: complex steps through it give ∇J.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import pgverify as pgv
from pgverify import ContinuousMDP, FiniteHorizon, GaussianPolicy, Problem

STEP = 1e-30


@dataclass(frozen=True)
class Waves:
    """P(s'|s,a) = p(s,s') + c(s,s') sin(ω_s·a + φ_s), r(s,a) = Σ_k q_k(s) a_1^k + b(s) sin(ν_s·a)."""

    start: np.ndarray
    base: np.ndarray
    swing: np.ndarray
    frequency: np.ndarray
    phase: np.ndarray
    powers: np.ndarray
    wave: np.ndarray
    pitch: np.ndarray
    features: np.ndarray
    terminal: np.ndarray
    horizon: int
    discount: float

    def transition(self, state: int, actions: np.ndarray) -> np.ndarray:
        swing = np.sin(actions @ self.frequency[state] + self.phase[state])
        return self.base[state] + swing[:, None] * self.swing[state]

    def reward(self, state: int, actions: np.ndarray) -> np.ndarray:
        powers = actions[:, :1] ** np.arange(4)
        return powers @ self.powers[state] + self.wave[state] * np.sin(actions @ self.pitch[state])

    def problem(self, mean_weights: np.ndarray, log_std: np.ndarray) -> Problem:
        mdp = ContinuousMDP(self.start, self.transition, self.reward, self.terminal, self.frequency.shape[1])
        policy = GaussianPolicy(self.features, mean_weights, log_std)
        return Problem(mdp, policy, FiniteHorizon(self.horizon, self.discount))

    def chain(self, mean_weights: np.ndarray, log_std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return P_π and r_π, averaged by hand."""
        mean, variance = self.features @ mean_weights, np.exp(2 * log_std)
        swing = np.sin((mean * self.frequency).sum(1) + self.phase) * np.exp(-(self.frequency**2 @ variance) / 2)
        first, spread = mean[:, 0], variance[0]
        moments = np.stack([first**0, first, first**2 + spread, first**3 + 3 * first * spread], axis=1)
        wave = np.sin((mean * self.pitch).sum(1)) * np.exp(-(self.pitch**2 @ variance) / 2)
        step = self.base + swing[:, None] * self.swing
        paid = (moments * self.powers).sum(1) + self.wave * wave
        step = np.where(self.terminal[:, None], np.eye(len(step)), step)
        return step, np.where(self.terminal, 0.0, paid)

    def expected_return(self, mean_weights: np.ndarray, log_std: np.ndarray) -> complex:
        step, paid = self.chain(mean_weights, log_std)
        value = np.zeros(len(paid))
        for _ in range(self.horizon):
            value = paid + self.discount * step @ value
        return self.start @ value

    def gradient(self, mean_weights: np.ndarray, log_std: np.ndarray) -> np.ndarray:
        theta = np.concatenate([mean_weights.ravel(), log_std])
        size, shape = mean_weights.size, mean_weights.shape
        moved = [theta + 1j * STEP * unit for unit in np.eye(len(theta))]
        return np.array([self.expected_return(x[:size].reshape(shape), x[size:]).imag / STEP for x in moved])


def random_waves(rng: np.random.Generator) -> tuple[Waves, np.ndarray, np.ndarray]:
    """Return a problem of 1 to 4 states, 1 or 2 dimensions and 1 to 5 steps, with a policy for it."""
    states, dimensions = int(rng.integers(1, 5)), int(rng.integers(1, 3))
    base = 0.5 * rng.dirichlet(np.ones(states), size=states) + 0.5 / states
    swing = rng.normal(size=(states, states))
    swing -= swing.mean(axis=1, keepdims=True)  # rows still sum to one
    swing *= 0.9 * base.min() / np.maximum(np.abs(swing).max(), 1e-9)
    terminal = np.zeros(states, dtype=bool)
    if states > 1 and rng.random() < 0.5:
        terminal[-1] = True
    features = np.eye(states) if rng.random() < 0.5 else rng.normal(size=(states, int(rng.integers(1, 3))))
    waves = Waves(
        start=rng.dirichlet(np.ones(states)),
        base=base,
        swing=swing,
        frequency=rng.normal(size=(states, dimensions)),
        phase=rng.normal(size=states),
        powers=rng.normal(size=(states, 4)) * np.array([1.0, 1.0, 0.5, 0.2]),
        wave=rng.normal(size=states),
        pitch=1.5 * rng.normal(size=(states, dimensions)),
        features=features,
        terminal=terminal,
        horizon=int(rng.integers(1, 6)),
        discount=float(rng.choice([1.0, 0.9, rng.random()])),
    )
    mean_weights = rng.normal(size=(features.shape[1], dimensions))
    return waves, mean_weights, rng.uniform(-1.5, 0.3, size=dimensions)


def sine_problem(
    mean: float = 0.4, log_std: float = -0.5, learns_std: bool = True, nodes: int | None = None
) -> Problem:
    """Return the bandit with reward sin a: J = sin(μ) e^{−σ²/2}."""
    mdp = ContinuousMDP([1.0], stays, lambda _, actions: np.sin(actions[:, 0]), nodes=nodes)
    return Problem(mdp, GaussianPolicy([[1.0]], [[mean]], [log_std], learns_std=learns_std), FiniteHorizon(1))


def stays(state: int, actions: np.ndarray) -> np.ndarray:
    return np.ones((len(actions), 1))


def in_suite(name: str) -> pgv.Problem:
    (found,) = (entry.problem for entry in pgv.suites.get("continuous") if entry.name == name)
    return found
