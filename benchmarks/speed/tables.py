"""The problems that all libraries are given, as plain tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import pgverify as pgv


@dataclass(frozen=True)
class Tables:
    """Start [S], transition [S, A, S], reward [S, A, S], T and γ."""

    start: np.ndarray
    transition: np.ndarray
    reward: np.ndarray
    horizon: int
    discount: float = 0.95

    @classmethod
    def of(cls, states: int, actions: int, horizon: int, successors: int | None = None) -> Tables:
        """Return random tables in which all states, or so many of them, can follow."""
        rng = np.random.default_rng(0)
        transition = rng.dirichlet(np.ones(states), (states, actions))
        if successors is not None:
            transition[rng.random(transition.shape).argsort(axis=2) >= successors] = 0.0
            transition /= transition.sum(axis=2, keepdims=True)
        return cls(rng.dirichlet(np.ones(states)), transition, rng.normal(size=transition.shape), horizon)

    @property
    def shape(self) -> tuple[int, int]:
        """(S, A)."""
        return self.transition.shape[:2]

    def problem(self) -> pgv.Problem:
        """Return the same for us, at θ = 0."""
        mdp = pgv.TabularMDP(self.start, self.transition, self.reward)
        return pgv.Problem(mdp, pgv.SoftmaxPolicy(np.zeros(self.shape)), pgv.FiniteHorizon(self.horizon, self.discount))

    def parameters(self, number: int) -> list[np.ndarray]:
        """So many vectors θ [S·A]."""
        return list(np.random.default_rng(1).normal(size=(number, self.shape[0] * self.shape[1])))
