"""KL penalties: of whole sequences, or token by token with the states held."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.bonus import KL
from pgverify.exact import gradient
from pgverify.kinds import known_arguments
from pgverify.targets.arguments import coefficient_of, one_of
from pgverify.targets.sums import over_prefixes
from pgverify.targets.target import Target
from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array, settle

DIRECTIONS = ("reverse", "forward")


@known_arguments
@dataclass(frozen=True)
class SequenceKL(Target):
    """−β ∇KL(π_θ(y|x) ‖ π_ref(y|x)), of whole completions: a token also pays for the prefixes it leads to.

    Parameters
    ----------
    coefficient : number
        β.

    References
    ----------
    arXiv:2512.21852; arXiv:2510.01555.
    """

    coefficient: float = 1.0

    def __post_init__(self) -> None:
        settle(self, coefficient=coefficient_of(self.coefficient))

    def vector(self, problem: TokenProblem, group_size: int) -> Float[Array, "d"]:  # noqa: ARG002
        """Return −β ∇KL at θ [d]: the part of ∇J that the divergence adds when it is paid as a reward."""
        plain = problem.problem
        paid = replace(plain, objective=replace(plain.objective, bonus=KL(problem.reference, self.coefficient)))
        return np.asarray(gradient(paid)) - np.asarray(gradient(plain))

    @property
    def formula(self) -> str:
        """Of sequences."""
        return f"−{self.coefficient:g} ∇KL(π‖ref)"

    @property
    def words(self) -> str:
        """Of sequences."""
        return "the KL penalty of whole sequences"

    @property
    def source(self) -> str:
        """Where it is derived."""
        return "arXiv:2512.21852"


@known_arguments
@dataclass(frozen=True)
class StateKL(Target):
    """−β Σ_t E_s ∇KL(π_θ(·|s) ‖ π_ref(·|s)): the prefixes are held where the sampler leads; "forward": ∇KL(ref‖π).

    Parameters
    ----------
    coefficient : number
        β.
    direction : "reverse" or "forward"

    References
    ----------
    arXiv:2512.21852; arXiv:2510.01555.
    """

    coefficient: float = 1.0
    direction: str = "reverse"

    def __post_init__(self) -> None:
        settle(self, coefficient=coefficient_of(self.coefficient))
        one_of("direction", self.direction, DIRECTIONS, "'reverse' (π‖ref) or 'forward' (ref‖π)")

    def vector(self, problem: TokenProblem, group_size: int) -> Float[Array, "d"]:  # noqa: ARG002
        """Return −β Σ_s d(s) Σ_a π log(π/ref) ψ, or +β Σ_s d(s) Σ_a ref ψ [d]."""
        pi, reference = problem.policy.probabilities(), problem.reference.probabilities()
        weights = -pi * np.log(pi / reference) if self.direction == "reverse" else reference
        return self.coefficient * over_prefixes(problem, weights)

    @property
    def formula(self) -> str:
        """With its direction."""
        return f"−{self.coefficient:g} Σ_t E_s ∇KL({'π‖ref' if self.direction == 'reverse' else 'ref‖π'})"

    @property
    def words(self) -> str:
        """With its direction."""
        return f"the {self.direction} KL penalty of tokens, states held"

    @property
    def effect(self) -> str:
        """Compared with the divergence of sequences."""
        return "no token pays for the prefixes it leads to"

    @property
    def source(self) -> str:
        """Where it is derived."""
        return "arXiv:2512.21852"
