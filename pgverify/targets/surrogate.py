"""The clipped surrogate of importance ratios, token by token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.kinds import known_arguments
from pgverify.targets.arguments import ADVANTAGES, clip_of, dual_of, one_of
from pgverify.targets.group_advantages import own_advantages
from pgverify.targets.sums import over_completions
from pgverify.targets.target import Target
from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array, settle


@known_arguments
@dataclass(frozen=True)
class Surrogate(Target):
    """∇ E_old Σ_t min(ρ_t A, clip(ρ_t, 1 − ε_low, 1 + ε_high) A), ρ_t the ratio of one token.

    The minimum is the clipped term, without gradient, where A > 0 and ρ > 1 + ε_high, or A < 0 and ρ < 1 − ε_low. Which
    of them it is follows the sign of that advantage, of which a completion has several, one for each thing that the
    others of its group may earn:

        Σ_y p_old(y) Σ_t ρ_t ψ_t (1{ρ_t ≤ 1 + ε_high} E[A⁺|y] − 1{ρ_t ≥ 1 − ε_low} E[A⁻|y])

    Parameters
    ----------
    clip : number, (low, high), or None
        ε, or ε_low and ε_high; None: nothing is clipped.
    advantages : "leave-one-out", "own-mean" or "none"
        Of groups of completions; `pgv.check` has G_t − V(s_t).
    dual : number above 1, optional
        c of the dual clip: max(·, cA) where A < 0, so that ρ > c has no gradient there.

    References
    ----------
    Schulman et al., Proximal policy optimization, 2017; Yu et al., DAPO, 2025 (two ε).
    """

    clip: float | tuple[float, float] | None = 0.2
    advantages: str = "leave-one-out"
    dual: float | None = None

    def __post_init__(self) -> None:
        settle(self, clip=clip_of(self.clip), dual=dual_of(self.dual))
        one_of("advantages", self.advantages, ADVANTAGES)

    @property
    def _bounds(self) -> tuple[float, float]:
        if self.clip is None:
            return 1.0, np.inf
        if isinstance(self.clip, tuple):
            return self.clip
        return float(self.clip), float(self.clip)

    def vector(self, problem: TokenProblem, group_size: int) -> Float[Array, "d"]:
        """Return it at θ [d]: completions of π_old, whoever drew them, and the others of a group as they were drawn."""
        low, high = self._bounds
        ratio = np.exp(problem.log_probs(problem.policy) - problem.log_probs(problem.old))
        gains, losses = [], []
        for rewards, chances in zip(problem.completions.rewards, problem.chances, strict=True):
            law = own_advantages(self.advantages, rewards, chances, group_size)
            gains.append(law.mean(lambda a: np.maximum(a, 0.0)))
            losses.append(law.mean(lambda a: np.minimum(a, 0.0)))
        kept = np.where(ratio <= 1.0 + high, np.array(gains)[:, :, None], 0.0)
        inside = (ratio >= 1.0 - low) & (ratio <= (np.inf if self.dual is None else self.dual))
        kept = kept + np.where(inside, np.array(losses)[:, :, None], 0.0)
        return over_completions(problem, problem.old, ratio * kept)

    @property
    def formula(self) -> str:
        """With its clip."""
        low, high = self._bounds
        inner = "ρA" if self.clip is None else f"min(ρA, clip(ρ, {1 - low:g}, {1 + high:g})A)"
        dual = "" if self.dual is None else f", and {self.dual:g}A at least where A < 0"
        return f"∇E_old[Σ_t {inner}{dual}], A: {self.advantages}"

    @property
    def words(self) -> str:
        """With or without its clip."""
        clipped = "unclipped" if self.clip is None else "clipped"
        return f"the gradient of the {clipped} token-ratio surrogate"

    @property
    def effect(self) -> str:
        """Compared with ∇J."""
        return "follows the states of the old policy; away from it not ∇J"

    @property
    def source(self) -> str:
        """PPO."""
        return "arXiv:1707.06347"
