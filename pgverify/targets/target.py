"""A target: a named vector that a loss may claim as its ascent direction, computed exactly on a token problem."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array


class Target(ABC):
    """What a loss may claim to estimate; targets add up, and a number times a target is one."""

    @abstractmethod
    def vector(self, problem: TokenProblem, group_size: int) -> Float[Array, "d"]:
        """Return the ascent direction on a problem [d], exactly.

        Parameters
        ----------
        problem : TokenProblem
        group_size : int
            G, completions of a prompt.
        """

    @property
    @abstractmethod
    def formula(self) -> str:
        """The vector as a formula, such as "∇E[R]"."""

    @property
    @abstractmethod
    def words(self) -> str:
        """The vector in words."""

    @property
    def effect(self) -> str:
        """What following it does, compared with ∇J; empty where that is the same."""
        return ""

    @property
    def source(self) -> str:
        """Where it is derived or used."""
        return ""

    def __add__(self, other: Target) -> Target:
        return TargetSum((*_terms(self), *_terms(other)))

    def __rmul__(self, factor: float) -> Target:
        return TargetSum(tuple(WeightedTarget(factor * one.weight, one.target) for one in _terms(self)))

    def __neg__(self) -> Target:
        return -1.0 * self

    def __sub__(self, other: Target) -> Target:
        return self + -other


@dataclass(frozen=True)
class WeightedTarget:
    """A number times a target."""

    weight: float
    target: Target


@dataclass(frozen=True)
class TargetSum(Target):
    """A weighted sum of targets."""

    terms: tuple[WeightedTarget, ...]

    def vector(self, problem: TokenProblem, group_size: int) -> Float[Array, "d"]:
        """Return Σ w · vector."""
        total = np.zeros(len(problem.policy.parameters))
        for term in self.terms:
            total = total + term.weight * term.target.vector(problem, group_size)
        return total

    @property
    def formula(self) -> str:
        """The sum of the formulas."""
        parts = [f"{_times(term.weight)}{term.target.formula}" for term in self.terms]
        return parts[0] + "".join(f" − {part[1:]}" if part.startswith("−") else f" + {part}" for part in parts[1:])

    @property
    def words(self) -> str:
        """The words, one after another."""
        return " plus ".join(f"{_times(term.weight)}{term.target.words}" for term in self.terms)

    @property
    def effect(self) -> str:
        """The effects of the terms that have one."""
        return "; ".join(dict.fromkeys(term.target.effect for term in self.terms if term.target.effect))

    @property
    def source(self) -> str:
        """The sources of the terms."""
        return ", ".join(dict.fromkeys(term.target.source for term in self.terms if term.target.source))


def _terms(target: Target) -> tuple[WeightedTarget, ...]:
    return target.terms if isinstance(target, TargetSum) else (WeightedTarget(1.0, target),)


def _times(weight: float) -> str:
    return "" if weight == 1.0 else f"{weight:g} × "
