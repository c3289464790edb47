"""∇J(θ) of the token tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.exact import gradient
from pgverify.kinds import known_arguments
from pgverify.targets.target import Target
from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array


@known_arguments
@dataclass(frozen=True)
class PolicyGradient(Target):
    """∇J(θ) = ∇ E_x E_{y∼π_θ}[R(x, y)], whoever drew the completions.

    References
    ----------
    Williams, Simple statistical gradient-following algorithms, 1992.
    """

    def vector(self, problem: TokenProblem, group_size: int) -> Float[Array, "d"]:  # noqa: ARG002
        """Return ∇J(θ) [d]."""
        return np.asarray(gradient(problem.problem))

    @property
    def formula(self) -> str:
        """∇E[R]."""
        return "∇E[R]"

    @property
    def words(self) -> str:
        """Of the expected reward."""
        return "the policy gradient"

    @property
    def source(self) -> str:
        """Of the theorem."""
        return "Williams 1992"
