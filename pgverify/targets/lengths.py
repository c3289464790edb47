"""What dividing by a completion's own length estimates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.kinds import known_arguments
from pgverify.targets.arguments import ADVANTAGES, coefficient_of, one_of
from pgverify.targets.group_advantages import own_advantages
from pgverify.targets.sums import over_completions
from pgverify.targets.target import Target
from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array, settle


@known_arguments
@dataclass(frozen=True)
class LengthNormalised(Target):
    """E[A/L Σ_t ψ_t]: without baseline ∇E[R/L], with leave-one-out advantages ∇E[(R − sg V)/L], V = E[R|x].

    Parameters
    ----------
    advantages : "leave-one-out", "own-mean" or "none"

    References
    ----------
    Shao et al., DeepSeekMath (GRPO), 2024; Liu et al., Understanding R1-Zero-like training (Dr. GRPO), 2025.
    """

    advantages: str = "leave-one-out"

    def __post_init__(self) -> None:
        one_of("advantages", self.advantages, ADVANTAGES)

    def vector(self, problem: TokenProblem, group_size: int) -> Float[Array, "d"]:
        """Return it on completions of π_θ, whoever drew them, and the others of a group as they were drawn [d]."""
        table = problem.completions
        mean = [
            own_advantages(self.advantages, rewards, chances, group_size).mean()
            for rewards, chances in zip(table.rewards, problem.chances, strict=True)
        ]
        return over_completions(
            problem, problem.policy, (np.array(mean) / table.lengths)[:, :, None] + 0.0 * table.mask
        )

    @property
    def formula(self) -> str:
        """With what is subtracted."""
        return "∇E[R/L]" if self.advantages == "none" else "∇E[(R − sg V)/L]"

    @property
    def words(self) -> str:
        """Of the objective it belongs to."""
        return "the gradient of the advantage divided by the completion's own length"

    @property
    def effect(self) -> str:
        """Compared with ∇J."""
        return "favours short answers where they are right and long ones where they are wrong"

    @property
    def source(self) -> str:
        """Dr. GRPO."""
        return "arXiv:2402.03300, arXiv:2503.20783"


@known_arguments
@dataclass(frozen=True)
class LengthBonus(Target):
    """−β ∇E[1/L]: what a term of expectation zero becomes when each completion's is divided by its length.

    Parameters
    ----------
    coefficient : number
        β, above 0 where long completions are rewarded.
    """

    coefficient: float = 1.0

    def __post_init__(self) -> None:
        settle(self, coefficient=coefficient_of(self.coefficient))

    def vector(self, problem: TokenProblem, group_size: int) -> Float[Array, "d"]:  # noqa: ARG002
        """Return −β E[1/L Σ_t ψ_t] [d]."""
        table = problem.completions
        weights = (1.0 / table.lengths)[:, :, None] + 0.0 * table.mask
        return -self.coefficient * over_completions(problem, problem.policy, weights)

    @property
    def formula(self) -> str:
        """Of lengths."""
        return f"−{self.coefficient:g} ∇E[1/L]"

    @property
    def words(self) -> str:
        """Of lengths."""
        return "a bonus for length"

    @property
    def effect(self) -> str:
        """Of a bonus."""
        return "changes the length of answers, whatever they earn"
