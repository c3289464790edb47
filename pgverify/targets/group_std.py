"""What dividing by the group's standard deviation estimates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.arrays import LARGEST
from pgverify.errors import InvalidInput
from pgverify.kinds import known_arguments
from pgverify.targets.group_advantages import others
from pgverify.targets.sums import over_completions
from pgverify.targets.target import Target
from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array, require_integer, require_number, settle


@known_arguments
@dataclass(frozen=True)
class GroupStd(Target):
    """E[(R − mean)/(std + ε) Σ_t ψ_t], mean and standard deviation of the completion's own group.

    With rewards 0 and 1 it is E_x[f_G(p(x)) ∇p(x)], p(x) the success rate of a prompt: a true gradient, of another
    objective, 2 arcsin √p for large G. With three or more levels of reward it is the gradient of nothing.

    Parameters
    ----------
    epsilon : number
        Added to the standard deviation.
    degrees_of_freedom : 0 or 1
        What the standard deviation divides by: G, or G − 1, as torch's does.

    References
    ----------
    Liu et al., Understanding R1-Zero-like training (Dr. GRPO), 2025.
    """

    epsilon: float = 1e-6
    degrees_of_freedom: int = 1

    def __post_init__(self) -> None:
        settle(
            self,
            epsilon=require_number("epsilon", self.epsilon, 0.0, LARGEST, InvalidInput),
            degrees_of_freedom=require_integer(
                "degrees_of_freedom", self.degrees_of_freedom, 0, InvalidInput, " and at most 1", largest=1
            ),
        )

    def vector(self, problem: TokenProblem, group_size: int) -> Float[Array, "d"]:
        """Return it on completions of π_θ, whoever drew them, and the others of a group as they were drawn [d]."""
        if group_size < 2:
            raise InvalidInput(f"group_size is {group_size}, must be at least 2 for a standard deviation of a group")
        table = problem.completions
        mean = [self._mean(*each, group_size) for each in zip(table.rewards, problem.chances, strict=True)]
        return over_completions(problem, problem.policy, np.array(mean)[:, :, None] + 0.0 * table.mask)

    def _mean(self, rewards: Any, chances: Any, group_size: int) -> Float[Array, "K"]:
        """Return E[A|y] for each completion of one prompt."""
        levels, where = np.unique(rewards, return_inverse=True)
        counts, weight = others(np.bincount(where, weights=chances), group_size - 1)
        found = np.zeros(len(levels))
        for own in range(len(levels)):
            whole = counts + (np.arange(len(levels)) == own)
            mean = whole @ levels / group_size
            square = (whole * (levels - mean[:, None]) ** 2).sum(axis=1) / (group_size - self.degrees_of_freedom)
            spread = np.sqrt(square) + self.epsilon
            found[own] = (
                weight * np.divide(levels[own] - mean, spread, out=np.zeros_like(mean), where=square > 0)
            ).sum()
        return found[where]

    @property
    def formula(self) -> str:
        """With its kind of deviation."""
        return f"E[(R − mean)/(std + {self.epsilon:g}) Σ_t ψ_t]"

    @property
    def words(self) -> str:
        """What is divided."""
        return "advantages divided by the standard deviation of the group"

    @property
    def effect(self) -> str:
        """Compared with ∇J."""
        return "weighs prompts by 1/√(p(1 − p)): more those that are nearly always, or hardly ever, solved"

    @property
    def source(self) -> str:
        """Dr. GRPO."""
        return "arXiv:2503.20783"
