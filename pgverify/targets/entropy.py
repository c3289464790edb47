"""The entropy bonus of a loss: token by token, with the states held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.kinds import known_arguments
from pgverify.targets.arguments import coefficient_of
from pgverify.targets.sums import over_prefixes
from pgverify.targets.target import Target
from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array, settle


@known_arguments
@dataclass(frozen=True)
class StateEntropy(Target):
    """β Σ_t E_s ∇H(π_θ(·|s)): the prefixes are held where the sampler leads.

    Parameters
    ----------
    coefficient : number
        β.

    References
    ----------
    Mnih et al., Asynchronous methods for deep reinforcement learning, 2016.
    """

    coefficient: float = 1.0

    def __post_init__(self) -> None:
        settle(self, coefficient=coefficient_of(self.coefficient))

    def vector(self, problem: TokenProblem, group_size: int) -> Float[Array, "d"]:  # noqa: ARG002
        """Return −β Σ_s d(s) Σ_a π log π ψ [d]."""
        pi = problem.policy.probabilities()
        return -self.coefficient * over_prefixes(problem, pi * np.log(pi))

    @property
    def formula(self) -> str:
        """Of tokens."""
        return f"{self.coefficient:g} Σ_t E_s ∇H(π)"

    @property
    def words(self) -> str:
        """Of tokens."""
        return "the entropy bonus of tokens, states held"

    @property
    def source(self) -> str:
        """A3C."""
        return "arXiv:1602.01783"
