"""What loss terms for entropy and KL add to a gradient: the states are held where the policy leads, no γ^t."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from jaxtyping import Float

from pgverify.bonus import KL, Bonus, Entropy
from pgverify.checking.verdict.first_terms import visited
from pgverify.policies.tabular_softmax import uniform_policy
from pgverify.problem import Problem
from pgverify.validation import Array


def entropy_bonus(problem: Problem, coefficient: float | None = None) -> Float[Array, "d"]:
    """Return β Σ_t Σ_s d_t(s) ∇H(π(·|s)): the gradient of the usual entropy term, *not* that of J with the bonus.

    Parameters
    ----------
    problem : Problem
    coefficient : float, optional
        β; by default that of the objective's own bonus, and 1 where it has none.
    """
    return _held(problem, Entropy(_coefficient(problem, coefficient)))


def kl_bonus(problem: Problem, coefficient: float | None = None) -> Float[Array, "d"]:
    """Return −β Σ_t Σ_s d_t(s) ∇KL(π(·|s) ‖ π_ref(·|s)): the gradient of a KL term in the loss, states held.

    Parameters
    ----------
    problem : Problem
        The reference is that of the objective's own `KL` bonus, and uniform where there is none.
    coefficient : float, optional
        β; by default that of the objective's own bonus, and 1 where it has none.
    """
    own = problem.objective.bonus
    reference = own.reference if isinstance(own, KL) else uniform_policy(*problem.policy.probabilities().shape)
    return _held(problem, KL(reference, _coefficient(problem, coefficient)))


BONUS_TERMS: Mapping[str, Callable[[Problem, float | None], Float[Array, "d"]]] = MappingProxyType(
    {"entropy_bonus": entropy_bonus, "kl_bonus": kl_bonus}
)
"""Terms that take a coefficient: "entropy_bonus(0.01)"."""


def _held(problem: Problem, bonus: Bonus) -> Float[Array, "d"]:
    # ∇ Σ_a π c(π) = Σ_a ∇π c + Σ_a π ∇c, and the second sum is zero: Σ_a π ψ c.
    return visited(problem, bonus.reward(problem.policy.probabilities()))


def _coefficient(problem: Problem, given: float | None) -> float:
    own = problem.objective.bonus
    return given if given is not None else 1.0 if own is None else own.coefficient
